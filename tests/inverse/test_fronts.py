"""What is told of each front that passes a patch."""

import numpy as np
import pytest

from twin.inverse.forward_model.fronts import FEATURES, Fronts
from twin.inverse.forward_model.portrait import AtrialPortrait
from twin.meshes.atrium import Atrium
from twin.meshes.torso import Torso
from twin.simulation.atria.patches import Patches
from twin.simulation.lead_field import electrode_places

SPEED = 0.6
SLOWNESS, ALONG, QUOTIENT, STRAIGHT, REST, UNKNOWN, LATE = 0, 1, 2, 3, 12, 13, 15


@pytest.fixture(scope="module")
def patches():
    return Patches.of(Atrium.sample(3, nodes=8_000), 400)


@pytest.fixture(scope="module")
def portrait(patches):
    torso = Torso.template(seed=4).place(patches.atrium)
    known = patches.known() | patches.surroundings(torso)
    return AtrialPortrait.of(known, electrode_places(torso))


def seen(patches, portrait, potentials, interval=2.0):
    known = (patches.mean_weights @ potentials).reshape(4, patches.count, -1)
    return Fronts.of(portrait, known[0], known[1:].swapaxes(0, 1), interval)


def beat(since, lasts=120.0):
    """An action potential; ms since the front came."""
    return -80 + 100 / (1 + np.exp(-since / 1.5)) / (1 + np.exp((since - lasts) / 8))


def plane(patches, times):
    """When a plane front along y comes, and how long ago that is at each time."""
    points = patches.atrium.points
    return times - (points[:, 1:2] - points[:, 1].min()) / SPEED


def test_a_plane_front_is_as_slow_along_the_wall_as_it_is(patches, portrait):
    fronts = seen(patches, portrait, beat(plane(patches, np.arange(-20, 340, 2.0))))
    assert fronts.features.shape == (len(fronts.patch), FEATURES)
    assert np.isfinite(fronts.features).all()
    assert len(np.unique(fronts.patch)) == len(fronts.patch) > 0.9 * patches.count
    across = portrait.normals @ portrait.frame
    within = 1 - across[fronts.patch, 1] ** 2
    flat = within > 0.5
    expected = np.log(within[flat] / SPEED**2)
    found = fronts.features[flat]
    assert abs(np.median(found[:, SLOWNESS] - expected)) < 0.03
    assert np.median(np.abs(found[:, SLOWNESS] - expected)) < 0.1
    assert abs(np.median(found[:, QUOTIENT] + expected)) < 0.15
    assert np.median(found[:, STRAIGHT]) > 0.95
    along = np.einsum("pxy,px,py->p", portrait.dyads, *2 * [_within(across)])[fronts.patch][flat]
    assert np.corrcoef(along, found[:, ALONG])[0, 1] > 0.95


def _within(normals):
    """The direction of y within each patch."""
    way = np.array([0, 1.0, 0]) - normals[:, 1:2] * normals
    return way / np.linalg.norm(way, axis=1, keepdims=True)


@pytest.mark.parametrize("interval", [1.0, 3.0])
def test_frames_at_another_distance_tell_the_same_speed(patches, portrait, interval):
    usual = seen(patches, portrait, beat(plane(patches, np.arange(-20, 340, 2.0))))
    times = np.arange(-20, 340, interval)
    other = seen(patches, portrait, beat(plane(patches, times)), interval)
    both, at, there = np.intersect1d(usual.patch, other.patch, return_indices=True)
    assert len(both) > 0.9 * patches.count
    apart = other.features[there] - usual.features[at]
    assert np.median(np.abs(apart[:, SLOWNESS])) < 0.1
    assert np.median(np.abs(apart[:, REST])) < 0.1


def test_scaled_potentials_tell_the_same(patches, portrait):
    potentials = beat(plane(patches, np.arange(-20, 340, 2.0)))
    one, other = (seen(patches, portrait, x) for x in (potentials, 0.5 * potentials + 10))
    np.testing.assert_array_equal(one.patch, other.patch)
    np.testing.assert_allclose(one.features, other.features, atol=2e-3)


def test_a_second_beat_is_a_second_front_after_a_rest_that_is_known(patches, portrait):
    since = plane(patches, np.arange(-20, 640, 2.0))
    once = seen(patches, portrait, beat(since))
    twice = seen(patches, portrait, np.maximum(beat(since), beat(since - 300)))
    assert abs(len(twice.patch) - 2 * len(once.patch)) <= 2
    unknown = twice.features[:, UNKNOWN] > 0
    assert 0.45 < unknown.mean() < 0.55
    rest = np.exp(2 * twice.features[~unknown, REST])
    assert np.median(rest) == pytest.approx(300 - 120, abs=25)


def test_where_fronts_meet_they_came_earlier_all_around(patches, portrait):
    y = patches.atrium.points[:, 1:2]
    middle = (y.min() + y.max()) / 2
    since = np.arange(-20, 300, 2.0) - (np.abs(y - middle).max() - np.abs(y - middle)) / SPEED
    fronts = seen(patches, portrait, beat(since))
    meeting = np.abs(patches.centres[fronts.patch, 1] - middle) < 1.0
    late = 10 * fronts.features[:, LATE]
    assert meeting.sum() > 5
    assert np.median(late[meeting]) < -2
    assert abs(np.median(late[~meeting])) < 0.5


def test_potentials_that_do_not_move_have_no_fronts(patches, portrait):
    fronts = seen(patches, portrait, np.full((len(patches.atrium.points), 50), -80.0))
    assert fronts.patch.shape == (0,)
    assert fronts.features.shape == (0, FEATURES)
