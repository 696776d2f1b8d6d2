"""How fronts pass patches, summed over a recording."""

from itertools import pairwise

import numpy as np
import pytest

from twin.meshes.atrium import Atrium
from twin.meshes.errors import InputError
from twin.simulation.atria.passage import PASSAGE, STEPS, WATCHED, Watch
from twin.simulation.atria.patches import Patches

SPEED = 0.6


@pytest.fixture(scope="module")
def patches():
    return Patches.of(Atrium.sample(3, nodes=8_000), 300)


@pytest.fixture(scope="module")
def potentials(patches):
    """A plane front along y, every 2 ms, for longer than is looked at together."""
    along = patches.atrium.points[:, 1] - patches.atrium.points[:, 1].min()
    since = np.arange(0, 2.0 * (2 * STEPS + 40), 2.0) - along[:, None] / SPEED
    return (-80 + 100 / (1 + np.exp(-since / 3))).astype(np.float32)


def plainly(patches, potentials):
    """`PASSAGE` as its words say, at the triangles that are watched."""
    triangles = patches.atrium.triangles
    watched = np.arange(0, len(triangles), -(-len(triangles) // WATCHED))
    values = potentials[triangles[watched]].astype(float)
    change = np.diff(values.mean(axis=1), axis=1) / 2
    middle = (values[..., 1:] + values[..., :-1]) / 2
    gradient = np.einsum("wcx,wct->wtx", patches.elements.gradients[watched], middle)
    rise, slope = change**2, (gradient**2).sum(axis=2)
    along = np.einsum("wtx,wxy,wty->wt", gradient, patches.dyads[watched], gradient)
    products = (slope * slope, slope * along, along * along, rise * slope, rise * along)
    means = [x.mean(axis=1) for x in (rise, slope, along, *products)]
    patch = patches.of_triangle[watched]
    count = np.maximum(np.bincount(patch, minlength=patches.count), 1)
    return np.stack([np.bincount(patch, x, patches.count) / count for x in means], axis=1)


def test_what_is_kept_is_what_its_words_say(patches, potentials):
    expected = plainly(patches, potentials)
    found = Watch.of(patches).passage(potentials, 2.0)
    assert found.shape == (patches.count, len(PASSAGE))
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-5 * expected.max())


def test_parts_of_a_recording_add_up(patches, potentials):
    watch = Watch.of(patches)
    cuts = [0, 50, 51, 120, 240, potentials.shape[1] - 1]
    parts = [watch.passing(potentials[:, a : b + 1], 2.0) for a, b in pairwise(cuts)]
    found = watch.mean(parts, potentials.shape[1] - 1)
    whole = watch.passage(potentials, 2.0)
    np.testing.assert_allclose(found, whole, rtol=1e-4, atol=1e-6 * whole.max())


def test_the_quotient_is_the_square_of_the_speed_along_the_wall(patches, potentials):
    rise, slope = Watch.of(patches).passage(potentials, 2.0)[:, :2].T
    across = patches.normals / np.linalg.norm(patches.normals, axis=1, keepdims=True)
    within = 1 - across[:, 1] ** 2
    flat = (within > 0.5) & (slope > 0)
    square = SPEED**2 / within[flat]
    assert abs(np.median(rise[flat] / slope[flat] / square) - 1) < 0.1


def test_one_frame_tells_no_speed(patches, potentials):
    with pytest.raises(InputError, match="too short to tell speeds"):
        Watch.of(patches).passage(potentials[:, :1], 2.0)
