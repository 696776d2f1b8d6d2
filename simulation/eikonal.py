"""Activation maps: the anisotropic eikonal equation on a heart."""

from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from twin.meshes.errors import InputError
from twin.meshes.heart import Heart
from twin.simulation.activation import Activation, Reached
from twin.simulation.fronts.arrivals import arrival_times
from twin.simulation.fronts.front import AnyArray, Front, Metric, Rings, conducting_nodes
from twin.simulation.fronts.sources import Ways, beginnings, trace_ways
from twin.simulation.tissue import Tissue


class Problem(NamedTuple):
    """A heart and its sources, ready for `activation_times` under jit, vmap and grad."""

    rings: Rings
    metric: Metric
    node_number: Int[AnyArray, " points"]
    ways: Ways
    places: Float[AnyArray, "sources 3"]


def activation(
    heart: Heart,
    tissue: Tissue,
    sources: Int[np.ndarray, " sources"] | Float[np.ndarray, "sources 3"],
    times: Float[np.ndarray, " sources"] | Sequence[float] | float = 0.0,
) -> Activation:
    """The activation map of `heart` from fronts that start at `sources` at `times` (ms).

    Sources are node numbers, or places in the wall in mm. First-order accurate in the mesh's
    edge length; within a few edges of a source the times are those of the straight way. Precision
    is that of the heart (`heart.astype(np.float32)`) as far as jax is set to allow it.
    """
    front = Front.of_heart(heart)
    places, nodes = locate_sources(heart, sources)
    source_times = _check_times(times, len(places))
    _check_tissue(heart, tissue)
    problem = pose(front, places, nodes)
    _check_parts(front, problem)
    _check_conducting(front, tissue, problem)
    kind = jax.dtypes.canonicalize_dtype(front.points.dtype)
    solved = _activation_times(
        problem, jnp.asarray(tissue.speeds, kind), tissue.blocked, source_times.astype(kind)
    )
    return Activation(
        times=np.asarray(solved),
        reached=_explain(front, tissue, np.asarray(solved)),
        sources=places,
        source_times=source_times,
        provenance={"heart": heart.content, "method": "eikonal"},
    )


def activation_times(
    problem: Problem,
    speeds: Float[Array, "tets 3"],
    blocked: Bool[Array, " tets"],
    times: Float[Array, " sources"],
    places: Float[Array, "sources 3"] | None = None,
) -> Float[Array, " points"]:
    """Activation time of each node, ms; differentiable by speeds, times and places.

    A pure function of its arguments: one compiled program serves every tissue, and `vmap` over
    any of them runs the scenarios side by side. `places` may move within the elements they were
    posed in; nothing is checked here.
    """
    places = jnp.asarray(problem.places) if places is None else places
    nodes = len(problem.node_number)
    begin = beginnings(problem.ways, nodes, places, times, speeds, blocked)
    times = arrival_times(problem.rings, problem.metric, speeds, blocked, begin)
    return times[problem.node_number]


_activation_times = jax.jit(activation_times)


def pose(
    front: Front, places: Float[np.ndarray, "sources 3"], nodes: Int[np.ndarray, " sources"]
) -> Problem:
    """Fronts from `places` on a mesh; `nodes` numbers those that are nodes, -1 for the others."""
    kind = jax.dtypes.canonicalize_dtype(front.points.dtype)
    at_node = np.where(nodes >= 0, front.node_number[nodes], -1).astype(np.int32)
    ways = trace_ways(front, places, at_node)
    return Problem(
        rings=front.rings,
        metric=front.metric,
        node_number=front.node_number,
        ways=ways,
        places=np.asarray(places, kind),
    )


def locate_sources(heart: Heart, sources) -> tuple[np.ndarray, np.ndarray]:
    """Places in mm, and node numbers (-1 for places that were given as such)."""
    sources = np.asarray(sources)
    if sources.size == 0:
        raise InputError("the list of sources is empty: give at least one node or place")
    if sources.ndim == 1 and np.issubdtype(sources.dtype, np.integer):
        wrong = (sources < 0) | (sources >= len(heart.points))
        if wrong.any():
            raise InputError(
                f"source {int(np.argmax(wrong))} is node {sources[wrong][0]:,}, but the heart has "
                f"nodes 0 to {len(heart.points) - 1:,}"
            )
        return heart.points[sources], sources
    if sources.ndim != 2 or sources.shape[1] != 3 or not np.isfinite(sources).all():
        raise InputError(
            f"sources have the shape {sources.shape} and kind {sources.dtype}; expected whole "
            "node numbers (sources,) or finite places (sources, 3) in mm"
        )
    return sources, np.full(len(sources), -1)


def _check_times(times, count: int) -> np.ndarray:
    times = np.asarray(times, np.float64)
    if times.ndim > 1 or times.size not in (1, count) or not np.isfinite(times).all():
        raise InputError(
            f"times of shape {times.shape} for {count} sources; expected one finite number of ms "
            "for each, or one for all"
        )
    return np.broadcast_to(times.reshape(-1), count).copy()


def _check_tissue(heart: Heart, tissue: Tissue) -> None:
    if len(tissue.blocked) != len(heart.tetrahedra):
        raise InputError(
            f"the tissue describes {len(tissue.blocked):,} tetrahedra, the heart has "
            f"{len(heart.tetrahedra):,}; make the tissue from this heart"
        )


def _check_parts(front: Front, problem: Problem) -> None:
    """No source can activate a part of the mesh that is connected to none."""
    seeded = np.unique(front.parts[_seeds(problem)])
    alone = ~np.isin(front.parts, seeded)
    if alone.any():
        first = int(front.node_order[np.flatnonzero(alone)].min())
        raise InputError(
            f"{alone.sum():,} of {len(alone):,} nodes (first: {first:,}) are in a part of the "
            "mesh that no source is in; join the parts, or give each a source"
        )


def _check_conducting(front: Front, tissue: Tissue, problem: Problem) -> None:
    if not tissue.blocked.any():
        return
    conducting = ~tissue.blocked[front.metric.order]
    alive = conducting_nodes(np.asarray(front.rings.corners), conducting, len(front.points))
    ways = problem.ways
    for source, node in enumerate(ways.at_node):
        first = np.argmax(ways.source[ways.way] == source)
        dead = not alive[node] if node >= 0 else tissue.blocked[ways.elements[first]]
        if dead:
            raise InputError(f"source {source} lies in blocked tissue, where no front can start")


def _seeds(problem: Problem) -> np.ndarray:
    """A node in the part of each source."""
    ways = problem.ways
    first = [ways.node[np.argmax(ways.source == s)] for s in range(len(ways.at_node))]
    return np.where(ways.at_node >= 0, ways.at_node, first)


def _explain(front: Front, tissue: Tissue, times: np.ndarray) -> Int[np.ndarray, " points"]:
    """Why a node was not reached, in the heart's own order."""
    reached = np.where(np.isfinite(times), Reached.YES, Reached.CUT_OFF).astype(np.int8)
    if tissue.blocked.any():
        conducting = ~tissue.blocked[front.metric.order]
        alive = conducting_nodes(np.asarray(front.rings.corners), conducting, len(times))
        reached[~alive[front.node_number]] = Reached.BLOCKED
    return reached
