"""Durations of action potentials: the gradients asked for, and what coupling makes of them."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from twin.benchmarks.boxes import box_heart
from twin.meshes.errors import InputError
from twin.meshes.heart import Coordinates
from twin.simulation.repolarisation import DurationGradients, ElectrotonicCoupling

jax.config.update("jax_enable_x64", True)


EVEN = DurationGradients(300.0, 0.0, 0.0, 0.0, 0.0, 0.0)


@pytest.fixture(scope="module")
def heart():
    box = box_heart(0.5, size=(20.0, 2.0, 2.0))
    along, across, up = (box.points / box.points.max(axis=0)).T
    where = Coordinates(along, up, 0 * up, (across > 0.5).astype(np.int8))
    return replace(box, coordinates=where)


@pytest.mark.parametrize(
    ("name", "axis", "sign"),
    [("apicobasal", 0, 1), ("anteroposterior", 1, -1), ("transmural", 2, -1)],
)
def test_each_gradient_is_the_difference_it_is_named_after(heart, name, axis, sign):
    durations = replace(EVEN, **{name: 24.0}).durations(heart)
    place = heart.points[:, axis]
    ends = durations[place == place.max()].mean() - durations[place == place.min()].mean()
    assert ends == pytest.approx(sign * 24.0, abs=1e-9)


def test_the_left_ventricle_is_longer_and_the_mean_is_kept(heart):
    durations = replace(EVEN, mean=280.0, interventricular=18.0).durations(heart)
    left = heart.coordinates.ventricle == 0
    assert durations[left].mean() - durations[~left].mean() == pytest.approx(18.0)
    volumes = ElectrotonicCoupling.of(heart).volumes
    assert np.average(durations, weights=volumes) == pytest.approx(280.0)


def test_the_septum_is_longer_than_the_wall_opposite_it_on_the_left_only(heart):
    places = heart.coordinates
    round_the_axis = replace(heart, coordinates=replace(places, rotational=places.apicobasal))
    durations = replace(EVEN, septolateral=24.0).durations(round_the_axis)
    left, angle = places.ventricle == 0, places.apicobasal
    septum, side = (left & np.isclose(angle, a, atol=0.02) for a in (5 / 6, 1 / 3))
    assert durations[septum].mean() - durations[side].mean() == pytest.approx(24.0, abs=0.2)
    assert np.ptp(durations[~left]) == 0


def test_a_step_decays_over_the_length(heart):
    """u - L2 u'' = step of height 2 has the solution 1 - exp(-x / L) beyond the step."""
    x = heart.points[:, 0] - 10.0
    smooth = np.asarray(ElectrotonicCoupling.of(heart, 2.0).smooth(jnp.sign(x)))
    exact = np.sign(x) * (1 - np.exp(-np.abs(x) / 2.0))
    middle = np.abs(x) < 6
    assert np.abs(smooth - exact)[middle].max() < 0.06


def test_the_mean_over_the_volume_stays(heart):
    coupling = ElectrotonicCoupling.of(heart, 3.0)
    values = np.random.default_rng(0).normal(size=len(heart.points))
    smooth = coupling.smooth(jnp.asarray(values))
    assert float(smooth @ coupling.volumes) == pytest.approx(
        float(values @ coupling.volumes), abs=1e-3
    )
    assert float(jnp.std(smooth)) < 0.3


def test_repolarisation_is_smooth_and_the_unreached_pull_nobody(heart):
    times = np.where(heart.points[:, 0] > 12, np.inf, 3 * heart.points[:, 0])
    durations = np.where(heart.points[:, 0] > 12, 1e3, 300 - 3 * heart.points[:, 0])
    coupled = np.asarray(ElectrotonicCoupling.of(heart).durations(times, jnp.asarray(durations)))
    np.testing.assert_allclose(coupled, durations, atol=1e-2)


def test_gradient_is_that_of_differences(heart):
    coupling = ElectrotonicCoupling.of(heart, 2.0)
    random = np.random.default_rng(1)
    seen, way, times = (jnp.asarray(random.normal(size=len(heart.points))) for _ in range(3))

    def loss(t):
        return (seen * coupling.durations(t, 270.0 + t)).sum()

    slope = float(jax.grad(loss)(times) @ way)
    difference = float(loss(times + way) - loss(times - way)) / 2
    # Conjugate gradients stop at 1e-5 of the norms.
    error = 3e-5 * float(jnp.linalg.norm(seen) * jnp.linalg.norm(way))
    assert slope == pytest.approx(difference, abs=error)


def test_lengths_and_gradients_are_checked(heart):
    with pytest.raises(InputError, match="electrotonic length"):
        ElectrotonicCoupling.of(heart, -1.0)
    with pytest.raises(InputError, match="transmural is nan"):
        DurationGradients(transmural=float("nan"))
