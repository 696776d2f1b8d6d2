"""Activation maps: the anisotropic eikonal equation on a heart or a shell."""

from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from twin.meshes.errors import InputError
from twin.meshes.heart import Heart
from twin.meshes.shell import Shell
from twin.simulation.activation import Activation, Reached
from twin.simulation.fronts.arrivals import arrival_times
from twin.simulation.fronts.front import AnyArray, Front, Metric, Rings, conducting_nodes
from twin.simulation.fronts.sources import Ways, beginnings, trace_ways
from twin.simulation.fronts.unfolding import unfold_ways
from twin.simulation.purkinje import Purkinje
from twin.simulation.tissue import Tissue

OFF_SURFACE = 1.0
"""How far from a shell a place may be to count as on it, mm."""
AT_NODE = 1e-6
"""Within this many mm of a node of its triangle a place is that node."""
OFF_TREE = 0.01
"""How far a tree's junctions may be from their nodes, mm: the rounding of single precision."""


class Problem(NamedTuple):
    """A mesh and its sources, ready for `activation_times` under jit, vmap and grad.

    Source i begins `delays[i]` ms after time number `after[i]`: the times that are given are those
    of the sources that were, and a Purkinje tree's junctions follow its bundle of His.
    """

    rings: Rings
    metric: Metric
    node_number: Int[AnyArray, " points"]
    branch_speeds: Float[AnyArray, "branches 3"]
    ways: Ways
    places: Float[AnyArray, "sources 3"]
    after: Int[AnyArray, " sources"]
    delays: Float[AnyArray, " sources"]


def activation(
    mesh: Heart | Shell,
    tissue: Tissue,
    sources: Int[np.ndarray, " given"] | Float[np.ndarray, "given 3"] | None = None,
    times: Float[np.ndarray, " given"] | Sequence[float] | float = 0.0,
    purkinje: Purkinje | None = None,
) -> Activation:
    """The activation map of a mesh from fronts that start at `sources` at `times` (ms).

    Sources are node numbers, or places in mm: in the wall of a heart, or within OFF_SURFACE of a
    shell, where they count as on it. With a `purkinje` tree, fronts run along its branches, into
    the heart and out of it; where no sources are given, the bundle of His is the one. First-order
    accurate in the mesh's edge length; within a few edges of a source the times are those of the
    straight way. Precision is that of the mesh (`heart.astype(np.float32)`) as far as jax is set
    to allow it.
    """
    _check_tissue(mesh, tissue)
    _check_tree(mesh, purkinje, sources)
    front = Front.of_mesh(mesh, purkinje)
    places, nodes = locate_sources(mesh, sources, purkinje)
    source_times = _check_times(times, len(places))
    problem = pose(mesh, places, nodes, purkinje)
    _check_parts(front, problem, len(places))
    _check_conducting(front, tissue, problem, len(places))
    kind = jax.dtypes.canonicalize_dtype(front.points.dtype)
    solved = _activation_times(
        problem, jnp.asarray(tissue.speeds, kind), tissue.blocked, source_times.astype(kind)
    )
    reached = _explain(front, tissue, np.asarray(solved))
    return Activation(
        times=np.where(reached == Reached.BLOCKED, np.inf, solved),
        reached=reached,
        sources=places,
        source_times=source_times,
        provenance=_provenance(mesh, purkinje),
    )


def activation_times(
    problem: Problem,
    speeds: Float[Array, "tets 3"],
    blocked: Bool[Array, " tets"],
    times: Float[Array, " sources"],
    places: Float[Array, "sources 3"] | None = None,
    delays: Float[Array, " sources"] | None = None,
    branch_blocked: Bool[Array, " branches"] | None = None,
) -> Float[Array, " points"]:
    """Activation time of each node, ms; differentiable by speeds, times and places.

    A pure function of its arguments: one compiled program serves every tissue, and `vmap` over
    any of them runs the scenarios side by side. `places` may move within the elements they were
    posed in. `delays` take the place of the problem's own, infinite for a source that never
    fires; no front runs along a tree's `branch_blocked`. Where part of a tree is dead both are
    needed (`Purkinje.dead_branches`, `delays_without`). Nothing is checked here.
    """
    given = jnp.asarray(problem.places)
    places = given if places is None else jnp.concatenate([places, given[len(places) :]])
    times = times[problem.after] + (problem.delays if delays is None else delays)
    if len(problem.branch_speeds):
        if branch_blocked is None:
            branch_blocked = jnp.zeros(len(problem.branch_speeds), bool)
        speeds = jnp.concatenate([speeds, jnp.asarray(problem.branch_speeds, speeds.dtype)])
        blocked = jnp.concatenate([blocked, branch_blocked])
    nodes = problem.rings.start.shape[0] - 1
    begin = beginnings(problem.ways, nodes, places, times, speeds, blocked)
    times = arrival_times(problem.rings, problem.metric, speeds, blocked, begin)
    return times[problem.node_number]


_activation_times = jax.jit(activation_times)


def delays_without(
    problem: Problem, purkinje: Purkinje, dead_branches: Bool[np.ndarray, " branches"]
) -> Float[np.ndarray, " sources"]:
    """The problem's delays where some branches of its tree are dead: a junction fires when what is
    left of the tree reaches it, never where nothing left leads to it."""
    delays = np.array(problem.delays)
    given = int(np.max(problem.after)) + 1
    if given < len(delays):
        left = purkinje.without_branches(dead_branches).arrival_times()
        reached = np.isfinite(purkinje.arrival_times()[purkinje.junctions[:, 0]])
        delays[given:] = left[purkinje.junctions[reached, 0]]
    return delays


def pose(
    mesh: Heart | Shell,
    places: Float[np.ndarray, "given 3"],
    nodes: Int[np.ndarray, " given"],
    purkinje: Purkinje | None = None,
) -> Problem:
    """Fronts from `places`; `nodes` numbers those that are nodes, -1 for the others.

    Where the source is the bundle of His, the tree's junctions become sources of their own, at the
    times at which the tree reaches them: as around every source, the times around a junction are
    then those of the straight way. What enters the tree from the heart runs along its branches.
    """
    front = Front.of_mesh(mesh, purkinje)
    kind = jax.dtypes.canonicalize_dtype(front.points.dtype)
    after, delays = np.arange(len(places), dtype=np.int32), np.zeros(len(places))
    branch_speeds = np.zeros((0, 3), kind)
    if isinstance(mesh, Heart) and purkinje is not None:
        branch_speeds = np.repeat(purkinje.speeds[:, None], 3, axis=1).astype(kind)
        his = np.flatnonzero(nodes == purkinje.his(mesh))
        if len(his):
            junctions, arrivals = purkinje.reached_junctions()
            nodes = np.concatenate([nodes, junctions])
            places = np.concatenate([places, mesh.points[junctions]])
            after = np.concatenate([after, np.full(len(junctions), his[0], np.int32)])
            delays = np.concatenate([delays, arrivals])
    at_node = np.where(nodes >= 0, front.node_number[nodes], -1).astype(np.int32)
    return Problem(
        rings=front.rings,
        metric=front.metric,
        node_number=front.node_number[: len(mesh.points)],
        branch_speeds=branch_speeds,
        ways=_ways(mesh, front, places, at_node),
        places=np.asarray(places, kind),
        after=after,
        delays=delays.astype(kind),
    )


def _ways(mesh: Heart | Shell, front: Front, places: np.ndarray, at_node: np.ndarray) -> Ways:
    if isinstance(mesh, Heart):
        return trace_ways(front, places, at_node)
    number = np.argsort(front.metric.order)
    return unfold_ways(front, places, at_node, number[mesh.nearest(places)[1]])


def locate_sources(
    mesh: Heart | Shell, sources, purkinje: Purkinje | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Places in mm, and node numbers (-1 for places that were given as such)."""
    if sources is None and purkinje is not None and isinstance(mesh, Heart):
        return purkinje.points[:1], np.array([purkinje.his(mesh)])
    sources = np.asarray([] if sources is None else sources)
    if sources.size == 0:
        raise InputError(
            "the list of sources is empty: give at least one node or place, or a Purkinje tree"
        )
    if sources.ndim == 1 and np.issubdtype(sources.dtype, np.integer):
        wrong = (sources < 0) | (sources >= len(mesh.points))
        if wrong.any():
            raise InputError(
                f"source {int(np.argmax(wrong))} is node {sources[wrong][0]:,}, but the "
                f"{_noun(mesh)} has nodes 0 to {len(mesh.points) - 1:,}"
            )
        return mesh.points[sources], sources
    if sources.ndim != 2 or sources.shape[1] != 3 or not np.isfinite(sources).all():
        raise InputError(
            f"sources have the shape {sources.shape} and kind {sources.dtype}; expected whole "
            "node numbers (sources,) or finite places (sources, 3) in mm"
        )
    if isinstance(mesh, Shell):
        return _on_surface(mesh, sources)
    return sources, np.full(len(sources), -1)


def _on_surface(shell: Shell, sources: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The nearest places of the shell; nodes where these are so near that no way to them is."""
    places, triangles = shell.nearest(sources)
    off = np.linalg.norm(places - sources, axis=1)
    if (off > OFF_SURFACE).any():
        first = int(np.argmax(off > OFF_SURFACE))
        raise InputError(
            f"source {first} at ({', '.join(f'{x:.2f}' for x in sources[first])}) mm lies "
            f"{off[first]:.1f} mm from the shell; give a place within {OFF_SURFACE:g} mm or a node"
        )
    corners = shell.triangles[triangles]
    near = np.linalg.norm(shell.points[corners] - places[:, None], axis=2)
    which = near.argmin(axis=1)
    rows = np.arange(len(places))
    return places, np.where(near[rows, which] < AT_NODE, corners[rows, which], -1)


def _noun(mesh: Heart | Shell) -> str:
    return "heart" if isinstance(mesh, Heart) else "shell"


def _check_times(times, count: int) -> np.ndarray:
    times = np.asarray(times, np.float64)
    if times.ndim > 1 or times.size not in (1, count) or not np.isfinite(times).all():
        raise InputError(
            f"times of shape {times.shape} for {count} sources; expected one finite number of ms "
            "for each, or one for all"
        )
    return np.broadcast_to(times.reshape(-1), count).copy()


def _check_tissue(mesh: Heart | Shell, tissue: Tissue) -> None:
    if len(tissue.blocked) != len(mesh.elements):
        raise InputError(
            f"the tissue describes {len(tissue.blocked):,} elements, the {_noun(mesh)} has "
            f"{len(mesh.elements):,}; make the tissue from this {_noun(mesh)}"
        )


def _check_tree(mesh: Heart | Shell, purkinje: Purkinje | None, sources) -> None:
    """That the tree was grown in this heart, and can carry what is asked of it."""
    if purkinje is None:
        return
    if isinstance(mesh, Shell):
        raise InputError("a Purkinje tree belongs to a heart; on a shell give sources instead")
    tree, nodes = purkinje.junctions.T
    astray = nodes >= len(mesh.points)
    here = mesh.points[np.where(astray, 0, nodes)]
    astray |= np.linalg.norm(purkinje.points[tree] - here, axis=1) > OFF_TREE
    if astray.any():
        raise InputError(
            f"{astray.sum():,} of {len(astray):,} junctions of the Purkinje tree (first: "
            f"{int(np.argmax(astray)):,}) are not at their nodes of this heart: it was grown in "
            "another; grow one here (`Purkinje.grow(heart)`)"
        )
    if sources is None and not len(purkinje.reached_junctions()[0]):
        raise InputError(
            "no way leads from the bundle of His to the heart: both bundle branches are cut; give "
            "sources in the heart, such as an escape rhythm's, or cut one branch only"
        )


def _check_parts(front: Front, problem: Problem, given: int) -> None:
    """No source can activate a part of the mesh that is connected to none."""
    seeded = np.unique(front.parts[_seeds(problem)[:given]])
    alone = ~np.isin(front.parts[problem.node_number], seeded)
    if alone.any():
        raise InputError(
            f"{alone.sum():,} of {len(alone):,} nodes (first: {int(np.argmax(alone)):,}) are in a "
            "part of the mesh that no source is in; join the parts, or give each a source"
        )


def _check_conducting(front: Front, tissue: Tissue, problem: Problem, given: int) -> None:
    if not tissue.blocked.any():
        return
    alive = _conducting_nodes(front, tissue)
    ways = problem.ways
    for source, node in enumerate(ways.at_node[:given]):
        first = ways.elements[np.argmax(ways.source == source), 0]
        dead = not alive[node] if node >= 0 else tissue.blocked[first]
        if dead:
            raise InputError(f"source {source} lies in blocked tissue, where no front can start")


def _conducting_nodes(front: Front, tissue: Tissue) -> Bool[np.ndarray, " points"]:
    """Of the front's nodes, those in tissue, or a tree, that conducts."""
    conducting = np.ones(len(front.metric.order), bool)
    conducting[: len(tissue.blocked)] = ~tissue.blocked
    ordered = conducting[np.asarray(front.metric.order)]
    return conducting_nodes(np.asarray(front.rings.corners), ordered, len(front.points))


def _seeds(problem: Problem) -> np.ndarray:
    """A node in the part of each source."""
    ways = problem.ways
    first = [ways.node[np.argmax(ways.source == s)] for s in range(len(ways.at_node))]
    return np.where(ways.at_node >= 0, ways.at_node, first)


def _explain(front: Front, tissue: Tissue, times: np.ndarray) -> Int[np.ndarray, " points"]:
    """Why a node was not reached, in the heart's own order."""
    reached = np.where(np.isfinite(times), Reached.YES, Reached.CUT_OFF).astype(np.int8)
    if tissue.blocked.any():
        corners = np.asarray(front.rings.corners)
        in_heart = np.asarray(front.metric.order) < len(tissue.blocked)
        conducting = in_heart.copy()
        conducting[in_heart] = ~tissue.blocked[np.asarray(front.metric.order)[in_heart]]
        alive = conducting_nodes(corners, conducting, len(front.points))
        reached[~alive[front.node_number[: len(times)]]] = Reached.BLOCKED
    return reached


def _provenance(mesh: Heart | Shell, purkinje: Purkinje | None) -> dict[str, object]:
    tree = {"purkinje": purkinje.content} if purkinje else {}
    return {_noun(mesh): mesh.content, "method": "eikonal", **tree}
