"""A heart activated through its conduction system: in health, cut, and entered from the heart."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from twin.meshes.errors import InputError
from twin.meshes.heart import Boundary
from twin.native import kernels
from twin.simulation.activation import Reached
from twin.simulation.eikonal import activation, activation_times, locate_sources, pose
from twin.simulation.purkinje import Bundle, Purkinje
from twin.simulation.tissue import Tissue

jax.config.update("jax_enable_x64", True)
pytestmark = pytest.mark.skipif(kernels is None, reason="the native kernels are not built")


@pytest.fixture(scope="module")
def heart(coarse_heart):
    return coarse_heart


@pytest.fixture(scope="module")
def tree(heart):
    return Purkinje.grow(heart, seed=1)


@pytest.fixture(scope="module")
def tissue(heart):
    return Tissue.healthy(heart)


@pytest.fixture(scope="module")
def healthy(heart, tissue, tree):
    return activation(heart, tissue, purkinje=tree).times


def wall(heart, bundle):
    """The nodes of a ventricle's own wall; the septum is both ventricles'."""
    free = (heart.coordinates.rotational < 2 / 3) | (bundle == Bundle.RIGHT)
    return (heart.coordinates.ventricle == bundle) & free


def compiled_times(problem, speeds, times=(0.0,)):
    blocked = jnp.zeros(len(speeds), bool)
    return _times(problem, jnp.asarray(speeds), blocked, jnp.asarray(times))


_times = jax.jit(activation_times)


class TestHealth:
    @pytest.mark.parametrize("bundle", Bundle)
    def test_both_ventricles_are_faster_than_from_their_first_junction(
        self, heart, tissue, tree, healthy, bundle
    ):
        junctions, arrivals = tree.reached_junctions()
        own = heart.coordinates.ventricle[junctions] == bundle
        first = np.argmin(np.where(own, arrivals, np.inf))
        alone = activation(heart, tissue, junctions[[first]], arrivals[[first]]).times
        here = heart.coordinates.ventricle == bundle
        assert healthy[here].mean() < 0.7 * alone[here].mean()
        assert (healthy <= alone + 1e-9).all()

    def test_junctions_fire_when_the_tree_reaches_them(self, tree, healthy):
        junctions, arrivals = tree.reached_junctions()
        assert (healthy[junctions] <= arrivals + 1e-9).all()
        first = np.argmin(arrivals)
        assert healthy[junctions[first]] == pytest.approx(arrivals[first])

    def test_a_later_bundle_of_his_delays_everything(self, heart, tissue, tree, healthy):
        later = activation(heart, tissue, times=7.5, purkinje=tree).times
        np.testing.assert_allclose(later, healthy + 7.5, rtol=1e-12)

    def test_the_same_seed_gives_the_same_bits(self, heart, tissue, healthy):
        again = activation(heart, tissue, purkinje=Purkinje.grow(heart, seed=1)).times
        np.testing.assert_array_equal(again, healthy)
        other = activation(heart, tissue, purkinje=Purkinje.grow(heart, seed=2))
        assert not np.array_equal(other.times, healthy)


class TestBundleBranchBlock:
    @pytest.mark.parametrize("bundle", Bundle)
    def test_the_ventricle_behind_the_cut_is_late_and_the_other_as_before(
        self, heart, tissue, tree, healthy, bundle
    ):
        times = activation(heart, tissue, purkinje=tree.cut(bundle)).times
        behind, other = wall(heart, bundle), wall(heart, Bundle(1 - bundle))
        assert times[behind].mean() > healthy[behind].mean() + 10
        # Near the septum, and where the walls meet, fronts of the other ventricle came first.
        assert np.median(np.abs(times[other] - healthy[other])) < 1e-9
        assert times[other].mean() < healthy[other].mean() + 3
        assert (times >= healthy - 1e-9).all()

    def test_without_the_left_bundle_branch_the_lateral_wall_is_last(self, heart, tissue, tree):
        times = activation(heart, tissue, purkinje=tree.cut(Bundle.LEFT)).times
        c = heart.coordinates
        left = c.ventricle == Bundle.LEFT
        assert c.ventricle[times.argmax()] == Bundle.LEFT
        last = np.argsort(np.where(left, times, -np.inf))[-20:]
        assert (c.rotational[last] < 2 / 3).all()
        septum = left & (c.rotational > 2 / 3)
        assert times[left & ~septum].mean() > times[septum].mean() + 10

    def test_both_cut_is_an_error_that_says_so(self, heart, tissue, tree):
        severed = tree.cut(Bundle.LEFT).cut(Bundle.RIGHT)
        with pytest.raises(InputError, match="both bundle branches are cut"):
            activation(heart, tissue, purkinje=severed)

    def test_with_reentry_the_network_below_a_cut_is_run_through_from_the_heart(
        self, heart, tissue, tree
    ):
        severed = tree.cut(Bundle.LEFT, reentry=True).cut(Bundle.RIGHT, reentry=True)
        with pytest.raises(InputError, match="both bundle branches are cut"):
            activation(heart, tissue, purkinje=severed)
        # An escape rhythm still runs on what is left of the tree.
        escape = severed.junctions[:1, 1]
        fast = activation(heart, tissue, escape, purkinje=severed).times
        assert np.isfinite(fast).all()
        assert fast.max() < activation(heart, tissue, escape).times.max()

    @pytest.mark.parametrize("bundle", Bundle)
    def test_muscle_alone_is_slower_than_reentry(self, heart, tissue, tree, bundle):
        alone = activation(heart, tissue, purkinje=tree.cut(bundle)).times
        helped = activation(heart, tissue, purkinje=tree.cut(bundle, reentry=True)).times
        behind = wall(heart, bundle)
        assert alone[behind].mean() > helped[behind].mean() + 0.5

    def test_nothing_is_left_to_cut_twice(self, tree):
        with pytest.raises(InputError, match="no left bundle branch left to cut"):
            tree.cut(Bundle.LEFT).cut(Bundle.LEFT)


class TestEnteredFromTheHeart:
    def test_a_paced_node_activates_the_rest_faster_through_the_tree(self, heart, tissue, tree):
        wall = heart.boundary_nodes(Boundary.EPICARDIUM)
        paced = wall[[np.argmin(heart.coordinates.apicobasal[wall])]]
        slow = activation(heart, tissue, paced).times
        fast = activation(heart, tissue, paced, purkinje=tree).times
        assert (fast <= slow + 1e-9).all()
        assert fast.max() < 0.9 * slow.max()

    def test_the_front_comes_to_the_other_ventricle_through_the_bundle_of_his(
        self, heart, tissue, tree
    ):
        """From a junction up one branch and down the other, at the branches' own speeds."""
        from scipy.sparse import coo_array
        from scipy.sparse.csgraph import dijkstra

        size = len(tree.points)
        graph = coo_array((tree.durations, tuple(tree.edges.T)), shape=(size, size)).tocsr()
        node, start = tree.junctions[np.argmin(tree.arrival_times()[tree.junctions[:, 0]])]
        through = dijkstra(graph, directed=False, indices=node)[tree.junctions[:, 0]]
        times = activation(heart, tissue, np.array([start]), purkinje=tree).times
        assert (times[tree.junctions[:, 1]] <= through + 1e-9).all()

    def test_junctions_in_dead_tissue_activate_nothing(self, heart, tissue, tree, healthy):
        """The tree around them goes on: what it reaches elsewhere is as early as before."""
        centres = heart.points[heart.tetrahedra].mean(axis=1)
        dead = tree.junctions[:, 1][np.argmin(healthy[tree.junctions[:, 1]])]
        near = np.linalg.norm(centres - heart.points[dead], axis=1) < 14
        scarred = activation(heart, tissue.block(near), purkinje=tree)
        inside = np.setdiff1d(heart.tetrahedra[near], heart.tetrahedra[~near])
        assert dead in inside
        assert np.isinf(scarred.times[inside]).all()
        assert (scarred.reached[inside] == Reached.BLOCKED).all()
        junctions, arrivals = tree.reached_junctions()
        outside = np.isin(junctions, heart.tetrahedra[~near])
        assert (scarred.times[junctions[outside]] <= arrivals[outside] + 1e-9).all()


class TestDoor:
    def test_a_tree_of_another_heart(self, heart, tissue, tree):
        moved = replace(heart, points=heart.points + np.array([3.0, 0.0, 0.0]))
        with pytest.raises(InputError, match="grown in another"):
            activation(moved, tissue, purkinje=tree)
        small = replace(tree, junctions=tree.junctions + np.array([0, len(heart.points)]))
        with pytest.raises(InputError, match="grown in another"):
            activation(heart, tissue, purkinje=small)

    def test_single_precision_is_the_same_heart(self, heart, tree, healthy):
        single = heart.astype(np.float32)
        times = activation(single, Tissue.healthy(single), purkinje=tree).times
        assert times.dtype == np.float32
        # Straight ways that graze the surface lead through the wall in one precision only.
        difference = np.abs(times - healthy) / healthy.max()
        assert np.median(difference) < 1e-6
        assert difference.max() < 0.02


class TestTransformations:
    @pytest.fixture(scope="class")
    @staticmethod
    def problem(heart, tree):
        return jax.device_put(pose(heart, *locate_sources(heart, None, tree), tree))

    @pytest.fixture(scope="class")
    @staticmethod
    def speeds(heart):
        factors = np.random.default_rng(0).uniform(0.8, 1.2, (len(heart.tetrahedra), 3))
        return np.array([0.65, 0.52, 0.48]) * factors

    def test_jit_is_the_map(self, problem, heart, tissue, healthy):
        np.testing.assert_allclose(compiled_times(problem, tissue.speeds), healthy, rtol=1e-12)

    def test_vmap_equals_one_at_a_time(self, problem, speeds):
        fields = jnp.stack([speeds, 1.1 * speeds, 0.7 * speeds])
        blocked = jnp.zeros(len(speeds), bool)
        batch = jax.jit(jax.vmap(activation_times, (None, 0, None, None)))
        together = batch(problem, fields, blocked, jnp.zeros(1))
        alone = jnp.stack([compiled_times(problem, field) for field in fields])
        np.testing.assert_allclose(together, alone, rtol=1e-12)

    def test_gradient_against_differences(self, problem, speeds):
        random = np.random.default_rng(1)
        weights = jnp.asarray(random.normal(size=len(problem.node_number)))

        def value(speeds, times):
            return compiled_times(problem, speeds, times) @ weights

        speeds, times = jnp.asarray(speeds), jnp.array([2.0])
        by_speeds, by_times = jax.grad(value, (0, 1))(speeds, times)
        assert by_times[0] == pytest.approx(float(weights.sum()))
        # Short steps: where two of so many fronts meet in a node, its time has a kink.
        for _ in range(20):
            way = random.normal(size=speeds.shape)
            ahead, behind = (value(speeds + s * 1e-7 * way, times) for s in (1, -1))
            assert (ahead - behind) / 2e-7 == pytest.approx(
                float((by_speeds * way).sum()), rel=1e-5, abs=1e-3
            )
