"""The forward ECG against direct quadrature, under refinement, and its gradient and batches."""

from dataclasses import replace
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from twin.benchmarks.boxes import box_heart
from twin.benchmarks.ecg_forward import box_qrs, crtdemo_correlations, relative_difference
from twin.meshes.errors import InputError
from twin.meshes.fields.laplace import LinearElements
from twin.simulation.action_potential import ActionPotentials
from twin.simulation.forward import ForwardECG

jax.config.update("jax_enable_x64", True)

SLOWNESS = np.array([1.3, 0.9, 0.4])
SIZE = (10.0, 5.0, 5.0)
SLOPES = np.random.default_rng(5).normal(size=(8, 3)) * 1e-3
"""Lead fields that are linear in space: grad Z, one a lead."""


def block(spacing, samples=600):
    """A block whose tissue conducts 1 S/m, with linear lead fields."""
    heart = box_heart(spacing, size=SIZE)
    elements = LinearElements(heart.points, heart.tetrahedra)
    weights = np.einsum("lx,ekx,e->elk", SLOPES, elements.gradients, elements.volumes)
    forward = ForwardECG.of_weights(jnp.asarray(weights), heart.tetrahedra, samples=samples)
    return heart, forward


@pytest.fixture(scope="module")
def small():
    return block(1.25)


def plane(heart):
    """Arrivals of a plane front, and durations that fall in its direction."""
    times = heart.points @ SLOWNESS
    return times, 300 - 0.7 * times


def quadrature(times_at, points_a_side=80):
    """- integral of grad V . grad Z of the plane front over the block, with V exact.

    Along the front's direction V depends on the arrival alone, so only the distribution of
    arrivals over the block is sampled, finely."""
    axes = [(np.arange(points_a_side) + 0.5) / points_a_side * extent for extent in SIZE]
    arrivals = sum(s * a for s, a in zip(SLOWNESS, np.meshgrid(*axes, indexing="ij"), strict=True))
    edges = np.arange(0, arrivals.max() + 0.1, 0.02)
    volume, _ = np.histogram(arrivals, edges)
    volume = volume / arrivals.size * np.prod(SIZE)
    centres = (edges[1:] + edges[:-1]) / 2
    gap = 0.01
    slope = np.array([potential(times_at, centres + gap) - potential(times_at, centres - gap)]) / (
        2 * gap
    )
    return -(SLOPES @ SLOWNESS)[:, None] * (slope[0] @ volume)


def potential(times, arrivals):
    """V at each time, where the front arrives at each of `arrivals`."""
    table = ActionPotentials.of()
    durations = 300 - 0.7 * arrivals
    row = np.searchsorted(table.durations, durations, side="right") - 1
    share = (durations - table.durations[row]) / (table.durations[1] - table.durations[0])
    lag = (times[:, None] - arrivals - table.times[0]) / (table.times[1] - table.times[0])
    lag = np.clip(lag, 0, table.potentials.shape[1] - 2)
    sample = lag.astype(int)
    part = lag - sample
    below, above = (
        (1 - part) * table.potentials[r, sample] + part * table.potentials[r, sample + 1]
        for r in (row, row + 1)
    )
    return (1 - share) * below + share * above


def test_a_plane_front_is_that_of_direct_quadrature(small):
    heart, forward = small
    exact = quadrature(forward.times)
    ecg = np.asarray(forward.ecg(*plane(heart)))
    early, late = forward.times < 60, forward.times > 150
    assert relative_difference(ecg[:, early], exact[:, early]) < 0.02
    assert relative_difference(ecg[:, late], exact[:, late]) < 0.02


def test_the_qrs_converges_under_refinement():
    finest = box_qrs(1.0)
    coarse, middle = (relative_difference(box_qrs(h), finest) for h in (3.0, 2.0))
    assert coarse < 0.05
    assert middle < 0.02
    assert middle < coarse


def test_all_is_quiet_before_the_front_and_after_repolarisation(small):
    heart, forward = small
    ecg = np.asarray(forward.ecg(*plane(heart)))
    peak = np.abs(ecg).max()
    assert np.abs(ecg[:, forward.times < -6]).max() < 1e-9 * peak
    assert np.abs(ecg[:, forward.times > 480]).max() < 5e-3 * peak


def test_a_later_front_makes_a_later_ecg(small):
    heart, forward = small
    times, durations = plane(heart)
    ecg, later = (np.asarray(forward.ecg(times + delay, durations)) for delay in (0.0, 20.0))
    np.testing.assert_allclose(later[:, 20:], ecg[:, :-20], atol=1e-9 * np.abs(ecg).max())


def test_gradients_are_those_of_differences(small):
    heart, forward = small
    random = np.random.default_rng(0)
    # Off the knots of the grid of durations and arrivals, where the slope jumps.
    times, durations = (jnp.asarray(a + 0.137) for a in plane(heart))
    seen = jnp.asarray(random.normal(size=(8, len(forward.times))))
    ways = [jnp.asarray(random.normal(size=a.shape)) for a in (times, durations, forward.weights)]

    @jax.jit
    def loss(times, durations, weights):
        return (seen * replace(forward, weights=weights).ecg(times, durations)).sum()

    at = (times, durations, forward.weights)
    gradients = jax.grad(loss, argnums=(0, 1, 2))(*at)
    for which, (way, gradient) in enumerate(zip(ways, gradients, strict=True)):
        step = 1e-5
        ahead, back = (
            loss(*(a + s * step * way if i == which else a for i, a in enumerate(at)))
            for s in (1, -1)
        )
        slope = float((gradient * way).sum())
        assert slope == pytest.approx(float(ahead - back) / (2 * step), rel=1e-3)


def test_a_batch_is_its_members(small):
    heart, forward = small
    times, durations = plane(heart)
    batch = jnp.stack([times, 1.3 * times, jnp.where(times > 8, jnp.inf, times)])
    together = jax.jit(jax.vmap(lambda t: forward.ecg(t, durations)))(batch)
    for ecg, alone in zip(together, batch, strict=True):
        np.testing.assert_allclose(ecg, forward.ecg(alone, durations), atol=1e-12)


def test_unreached_nodes_are_as_if_their_elements_were_cut_out(small):
    heart, forward = small
    times, durations = plane(heart)
    dead = heart.points[:, 0] > 6
    holed = np.where(dead, np.inf, times)
    silent = dead[heart.tetrahedra].any(axis=1)
    without = replace(forward, weights=forward.weights.at[silent].set(0.0))
    np.testing.assert_allclose(
        forward.ecg(holed, durations), without.ecg(times, durations), atol=1e-12
    )
    gradients = jax.grad(lambda t, a: (forward.ecg(t, a) ** 2).sum(), argnums=(0, 1))(
        jnp.asarray(holed), jnp.asarray(durations)
    )
    assert all(np.isfinite(g).all() and (np.asarray(g)[dead] == 0).all() for g in gradients)


def test_a_record_is_twelve_leads_at_1_khz_that_say_where_time_starts(small):
    heart, forward = small
    ecg = forward.record(*plane(heart), provenance={"seed": 1})
    assert len(ecg.leads) == 12
    assert ecg.rate == 1000
    assert ecg.provenance["seed"] == 1
    assert "first sample is at -40 ms" in ecg.remarks[0]
    np.testing.assert_allclose(ecg.lead("III"), ecg.lead("II") - ecg.lead("I"), atol=1e-12)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t, a: (t[:-1], a), "one for each node"),
        (lambda t, a: (t * np.nan, a), "NaN"),
        (lambda t, a: (t - 60, a), "start the ECG"),
        (lambda t, a: (t + 600, a), "more samples"),
        (lambda t, a: (t, a + 300), "wider table"),
    ],
)
def test_bad_input_is_refused_with_advice(small, change, message):
    heart, forward = small
    with pytest.raises(InputError, match=message):
        forward.record(*change(*plane(heart)))


def test_crtdemo_gives_its_own_ecg_back():
    folder = Path(__file__).parents[2].parent / "shared" / "data" / "crtdemo"
    if not folder.exists():
        pytest.skip("../shared/data/crtdemo is not here")
    assert min(crtdemo_correlations(folder).values()) > 0.97
