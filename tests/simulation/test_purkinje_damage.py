"""Part of a heart and of its conduction system dead: alone, and as scenarios of one problem."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from twin.meshes.heart import Boundary
from twin.native import kernels
from twin.simulation.eikonal import (
    activation,
    activation_times,
    delays_without,
    locate_sources,
    pose,
)
from twin.simulation.purkinje import Purkinje
from twin.simulation.tissue import Tissue

jax.config.update("jax_enable_x64", True)
pytestmark = pytest.mark.skipif(kernels is None, reason="the native kernels are not built")

SCENARIOS = 10
"""More than there are lanes."""


@pytest.fixture(scope="module")
def heart(coarse_heart):
    return coarse_heart


@pytest.fixture(scope="module")
def tree(heart):
    return Purkinje.grow(heart, seed=1)


@pytest.fixture(scope="module")
def problem(heart, tree):
    return pose(heart, *locate_sources(heart, None, tree), tree)


@pytest.fixture(scope="module")
def dead(heart):
    """Balls around places of the left endocardium, with the nodes that are left without a
    conducting element, and none."""
    inside = heart.boundary_nodes(Boundary.LV_ENDOCARDIUM)
    centres = heart.points[inside[:: len(inside) // (SCENARIOS - 1)][: SCENARIOS - 1]]
    balls = np.linalg.norm(heart.points - centres[:, None], axis=2) < 14
    for ball in balls:
        conducting = ~ball[heart.tetrahedra].any(axis=1)
        ball[np.setdiff1d(np.arange(len(ball)), heart.tetrahedra[conducting])] = True
    return np.concatenate([balls, np.zeros((1, len(heart.points)), bool)])


def single(heart, tree, dead):
    blocked = dead[heart.tetrahedra].any(axis=1)
    tissue = Tissue.healthy(heart).block(blocked)
    return activation(heart, tissue, purkinje=tree.without(heart, dead)).times


def together(heart, tree, problem, dead):
    tissue = Tissue.healthy(heart)
    branches = tree.dead_branches(heart, dead)
    delays = np.stack([delays_without(problem, tree, gone) for gone in branches])
    blocked = dead[:, heart.tetrahedra].any(axis=2)
    return jax.jit(jax.vmap(activation_times, (None, None, 0, None, None, 0, 0)))(
        problem, tissue.speeds, blocked, jnp.zeros(1), None, delays, branches
    )


class TestWithout:
    def test_a_dead_node_takes_its_junction_and_its_branches_along(self, heart, tree):
        dead = np.zeros(len(heart.points), bool)
        dead[tree.junctions[3, 1]] = True
        left = tree.without(heart, dead)
        assert len(left.junctions) == len(tree.junctions) - 1
        own = (tree.edges == tree.junctions[3, 0]).any(axis=1)
        assert own.any()
        assert len(left.edges) == len(tree.edges) - own.sum()

    def test_what_hangs_below_is_cut_off_but_stays_tied_to_the_heart(self, heart, tree, dead):
        for gone in dead[:-1]:
            left = tree.without(heart, gone)
            alive = ~gone[tree.junctions[:, 1]]
            np.testing.assert_array_equal(left.junctions, tree.junctions[alive])
            assert (left.arrival_times() >= tree.arrival_times()).all()
        cut = [~np.isfinite(tree.without(heart, gone).arrival_times()).all() for gone in dead[:-1]]
        assert any(cut)

    def test_nothing_dead_is_the_same_tree(self, heart, tree, dead):
        assert tree.without(heart, dead[-1]).content == tree.content


class TestScenarios:
    def test_a_batch_equals_the_single_runs(self, heart, tree, problem, dead):
        times = np.asarray(together(heart, tree, problem, dead))
        for gone, own in zip(dead, times, strict=True):
            np.testing.assert_allclose(own, single(heart, tree, gone), rtol=1e-12)
            assert not np.isfinite(own[gone]).any()

    def test_eight_alike_run_in_lanes_with_infinite_delays(self, heart, tree, problem, dead):
        """The same nodes never begin in all, which then share lanes; the speeds differ."""
        gone, tissue = dead[2], Tissue.healthy(heart)
        branches = tree.dead_branches(heart, gone)
        delays = delays_without(problem, tree, branches)
        assert np.isinf(delays).any()
        blocked = gone[heart.tetrahedra].any(axis=1)
        factors = np.linspace(0.8, 1.2, SCENARIOS)
        run = jax.vmap(activation_times, (None, 0, None, None, None, None, None))
        speeds = factors[:, None, None] * tissue.speeds
        times = run(problem, speeds, blocked, jnp.zeros(1), None, delays, branches)
        left = tree.without(heart, gone)
        for factor, own in zip(factors, np.asarray(times), strict=True):
            slowed = tissue.scale(np.full(len(blocked), factor)).block(blocked)
            alone = activation(heart, slowed, purkinje=left).times
            # Lanes share one order of nodes; one in 24,000 settles within the kernel's tolerance.
            np.testing.assert_allclose(own, alone, rtol=1e-6)

    def test_the_twin_agrees(self, heart, tree, problem, dead, monkeypatch):
        native = np.asarray(together(heart, tree, problem, dead[:2]))
        monkeypatch.setattr(
            "twin.simulation.fronts.arrivals.by_platform", lambda _, twin, *args: twin(*args)
        )
        jax.clear_caches()
        plain = np.asarray(together(heart, tree, problem, dead[:2]))
        np.testing.assert_allclose(plain, native, rtol=1e-9)
        jax.clear_caches()

    def test_no_source_at_all_reaches_nothing(self, heart, tree, problem):
        never = np.full(len(problem.delays), np.inf)
        shut = np.ones(len(tree.edges), bool)
        blocked = np.zeros(len(heart.tetrahedra), bool)
        times = activation_times(
            problem, Tissue.healthy(heart).speeds, blocked, jnp.zeros(1), None, never, shut
        )
        assert np.isinf(times).all()
