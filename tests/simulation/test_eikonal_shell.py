"""Activation of sheets of triangles: flat and round, against exact times."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from twin.benchmarks.boxes import box_heart, box_mesh
from twin.benchmarks.spheres import sphere
from twin.meshes.errors import InputError
from twin.meshes.heart import Boundary
from twin.meshes.shell import Shell
from twin.native import kernels
from twin.simulation.activation import Reached
from twin.simulation.eikonal import activation, activation_times, locate_sources, pose
from twin.simulation.fronts import arrivals, arrivals_reference
from twin.simulation.fronts.front import Front
from twin.simulation.purkinje import Purkinje
from twin.simulation.tissue import FastEndocardium, Tissue

jax.config.update("jax_enable_x64", True)
pytestmark = pytest.mark.skipif(kernels is None, reason="the native kernels are not built")

SPEEDS = (0.9, 0.4, 1.0)
FIBRE = np.array([1.0, 0.6, 0.0]) / np.hypot(1.0, 0.6)
SIDE = 20.0


def sheet(spacing, fold=0.0):
    """A jittered square, folded by `fold` radians along its middle, and the same laid flat."""
    cells = round(SIDE / spacing)
    axis = np.linspace(0, SIDE, cells + 1)
    grid = np.stack(np.meshgrid(axis, axis, indexing="ij"), axis=-1)
    moved = np.random.default_rng(0).uniform(-0.2, 0.2, grid.shape) * spacing
    moved[[0, -1, cells // 2], :, 0] = 0
    moved[:, [0, -1], 1] = 0
    flat = np.pad((grid + moved).reshape(-1, 2), ((0, 0), (0, 1)))
    number = np.arange((cells + 1) ** 2).reshape(cells + 1, cells + 1)
    a, b, c, d = (
        x.ravel() for x in (number[:-1, :-1], number[1:, :-1], number[1:, 1:], number[:-1, 1:])
    )
    triangles = np.concatenate([np.stack([a, b, c], 1), np.stack([a, c, d], 1)])
    beyond = np.maximum(flat[:, 0] - SIDE / 2, 0)
    points = flat.copy()
    points[:, 0] += beyond * (np.cos(fold) - 1)
    points[:, 2] += beyond * np.sin(fold)
    far = (flat[triangles].mean(axis=1)[:, 0] > SIDE / 2)[:, None]
    turned = FIBRE * [np.cos(fold), 1, 0] + [0, 0, FIBRE[0] * np.sin(fold)]
    return Shell(points, triangles, np.where(far, turned, FIBRE)), flat


def exact_times(flat, place):
    way = flat - place
    across = np.array([-FIBRE[1], FIBRE[0], 0])
    return np.hypot(way @ FIBRE / SPEEDS[0], way @ across / SPEEDS[1])


def ball(halvings, radius=5.0):
    surface = sphere(radius, halvings)
    edges = np.diff(surface.points[surface.triangles[:, :2]], axis=1)[:, 0]
    return Shell(surface.points, surface.triangles, edges)


class TestExactSolutions:
    def test_point_source_on_a_flat_sheet_converges_with_order_one(self):
        errors, place = [], np.array([6.13, 9.27, 0.0])
        for spacing in (0.8, 0.4, 0.2):
            shell, flat = sheet(spacing)
            found = activation(shell, Tissue.healthy(shell, *SPEEDS), place[None]).times
            exact = exact_times(flat, place)
            errors.append(np.abs(found - exact).mean() / exact.mean())
        assert errors[-1] < 0.004, errors
        assert np.log2(errors[0] / errors[-1]) / 2 > 0.9, errors

    @pytest.mark.parametrize("place", [(9.1, 9.3, 0.0), (10.0, 10.0, 0.0)])
    def test_times_around_a_source_are_exact_over_a_fold(self, place):
        """A folded sheet is as far across as a flat one: what is laid out is exact."""
        shell, flat = sheet(0.5, fold=1.2)
        source = np.array([place])
        if place[0] == 10.0:
            source = np.array([int(np.argmin(np.linalg.norm(flat - place, axis=1)))])
            place = flat[source[0]]
        found = activation(shell, Tissue.healthy(shell, *SPEEDS), source).times
        exact = exact_times(flat, np.array(place))
        near = np.linalg.norm(flat - place, axis=1) < 1.99
        assert (flat[near, 0] > 10.5).any()
        np.testing.assert_allclose(found[near], exact[near], atol=1e-10)
        assert (found > exact - 1e-9).all()

    def test_great_circles_on_a_sphere(self):
        errors = []
        for halvings in (3, 4, 5):
            shell = ball(halvings)
            found = activation(shell, Tissue.healthy(shell, 0.7, 0.7, 0.7), np.array([0])).times
            cosine = shell.points @ shell.points[0] / 5.0**2
            exact = 5.0 * np.arccos(np.clip(cosine, -1, 1)) / 0.7
            errors.append(np.abs(found - exact).mean() / exact.mean())
        assert errors[-1] < 0.01, errors
        assert np.log2(errors[0] / errors[-1]) / 2 > 0.9, errors

    def test_a_place_beside_the_surface_counts_as_on_it(self):
        shell, _ = sheet(1.0)
        tissue = Tissue.healthy(shell, *SPEEDS)
        on, beside = (activation(shell, tissue, np.array([[5.3, 7.1, z]])) for z in (0.0, 0.8))
        np.testing.assert_allclose(beside.times, on.times, rtol=1e-12)
        np.testing.assert_allclose(beside.sources, [[5.3, 7.1, 0.0]], atol=1e-12)

    def test_a_place_at_a_node_is_the_node(self):
        shell, _ = sheet(1.0)
        tissue = Tissue.healthy(shell, *SPEEDS)
        node = 150
        place = activation(shell, tissue, shell.points[[node]]).times
        np.testing.assert_allclose(place, activation(shell, tissue, np.array([node])).times)


class TestGradient:
    @pytest.fixture(scope="class")
    @staticmethod
    def shell():
        return ball(3)

    def test_against_differences(self, shell):
        places = shell.nearest(np.array([[5.0, 0.3, 0.5], [-0.8, 4.8, -1.0]]))[0]
        problem = pose(shell, *locate_sources(shell, places))
        random = np.random.default_rng(1)
        speeds = np.array(SPEEDS) * random.uniform(0.8, 1.2, (len(shell.triangles), 3))
        blocked = jnp.zeros(len(speeds), bool)
        weights = random.normal(size=len(shell.points))

        # Not closed over: the mesh would be folded into the program as a constant.
        @jax.jit
        def weighed(problem, speeds, times, places):
            return activation_times(problem, speeds, blocked, times, places) @ weights

        def value(*at):
            return weighed(problem, *at)

        at = tuple(jnp.asarray(x) for x in (speeds, np.array([0.0, 3.0]), places))
        by = jax.grad(value, (0, 1, 2))(*at)
        for _ in range(20):
            way = [random.normal(size=x.shape) for x in at]
            ahead, behind = (
                value(*(x + s * 1e-6 * w for x, w in zip(at, way, strict=True))) for s in (1, -1)
            )
            predicted = sum(float((b * w).sum()) for b, w in zip(by, way, strict=True))
            assert (ahead - behind) / 2e-6 == pytest.approx(predicted, rel=1e-5, abs=1e-3)

    def test_homogeneous(self, shell):
        problem = pose(shell, *locate_sources(shell, np.array([5])))
        speeds = jnp.broadcast_to(jnp.array(SPEEDS), (len(shell.triangles), 3))
        blocked = jnp.zeros(len(speeds), bool)

        @jax.jit
        def total(speeds, problem):
            return activation_times(problem, speeds, blocked, jnp.zeros(1)).sum()

        value, by = jax.value_and_grad(total)(speeds, problem)
        assert abs((by * speeds).sum() + value) < 1e-9 * value


class TestShell:
    def test_endocardium_of_a_heart(self, coarse_heart):
        shell = Shell.endocardium(coarse_heart, Boundary.LV_ENDOCARDIUM)
        nodes = coarse_heart.boundary_nodes(Boundary.LV_ENDOCARDIUM)
        np.testing.assert_array_equal(shell.points, coarse_heart.points[nodes])
        triads = np.stack([shell.fibres.fibre, shell.fibres.sheet, shell.fibres.normal], axis=1)
        units = np.broadcast_to(np.eye(3), triads.shape)
        np.testing.assert_allclose(triads @ triads.transpose(0, 2, 1), units, atol=1e-9)
        found = activation(shell, Tissue.healthy(shell), np.array([0]))
        assert np.isfinite(found.times).all()
        assert found.provenance["shell"] == shell.content

    def test_no_such_endocardium(self):
        with pytest.raises(InputError, match="no RV_ENDOCARDIUM"):
            Shell.endocardium(box_heart(1.0), Boundary.RV_ENDOCARDIUM)

    def test_content_tells_shells_apart(self):
        one, other = sheet(1.0)[0], sheet(1.0)[0]
        assert one.content == other.content
        assert one.content != replace(one, fibre=one.fibre[:, [1, 0, 2]]).content

    def test_blocked_triangles_stop_the_front(self):
        shell, flat = sheet(1.0)
        centres = flat[shell.triangles].mean(axis=1)
        wall = (centres[:, 0] > 9) & (centres[:, 0] < 11)
        tissue = Tissue.healthy(shell, *SPEEDS).block(wall)
        found = activation(shell, tissue, np.array([[3.0, 3.0, 0.0]]))
        assert np.isfinite(found.times[flat[:, 0] < 8]).all()
        assert (found.reached[flat[:, 0] > 12] == Reached.CUT_OFF).all()

    @pytest.mark.parametrize(
        ("change", "text"),
        [
            ({"triangles": np.array([[0, 1, 9], [1, 3, 2]])}, "nodes outside 0 to 3"),
            ({"triangles": np.array([[0, 1, 1], [1, 2, 3]])}, "no area"),
            ({"triangles": np.array([[0, 1, 2], [0, 1, 2]])}, "belong to no triangle"),
            ({"triangles": np.array([[0.0, 1, 2], [1, 2, 3]])}, "whole node numbers"),
            ({"points": np.full((4, 3), np.nan)}, "not finite"),
            ({"fibre": np.array([[0.0, 0, 1], [1, 0, 0]])}, "straight on their triangle"),
            ({"fibre": np.zeros((2, 3))}, "no direction"),
            ({"fibre": np.ones((3, 3))}, "3 fibre directions for 2"),
            ({"points": np.zeros((0, 3))}, "shape"),
        ],
    )
    def test_refusals(self, change, text):
        points = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [1, 1, 0.0]])
        given = {"points": points, "triangles": np.array([[0, 1, 2], [1, 3, 2]]),
                 "fibre": np.array([[1.0, 0, 0]] * 2)}  # fmt: skip
        with pytest.raises(InputError, match=text):
            Shell(**{**given, **change})

    def test_what_activation_refuses(self, coarse_heart):
        shell, _ = sheet(1.0)
        tissue = Tissue.healthy(shell)
        with pytest.raises(InputError, match=r"5\.0 mm from the shell"):
            activation(shell, tissue, np.array([[5.0, 5.0, 5.0]]))
        with pytest.raises(InputError, match="the shell has nodes"):
            activation(shell, tissue, np.array([10**6]))
        with pytest.raises(InputError, match="make the tissue from this shell"):
            activation(shell, Tissue.healthy(coarse_heart), np.array([0]))
        with pytest.raises(InputError, match="belongs to a heart"):
            activation(shell, tissue, purkinje=Purkinje.grow(coarse_heart))
        with pytest.raises(InputError, match="no layers to line"):
            Tissue.healthy(shell, endocardium=FastEndocardium())


@pytest.mark.parametrize("precision", [np.float64, np.float32])
def test_the_jax_twin_gives_the_same_times(coarse_heart, precision):
    """On triangles, and on tetrahedra with the branches of a tree."""
    heart = coarse_heart.astype(precision)
    for mesh, tree in ((sheet(0.5)[0].astype(precision), None), (heart, Purkinje.grow(heart))):
        front = Front.of_mesh(mesh, tree)
        rings, metric = jax.tree.map(jnp.asarray, (front.rings, front.metric))
        elements, nodes = len(metric.order), len(front.points)
        factors = np.random.default_rng(0).uniform(0.8, 1.2, (elements, 3))
        speeds = jnp.asarray(factors * SPEEDS, precision)
        blocked = jnp.zeros(elements, bool).at[40:60].set(True)
        begin = jnp.full(nodes, jnp.inf, precision).at[100].set(0.0)
        native = arrivals._solve(rings, metric, speeds, blocked, begin)[0]
        twin = jax.jit(arrivals_reference.solve)(rings, metric, speeds, blocked, begin)[0]
        rounding = 1e-11 if precision == np.float64 else 1e-4
        np.testing.assert_allclose(twin, native, rtol=rounding)


def test_a_sheet_agrees_with_a_thin_slab():
    """The same tensor in triangles and in tetrahedra one cell thick."""
    points, _ = box_mesh(0.25, size=(8.0, 8.0, 0.25), jitter=0)
    slab = box_heart(0.25, fibre=(1.0, 0.6, 0.0), size=(8.0, 8.0, 0.25), jitter=0)
    top = points[:, 2] == 0
    flat, size = points[top], 33
    number = np.arange(size * size).reshape(size, size)
    a, b, c, d = (
        x.ravel() for x in (number[:-1, :-1], number[1:, :-1], number[1:, 1:], number[:-1, 1:])
    )
    triangles = np.concatenate([np.stack([a, b, c], 1), np.stack([a, c, d], 1)])
    shell = Shell(flat, triangles, np.broadcast_to(FIBRE, (len(triangles), 3)))
    times = activation(shell, Tissue.healthy(shell, *SPEEDS), np.array([0])).times
    thick = activation(slab, Tissue.healthy(slab, *SPEEDS), np.flatnonzero(top)[:1]).times[top]
    np.testing.assert_allclose(times, thick, atol=0.01 * times.max())
