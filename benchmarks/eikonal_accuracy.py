"""The eikonal engine against exact times, and its gradient against identities and differences."""

from collections.abc import Iterator

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float
from scipy.sparse import coo_array, csc_array, eye_array
from scipy.sparse.linalg import splu
from scipy.spatial import cKDTree

from twin.benchmarks.boxes import box_heart
from twin.benchmarks.eikonal import SPEEDS, Case, gradient_of_sum
from twin.benchmarks.figure import Figure, at_least, at_most
from twin.simulation.eikonal import activation, activation_times
from twin.simulation.fronts import arrivals, arrivals_reference
from twin.simulation.fronts.front import Front
from twin.simulation.tissue import Tissue

STEP = 1e-7
"""Of speeds in mm/ms: short, because where two fronts meet in a node its time has a kink."""
SMALL = 0.01
"""Where a direction's derivative is under this much of the gradient's norm, a difference shows
little but rounding: its error then counts relative to this much of the norm."""


def figures(quick: bool) -> Iterator[Figure]:
    yield _order()
    yield _plane_wave()
    yield _rotating_fibres(0.3 if quick else 0.25)
    with jax.enable_x64(True):
        gradient = list(_gradient(100 if quick else 1000))
        gradient.append(_adjoint())
    yield from gradient


def _order() -> Figure:
    """Convergence of the mean error to the exact times of a point source."""
    errors = []
    for spacing in (0.8, 0.4, 0.2):
        case = Case.box(spacing)
        exact = case.exact()
        errors.append(np.abs(np.asarray(case.solve(), float) - exact).mean() / exact.mean())
    how = "boxes of spacing 0.8, 0.4, 0.2 mm: errors " + ", ".join(f"{e:.4f}" for e in errors)
    return at_least("order", float(np.log2(errors[0] / errors[-1]) / 2), 0.9, "", how)


def _plane_wave() -> Figure:
    """A front that begins as a plane on three sides of the box stays one."""
    with jax.enable_x64(True):
        heart = box_heart(0.5)
        exact, error = plane_wave_error(heart)
    how = f"box of {len(heart.points):,} nodes, jittered, oblique tensor, float64, over the last"
    return at_most("plane_wave_error", error / exact, 1e-12, "", how)


def plane_wave_error(heart) -> tuple[float, float]:
    """The last time of a plane wave through the box, and the largest error, ms."""
    front = Front.of_mesh(heart)
    direction, f = np.array([0.8, 0.5, 0.33]), heart.fibres
    axes = np.stack([f.fibre[0], f.sheet[0], f.normal[0]])
    slowness = direction / np.linalg.norm(np.array(SPEEDS) * (axes @ direction))
    exact = front.points @ slowness
    begin = np.where((front.points < 0.6).any(axis=1), exact, np.inf)
    speeds = jnp.broadcast_to(jnp.asarray(SPEEDS), (len(heart.tetrahedra), 3))
    blocked = jnp.zeros(len(speeds), bool)
    mesh = front.rings, front.metric
    found = arrivals.arrival_times(*mesh, speeds, blocked, jnp.asarray(begin))
    return exact.max(), float(np.abs(found - exact).max())


def _rotating_fibres(spacing: float) -> Figure:
    error, nodes = rotating_fibres_error(spacing)
    how = (
        f"fibres turning 120 degrees through 3 mm, {spacing:g} mm ({nodes[0]:,} nodes) against "
        f"{spacing / 4:g} mm ({nodes[1]:,}): mean difference over mean time"
    )
    return at_most("rotating_fibres_error", error, 0.01, "", how)


def rotating_fibres_error(spacing: float) -> tuple[float, list[int]]:
    """Against a mesh of a quarter the spacing, whose nodes include all of these; and both sizes."""

    def fibre(centres):
        angle = np.radians(120 * centres[:, 2] / 3 - 60)
        return np.stack([np.cos(angle), np.sin(angle), 0 * angle], axis=1)

    source, points, times = np.array([[1.1, 1.2, 0.4]]), [], []
    for h in (spacing, spacing / 4):
        heart = box_heart(h, fibre, np.float32, size=(6.0, 6.0, 3.0), jitter=0)
        points.append(heart.points)
        times.append(activation(heart, Tissue.healthy(heart, *SPEEDS), source).times)
    _, same = cKDTree(points[1]).query(points[0])
    truth = times[1][same].astype(float)
    return np.abs(times[0] - truth).mean() / truth.mean(), [len(p) for p in points]


_times = jax.jit(activation_times)


def _gradient(directions: int) -> Iterator[Figure]:
    """Against the identity and against central differences."""
    case = Case.box(0.6, np.float64)
    speeds = _uneven(case)
    rest = (case.problem, case.blocked, case.times)
    value, by = gradient_of_sum(speeds, *rest)
    identity = abs(float((by * speeds).sum() + value) / float(value))
    how = f"jittered box of {case.nodes:,} nodes, oblique uneven tensors, float64"
    yield at_most("gradient_identity_error", identity, 1e-6, "", "sum dJ/dlog v = -J; " + how)
    random, errors, small = np.random.default_rng(2), [], 0
    floor = SMALL * float(jnp.linalg.norm(by))
    for _ in range(directions):
        way = random.normal(size=speeds.shape)
        ahead, behind = (
            _times(case.problem, speeds + s * way, case.blocked, case.times) for s in (STEP, -STEP)
        )
        # Node by node: the difference of two sums would be all rounding.
        measured, predicted = float((ahead - behind).sum()) / (2 * STEP), float((by * way).sum())
        small += abs(predicted) < floor
        errors.append(abs(measured - predicted) / max(abs(predicted), floor))
    how = (
        f"sum of times by all speeds, {directions:,} random directions, the worst relative error "
        f"of a directional derivative (median {np.median(errors):.1e}); of {small} that are under "
        f"{SMALL:.0%} of the gradient's norm, relative to that; {how}"
    )
    yield at_most("gradient_fd_error", max(errors), 1e-5, "", how)


def _adjoint(pairs: int = 10) -> Figure:
    """<u, A^-1 v> = <A^-T u, v> for the linearised solver A."""
    case = Case.box(0.6, np.float64)
    speeds = _uneven(case)
    mesh = case.problem.rings, case.problem.metric, speeds, case.blocked
    begin = jnp.full(case.nodes, jnp.inf).at[17].set(0.0)
    times, winners = arrivals._solve(*mesh, begin)
    forwards = splu(dependencies(*mesh, times, winners))
    begun = np.asarray(winners) < 0
    worst, random = 0.0, np.random.default_rng(3)
    for _ in range(pairs):
        u, v = random.normal(size=(2, case.nodes))
        by_begin, _ = arrivals._adjoint(*mesh, times, winners, jnp.asarray(u))
        one, other = u @ forwards.solve(np.where(begun, v, 0)), float(by_begin @ v)
        worst = max(worst, abs(one - other) / abs(one))
    how = f"{pairs} random pairs against a sparse solve of the same dependencies, forwards, float64"
    return at_most("adjoint_dot_error", worst, 1e-10, "", how)


def dependencies(rings, metric, speeds, blocked, times, winners) -> csc_array:
    """The linearised solver: 1 for each node, less its shares of the nodes that it hangs on."""
    durations = np.sqrt(arrivals_reference.edge_lengths(metric, speeds, blocked))
    winners = np.asarray(winners)
    through = np.flatnonzero(winners >= 0)
    element, place = winners[through] // 4, winners[through] % 4
    corners = np.asarray(rings.corners)[element]
    parents = np.take_along_axis(corners, arrivals_reference.OTHERS[place], axis=1)
    edges = durations[arrivals_reference.EDGES_OF_PLACE[place].T, element]
    known = np.asarray(times)[parents].T
    _, shares = arrivals_reference.arrive(known, edges)
    where = np.repeat(through, 3), parents.ravel()
    size = len(times)
    weights = coo_array((np.stack(shares, axis=1).ravel(), where), shape=(size, size))
    return (eye_array(size) - weights).tocsc()


def _uneven(case: Case) -> Float[jax.Array, "tets 3"]:
    return case.speeds * np.random.default_rng(1).uniform(0.8, 1.2, case.speeds.shape)
