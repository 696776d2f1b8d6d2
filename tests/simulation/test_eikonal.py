"""Activation maps against exact solutions, their gradient against differences and identities."""

import os
import subprocess
import sys
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.sparse.linalg import splu

from twin.benchmarks.boxes import box_heart, box_mesh
from twin.benchmarks.eikonal_accuracy import (
    dependencies,
    plane_wave_error,
    rotating_fibres_error,
)
from twin.meshes.errors import InputError, TwinError
from twin.native import kernels
from twin.simulation.activation import Reached
from twin.simulation.eikonal import activation, activation_times, locate_sources, pose
from twin.simulation.fronts import arrivals, arrivals_reference, front
from twin.simulation.fronts.front import Front
from twin.simulation.tissue import Tissue

jax.config.update("jax_enable_x64", True)
pytestmark = pytest.mark.skipif(kernels is None, reason="the native kernels are not built")

SPEEDS = (0.6, 0.3, 0.25)


def nearest(heart, place):
    return int(np.argmin(np.linalg.norm(heart.points - place, axis=1)))


def exact_times(heart, place, speeds=SPEEDS):
    """From a point source, with one tensor everywhere."""
    way = heart.points - np.asarray(place)
    f = heart.fibres
    axes = np.stack([f.fibre[0], f.sheet[0], f.normal[0]])
    return np.linalg.norm(way @ axes.T / speeds, axis=1)


def posed(heart, sources):
    places, nodes = locate_sources(heart, sources)
    return pose(heart, places, nodes)


def uneven(heart, seed=0):
    """Speeds that differ by up to 40 % from element to element."""
    factors = np.random.default_rng(seed).uniform(0.8, 1.2, (len(heart.tetrahedra), 3))
    return np.array(SPEEDS) * factors


@pytest.fixture(scope="module")
def heart():
    return box_heart(0.5)


@pytest.fixture(scope="module")
def problem(heart):
    return posed(heart, np.array([nearest(heart, (1, 1, 1)), nearest(heart, (18, 5, 2))]))


compiled = jax.jit(activation_times)


def solve(problem, speeds, times=(0.0, 3.0), **more):
    speeds = jnp.asarray(speeds)
    blocked = jnp.zeros(len(speeds), bool)
    return compiled(problem, speeds, blocked, jnp.asarray(times), **more)


class TestExactSolutions:
    def test_point_source_converges_with_order_one(self):
        errors = []
        for spacing in (0.8, 0.4, 0.2):
            heart = box_heart(spacing)
            tissue = Tissue.healthy(heart, *SPEEDS)
            source = np.array([[3.1, 2.2, 1.3]])
            found = activation(heart, tissue, source).times
            exact = exact_times(heart, source[0])
            errors.append(np.abs(found - exact).mean() / exact.mean())
        orders = np.log2(np.array(errors[:-1]) / errors[1:])
        assert errors[-1] < 0.012
        assert np.log2(errors[0] / errors[-1]) / 2 > 0.9, (errors, orders)

    def test_plane_wave_is_exact(self, heart):
        """Three sides of the box are sources: the front stays a plane and times are linear."""
        last, error = plane_wave_error(heart)
        assert error < 1e-12 * last

    def test_rotating_fibres_agree_with_a_finer_mesh(self):
        """120 degrees through the wall; the finer mesh has four times as many edges each way."""
        error, nodes = rotating_fibres_error(0.3)
        assert nodes[1] > 50 * nodes[0]
        assert error < 0.01

    def test_triangles_and_branches(self):
        """A sheet of triangles, and a fast branch that leads the front to its far side."""
        points, _ = box_mesh(0.5, size=(10.0, 10.0, 0.5), jitter=0)
        flat = points[points[:, 2] == 0]
        side = np.arange(len(flat)).reshape(21, 21)
        a, b, c, d = (
            x.ravel() for x in (side[:-1, :-1], side[1:, :-1], side[1:, 1:], side[:-1, 1:])
        )
        triangles = np.concatenate([np.stack([a, b, c], 1), np.stack([a, c, d], 1)])
        elements = np.full((len(triangles) + 1, 3), -1)
        elements[:-1] = triangles
        elements[-1, :2] = side[0, 0], side[-1, -1]
        axes = tuple(np.broadcast_to(axis, (len(elements), 3)) for axis in np.eye(3))
        front = Front.build(flat, elements, axes)
        speeds = np.ones((len(elements), 3))
        speeds[-1] = 5.0
        blocked = jnp.zeros(len(speeds), bool)
        start = jnp.full(len(flat), jnp.inf).at[front.node_number[side[0, 0]]].set(0.0)
        mesh = front.rings, front.metric
        found = np.asarray(arrivals.arrival_times(*mesh, jnp.asarray(speeds), blocked, start))
        found = found[front.node_number]
        near = np.linalg.norm(flat, axis=1)
        far = np.linalg.norm(flat - flat[side[-1, -1]], axis=1) + np.sqrt(200) / 5
        assert found[side[-1, -1]] == pytest.approx(np.sqrt(200) / 5)
        assert np.abs(found - np.minimum(near, far)).max() < 0.35


def test_speeds_at_nodes_are_slownesses_averaged_in_elements(heart):
    speeds = np.full((len(heart.points), 3), 0.5)
    np.testing.assert_allclose(Tissue.of_nodes(heart, speeds).speeds, 0.5)
    speeds[heart.tetrahedra[7]] = [[0.25] * 3, [0.5] * 3, [0.5] * 3, [1.0] * 3]
    np.testing.assert_allclose(Tissue.of_nodes(heart, speeds).speeds[7], 4 / (4 + 2 + 2 + 1))


class TestGradient:
    def test_sum_of_arrivals_is_homogeneous(self, problem, heart):
        """Arrivals scale with 1 / speed: sum dJ/dlog(speed) = -J if no source begins later."""
        speeds = jnp.asarray(uneven(heart))
        value, by = jax.value_and_grad(lambda s: solve(problem, s, (0.0, 0.0)).sum())(speeds)
        assert abs((by * speeds).sum() + value) < 1e-9 * value

    def test_agrees_with_differences(self, problem, heart):
        speeds, step = uneven(heart), 1e-6
        random = np.random.default_rng(1)
        weights = jnp.asarray(random.normal(size=len(heart.points)))

        def value(speeds, times):
            return solve(problem, speeds, times) @ weights

        times = jnp.array([0.0, 3.0])
        by_speeds, by_times = jax.jit(jax.grad(value, (0, 1)))(jnp.asarray(speeds), times)
        for _ in range(40):
            way, shift = random.normal(size=speeds.shape), random.normal(size=2)
            ahead = value(speeds + step * way, times + step * shift)
            behind = value(speeds - step * way, times - step * shift)
            predicted = (by_speeds * way).sum() + by_times @ shift
            assert (ahead - behind) / (2 * step) == pytest.approx(
                float(predicted), rel=1e-5, abs=1e-3
            )

    def test_by_source_places(self, heart):
        sources = np.array([[5.03, 3.1, 1.37], [15.2, 4.4, 0.8]])
        problem, speeds = posed(heart, sources), uneven(heart)

        def value(places):
            return solve(problem, speeds, (0.0, 1.0), places=places).sum()

        by = jax.grad(value)(jnp.asarray(sources))
        for i in np.ndindex(2, 3):
            step = np.zeros((2, 3))
            step[i] = 1e-6
            difference = (value(sources + step) - value(sources - step)) / 2e-6
            assert difference == pytest.approx(float(by[i]), rel=1e-5)

    def test_adjoint_of_the_linearised_solver(self, problem, heart):
        """Against a sparse solve of the same dependencies, forwards: <u, A^-1 v> = <A^-T u, v>."""
        speeds = jnp.asarray(uneven(heart))
        mesh = problem.rings, problem.metric, speeds, jnp.zeros(len(speeds), bool)
        begin = jnp.full(len(heart.points), jnp.inf).at[17].set(0.0)
        times, winners = arrivals._solve(*mesh, begin)
        forwards = splu(dependencies(*mesh, times, winners))
        u, v = np.random.default_rng(2).normal(size=(2, len(times)))
        by_begin, _ = arrivals._adjoint(*mesh, times, winners, jnp.asarray(u))
        one = u @ forwards.solve(np.where(np.asarray(winners) < 0, v, 0))
        assert one == pytest.approx(float(by_begin @ v), rel=1e-10)

    def test_dependencies_against_the_order_of_time_are_there(self, problem, heart):
        """Else the tests above would not see the trap that they are for."""
        speeds = jnp.asarray(uneven(heart))
        mesh = problem.rings, problem.metric, speeds, jnp.zeros(len(speeds), bool)
        begin = jnp.full(len(heart.points), jnp.inf).at[17].set(0.0)
        times, winners = (np.asarray(x) for x in arrivals._solve(*mesh, begin))
        through = np.flatnonzero(winners >= 0)
        parents = np.asarray(problem.rings.corners)[winners[through] // 4]
        assert (times[parents].max(axis=1) > times[through]).mean() > 0.01


class TestTransformations:
    def test_the_kernel_gives_the_same_bits_in_any_place_of_a_batch(self, problem, heart):
        blocked = jnp.zeros(len(heart.tetrahedra), bool)
        fields = jnp.stack([jnp.asarray(uneven(heart, seed)) for seed in range(5)])
        begin = jnp.full(len(heart.points), jnp.inf).at[17].set(0.0)
        mesh = jax.tree.map(jnp.asarray, (problem.rings, problem.metric))
        run = jax.jit(jax.vmap(arrivals.arrival_times, (None, None, 0, None, None)))
        together = run(*mesh, fields, blocked, begin)
        alone = [arrivals.arrival_times(*mesh, own, blocked, begin) for own in fields]
        np.testing.assert_array_equal(together, jnp.stack(alone))
        np.testing.assert_array_equal(run(*mesh, fields[::-1], blocked, begin)[::-1], together)

    @pytest.mark.parametrize(("kind", "rounding"), [(np.float32, 2e-5), (np.float64, 1e-12)])
    def test_eight_and_more_scenarios_run_in_lanes_to_the_same_times(self, heart, kind, rounding):
        """Their nodes are visited in one order for all, so that they agree but for rounding."""
        own = heart.astype(kind)
        sources = np.array([nearest(heart, (1, 1, 1)), nearest(heart, (18, 5, 2))])
        problem, random = posed(own, sources), np.random.default_rng(4)
        fields = jnp.stack([jnp.asarray(uneven(heart, seed), kind) for seed in range(11)])
        blocked = jnp.asarray(random.uniform(size=(11, len(heart.tetrahedra))) < 0.1)
        times = jnp.asarray([0.0, 3.0], kind)
        each = [compiled(problem, f, b, times) for f, b in zip(fields, blocked, strict=True)]
        run = jax.jit(jax.vmap(activation_times, (None, 0, 0, None)))
        together = run(problem, fields, blocked, times)
        assert together.dtype == kind
        np.testing.assert_allclose(together, jnp.stack(each), rtol=rounding, atol=rounding)
        elsewhere = run(problem, fields[::-1], blocked[::-1], times)[::-1]
        np.testing.assert_allclose(elsewhere, together, rtol=rounding, atol=rounding)

    def test_gradients_of_scenarios_in_lanes(self, problem, heart):
        fields = jnp.stack([jnp.asarray(uneven(heart, seed)) for seed in range(9)])
        gradient = jax.grad(lambda field: solve(problem, field).sum())
        together = jax.jit(jax.vmap(gradient))(fields)
        for field, by in zip(fields[::4], together[::4], strict=True):
            alone = gradient(field)
            np.testing.assert_allclose(by, alone, atol=1e-9 * jnp.abs(alone).max())

    def test_scenarios_that_begin_elsewhere_do_not_share_lanes(self, problem, heart):
        field = jnp.asarray(uneven(heart))
        starts = jnp.array([[0.0, jnp.inf], [jnp.inf, 0.0]] * 4)
        together = jax.vmap(lambda start: solve(problem, field, start))(starts)
        np.testing.assert_array_equal(together[::2], together[0][None].repeat(4, axis=0))
        np.testing.assert_allclose(together[1], solve(problem, field, starts[1]))

    def test_vmap_equals_one_at_a_time(self, problem, heart):
        fields = jnp.stack([jnp.asarray(uneven(heart, seed)) for seed in range(5)])
        alone = [solve(problem, field) for field in fields]
        together = jax.vmap(lambda field: solve(problem, field))(fields)
        np.testing.assert_allclose(together, jnp.stack(alone), rtol=1e-12)

    def test_vmap_of_grad_and_scan(self, problem, heart):
        fields = jnp.stack([jnp.asarray(uneven(heart, seed)) for seed in range(3)])
        gradient = jax.grad(lambda field: solve(problem, field).sum())
        together = jax.jit(jax.vmap(gradient))(fields)
        _, one_by_one = jax.lax.scan(lambda carry, field: (carry, gradient(field)), 0, fields)
        np.testing.assert_allclose(together, one_by_one, atol=1e-12 * jnp.abs(one_by_one).max())

    def test_nested_vmap(self, problem, heart):
        fields = jnp.stack([jnp.asarray(uneven(heart, seed)) for seed in range(2)])
        starts = jnp.array([[0.0, 3.0], [1.0, 0.0], [2.0, 9.0]])
        inner = jax.vmap(lambda f, t: solve(problem, f, t), (None, 0))
        both = jax.vmap(inner, (0, None))(fields, starts)
        np.testing.assert_allclose(both[1, 2], solve(problem, fields[1], starts[2]), rtol=1e-12)


reference = jax.jit(arrivals_reference.solve)


class TestTwin:
    """The native kernel and its JAX twin."""

    @pytest.fixture(scope="class")
    @staticmethod
    def case(problem, heart):
        blocked = np.zeros(len(heart.tetrahedra), bool)
        blocked[problem.metric.order[100:140]] = True
        begin = (
            jnp.full(len(heart.points), jnp.inf).at[jnp.array([17, 400])].set(jnp.array([0.0, 5.0]))
        )
        mesh = jax.tree.map(jnp.asarray, (problem.rings, problem.metric))
        return *mesh, jnp.asarray(uneven(heart)), jnp.asarray(blocked), begin

    def test_same_times(self, case):
        native, _ = arrivals._solve(*case)
        twin, _ = reference(*case)
        np.testing.assert_allclose(twin, native, rtol=1e-12)

    def test_same_gradients(self, case):
        times, winners = arrivals._solve(*case)
        seeds = jnp.where(jnp.isfinite(times), jnp.cos(times), 0)
        kept = *case[:-1], times, winners, seeds
        for a, b in zip(arrivals._adjoint(*kept), arrivals_reference.adjoint(*kept), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-9 * np.abs(b).max())

    @pytest.mark.parametrize("platform", ["cpu", "cuda"])
    def test_serves_where_the_kernel_does_not(self, problem, heart, platform):
        """Compiled as far as that goes without a GPU, with its gradient."""
        blocked = jnp.zeros(len(heart.tetrahedra), bool)

        def total(speeds, problem):
            return activation_times(problem, speeds, blocked, jnp.zeros(2)).sum()

        traced = jax.jit(jax.grad(total)).trace(jnp.asarray(uneven(heart)), problem)
        program = traced.lower(lowering_platforms=(platform,)).as_text()
        assert ("twin_eikonal_solve" in program) == (platform == "cpu")

    def test_batched(self, case):
        *mesh, speeds, blocked, begin = case
        scaled = speeds * jnp.array([1.0, 2.0])[:, None, None]
        solve_batch = jax.jit(jax.vmap(arrivals_reference.solve, (None, None, 0, None, None)))
        both, _ = solve_batch(*mesh, scaled, blocked, begin)
        alone, _ = reference(*mesh, scaled[1], blocked, begin)
        np.testing.assert_allclose(both[1], alone, rtol=1e-12)


REPEAT = """
import jax, numpy as np, hashlib
from twin.benchmarks.boxes import box_heart
from twin.simulation.eikonal import activation
from twin.simulation.tissue import Tissue
heart = box_heart(0.5, kind=np.float32)
times = activation(heart, Tissue.healthy(heart, 0.6, 0.3, 0.25), np.array([[1.0, 1.2, 1.1]])).times
np.save({path!r}, times)
"""


class TestSameAnswers:
    def run(self, tmp_path, **environment):
        path = str(tmp_path / "times.npy")
        subprocess.run(
            [sys.executable, "-c", REPEAT.format(path=path)],
            env={**os.environ, **environment},
            check=True,
        )
        return np.load(path)

    def test_for_any_number_of_threads(self, tmp_path):
        one, many = (self.run(tmp_path, TWIN_THREADS=n) for n in ("1", "8"))
        np.testing.assert_array_equal(one, many)

    @pytest.mark.parametrize("instructions", ["baseline", "avx2"])
    def test_for_every_instruction_set(self, tmp_path, instructions):
        try:
            other = self.run(tmp_path, TWIN_SIMD=instructions)
        except subprocess.CalledProcessError:
            pytest.skip(f"this machine has no {instructions}")
        np.testing.assert_allclose(other, self.run(tmp_path), rtol=1e-5)

    @pytest.mark.parametrize(("kind", "rounding"), [(np.float64, 1e-12), (np.float32, 1e-5)])
    def test_for_any_numbering(self, kind, rounding):
        """Of nodes, of elements and of an element's corners: within `rounding`, relative, since
        sums are then made in another order. Speeds differ from element to element."""
        heart = box_heart(0.5, kind=kind)
        speeds = uneven(heart).astype(kind)
        blocked = np.zeros(len(speeds), bool)
        blocked[500:540] = True
        random = np.random.default_rng(3)
        node, element = (random.permutation(len(x)) for x in (heart.points, speeds))
        number = np.argsort(node)
        even = np.array([[0, 1, 2, 3], [1, 2, 0, 3], [3, 1, 0, 2], [1, 0, 3, 2]])
        turn = even[random.integers(0, len(even), len(speeds))]
        tetrahedra = number[np.take_along_axis(heart.tetrahedra[element], turn, axis=1)]
        other = replace(
            heart,
            points=heart.points[node],
            tetrahedra=tetrahedra,
            triangles=tetrahedra[:1, 1:],
            fibres=type(heart.fibres)(*(x[element] for x in vars(heart.fibres).values())),
        )
        places = np.array([[1.03, 1.1, 1.2], [17.0, 5.2, 2.1]])
        times = activation(heart, Tissue(speeds, blocked), places, [0.0, 5.0]).times
        tissue = Tissue(speeds[element], blocked[element])
        renumbered = activation(other, tissue, places, [0.0, 5.0]).times
        assert renumbered.dtype == kind
        np.testing.assert_allclose(renumbered[number], times, rtol=rounding)


class TestDoor:
    """One clear error before the solve."""

    @pytest.fixture
    def tissue(self, heart):
        return Tissue.healthy(heart, *SPEEDS)

    @pytest.mark.parametrize("speed", [-0.3, np.nan, 0.0, np.inf])
    def test_bad_speed(self, heart, speed):
        speeds = np.full((len(heart.tetrahedra), 3), 0.5)
        speeds[7, 1] = speed
        with pytest.raises(InputError, match=r"1 of .*first: 7"):
            Tissue(speeds, np.zeros(len(speeds), bool))

    @pytest.mark.parametrize(
        ("sources", "text"),
        [
            (np.array([], int), "empty"),
            ([], "empty"),
            (np.array([-1]), "node -1"),
            (np.array([10**6]), "1,000,000"),
            (np.array([[50.0, 1.0, 1.0]]), "lies outside the heart"),
            (np.array([[np.nan, 1.0, 1.0]]), "finite"),
            (np.array([1.5]), "whole node numbers"),
        ],
    )
    def test_bad_sources(self, heart, tissue, sources, text):
        with pytest.raises(InputError, match=text):
            activation(heart, tissue, sources)

    def test_bad_times(self, heart, tissue):
        with pytest.raises(InputError, match="expected one finite number"):
            activation(heart, tissue, np.array([1, 2]), [0.0, np.nan])

    def test_tissue_of_another_heart(self, heart):
        other = box_heart(1.0)
        with pytest.raises(InputError, match="make the tissue from this heart"):
            activation(heart, Tissue.healthy(other), np.array([0]))

    def test_without_the_native_kernels(self, heart, tissue, monkeypatch):
        monkeypatch.setattr(front, "kernels", None)
        monkeypatch.setattr(front, "_latest", {})
        with pytest.raises(TwinError, match="native kernels are not built"):
            activation(heart, tissue, np.array([0]))

    def test_disconnected_part(self):
        heart = box_heart(1.0)
        size = len(heart.points)
        two = replace(
            heart,
            points=np.concatenate([heart.points, heart.points + 100]),
            tetrahedra=np.concatenate([heart.tetrahedra, heart.tetrahedra + size]),
            coordinates=type(heart.coordinates)(
                *(np.tile(x, 2) for x in vars(heart.coordinates).values())
            ),
            fibres=type(heart.fibres)(*(np.tile(x, (2, 1)) for x in vars(heart.fibres).values())),
        )
        tissue = Tissue.healthy(two, *SPEEDS)
        with pytest.raises(InputError, match="no source is in"):
            activation(two, tissue, np.array([0]))
        assert np.isfinite(activation(two, tissue, np.array([0, size])).times).all()


class TestBlockedTissue:
    def test_a_wall_stops_the_front(self, heart):
        centres = heart.points[heart.tetrahedra].mean(axis=1)
        wall = (centres[:, 0] > 9) & (centres[:, 0] < 11)
        tissue = Tissue.healthy(heart, *SPEEDS).block(wall)
        found = activation(heart, tissue, np.array([nearest(heart, (1, 1, 1))]))
        assert np.isfinite(found.times[heart.points[:, 0] < 8.5]).all()
        assert np.isinf(found.times[heart.points[:, 0] > 11.5]).all()
        assert (found.reached[heart.points[:, 0] > 11.5] == Reached.CUT_OFF).all()
        assert (found.reached == Reached.BLOCKED).any()
        assert any("cut off" in remark for remark in found.remarks)

    def test_the_front_goes_round_a_hole(self, heart):
        centres = heart.points[heart.tetrahedra].mean(axis=1)
        wall = (abs(centres[:, 0] - 10) < 1) & (centres[:, 1] < 5)
        free = Tissue.healthy(heart, *SPEEDS)
        source = np.array([nearest(heart, (8, 1, 1))])
        behind = nearest(heart, (12, 1, 1))
        open_way = activation(heart, free, source).times[behind]
        detour = activation(heart, free.block(wall), source).times[behind]
        assert open_way + 10 < detour < 60

    def test_no_source_there(self, heart):
        tissue = Tissue.healthy(heart, *SPEEDS).block(
            heart.points[heart.tetrahedra].mean(1)[:, 0] < 3
        )
        with pytest.raises(InputError, match="source 1 lies in blocked tissue"):
            activation(heart, tissue, np.array([[9.0, 3.0, 1.0], [1.0, 1.0, 1.0]]))

    def test_gradient_is_finite_and_zero_there(self, problem, heart):
        blocked = heart.points[heart.tetrahedra].mean(axis=1)[:, 0] > 12

        def value(speeds):
            times = activation_times(problem, speeds, jnp.asarray(blocked), jnp.array([0.0, 50.0]))
            return jnp.where(jnp.isfinite(times), times, 0).sum()

        by = jax.jit(jax.grad(value))(jnp.asarray(uneven(heart)))
        assert np.isfinite(by).all()
        assert (np.asarray(by)[blocked] == 0).all()
