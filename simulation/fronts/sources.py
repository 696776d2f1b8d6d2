"""Where and when a front starts, and what its first arrivals around there are."""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Bool, Float, Int

from twin.meshes.errors import InputError
from twin.native import kernels
from twin.simulation.fronts.front import AnyArray, Front

RADIUS = 2.0
"""Times within this many mm of a source are those along straight ways from it ..."""
FEWEST_EDGES, MOST_EDGES = 2.0, 10.0
"""... but this many edge lengths at least, and at most."""

WITHIN = 1e-4
"""A way that nears a face by less than this share of its element's height runs within it."""


class Ways(NamedTuple):
    """Straight ways from sources to nodes, cut into pieces, one element each.

    For each way its source, the node it leads to and where that is; then, piece by piece, the
    element, that element's axes, and the plane a x + b y + c z + d = 0 at its end (all 0 where it
    ends at the node). On a surface targets, axes and planes are as laid out in the plane of the
    way's first triangle. Pieces of padding have element -1, ways of padding source -1. Where a
    source is a node, `at_node` is its number, else -1.
    """

    source: Int[AnyArray, " ways"]
    node: Int[AnyArray, " ways"]
    targets: Float[AnyArray, "ways 3"]
    elements: Int[AnyArray, "ways pieces"]
    axes: Float[AnyArray, "3 3 ways pieces"]
    planes: Float[AnyArray, "4 ways pieces"]
    at_node: Int[AnyArray, " sources"]


def trace_ways(front: Front, places: np.ndarray, at_node: np.ndarray) -> Ways:
    """Ways to every node near a place, and to the corners of its element."""
    radius = reach(front)
    rings, points = front.rings, front.points.astype(np.float64, copy=False)
    traced = []
    for source, (place, node) in enumerate(zip(places, at_node, strict=True)):
        place = np.ascontiguousarray(place, np.float64)[None]
        found = kernels.trace_rays(
            points, rings.corners, rings.start, rings.slots, place, node, radius
        )
        if node < 0 and found["element"] < 0:
            raise InputError(
                f"source {source} at ({', '.join(f'{x:.2f}' for x in place[0])}) mm lies outside "
                f"the heart, which spans {_span(points)}; give a place in the wall or a node"
            )
        own = np.asarray(front.metric.order)[found["elements"]]
        axes = np.stack([direction[own] for direction in front.axes], axis=1)
        planes = found["planes"].reshape(-1, 4)
        targets = points[found["nodes"]]
        traced.append({**found, "planes": planes, "targets": targets, "axes": axes})
    return join_ways(front, traced, np.asarray(at_node, np.int32))


def reach(front: Front) -> float:
    """How far ways go, mm."""
    edge = front.edge_length
    return min(max(RADIUS, FEWEST_EDGES * edge), MOST_EDGES * edge)


def join_ways(front: Front, traced: list[dict], at_node: np.ndarray) -> Ways:
    """All sources' ways in tables of a few sizes, so that few programs need be compiled."""
    ways = [len(found["nodes"]) for found in traced]
    together = {
        name: np.concatenate([found[name] for found in traced])
        for name in traced[0]
        if name != "element"
    }
    source = _padded(np.repeat(np.arange(len(ways), dtype=np.int32), ways), -1)
    # By their given numbers, as which speeds stand.
    own = np.asarray(front.metric.order)[together["elements"]]
    kind = front.points.dtype

    def table(values, fill=0):
        return _table(values, together["counts"], len(source), fill)

    return Ways(
        source=source,
        node=_padded(together["nodes"], 0),
        targets=_padded(together["targets"], 0).astype(kind),
        elements=table(own, -1),
        axes=np.stack(
            [[table(x) for x in axis.T] for axis in together["axes"].swapaxes(0, 1)]
        ).astype(kind),
        planes=np.stack([table(p) for p in together["planes"].T]).astype(kind),
        at_node=at_node,
    )


def travel_times(
    ways: Ways,
    places: Float[Array, "sources 3"],
    speeds: Float[Array, "elements 3"],
    blocked: Bool[Array, " elements"],
) -> Float[Array, " ways"]:
    """Time along each straight way, ms: the sum of its pieces' lengths in their elements' metric.

    It is the way's own for every course of the speeds, infinite through blocked tissue. No first
    arrival is later (Fermat).
    """
    start = places[ways.source]
    course = ways.targets - start

    # Coordinate by coordinate: XLA makes many times slower loops of sums over a short axis.
    def dot(normals, vectors):
        return sum(normals[i] * vectors[:, i, None] for i in range(3))

    height, slope = dot(ways.planes, start) + ways.planes[3], dot(ways.planes, course)
    cut, last = jnp.abs(slope) > WITHIN, ~ways.planes.any(axis=0)
    # A way within a plane would cut it anywhere, by rounding. It runs in the element behind it.
    end = jnp.where(cut, -height / jnp.where(cut, slope, 1), jnp.where(last, 1, 0))
    share = jnp.diff(lax.cummax(jnp.clip(end, 0, 1), axis=1), axis=1, prepend=0)
    crossed = ways.elements >= 0
    barred = crossed & blocked[ways.elements]
    square = jnp.zeros_like(end)
    for i in range(3):
        speed = jnp.where(crossed & ~barred, speeds[:, i][ways.elements], 1)
        square += (dot(ways.axes[i], course) / speed) ** 2
    length = jnp.where(crossed, share * jnp.sqrt(jnp.where(crossed, square, 1)), 0)
    shut = barred.any(axis=1) | (ways.source < 0)
    return jnp.where(shut, jnp.inf, jnp.sum(length, axis=1))


def beginnings(
    ways: Ways,
    nodes: int,
    places: Float[Array, "sources 3"],
    times: Float[Array, " sources"],
    speeds: Float[Array, "elements 3"],
    blocked: Bool[Array, " elements"],
) -> Float[Array, " points"]:
    """The earliest time that a straight way or a source itself gives a node, else infinity."""
    arrivals = times[ways.source] + travel_times(ways, places, speeds, blocked)
    own = jnp.where((ways.at_node >= 0) & _conducts(ways, arrivals), times, jnp.inf)
    arrivals = jnp.concatenate([arrivals, own])
    node = jnp.concatenate([ways.node, jnp.maximum(ways.at_node, 0)])
    # By the number of the way that comes first, because a scattered minimum has no derivative.
    known = lax.stop_gradient(arrivals)
    least = jnp.full(nodes, jnp.inf, known.dtype).at[node].min(known)
    rank = jnp.where((known == least[node]) & (known < jnp.inf), jnp.arange(len(node)), -1)
    first = jnp.full(nodes, -1, rank.dtype).at[node].max(rank)
    return jnp.where(first >= 0, arrivals[first], jnp.inf)


def _conducts(ways: Ways, arrivals: Float[Array, " ways"]) -> Bool[Array, " sources"]:
    """False for a source all of whose ways are barred: it lies in blocked tissue."""
    count = len(ways.at_node)
    tried = jnp.zeros(count + 1, bool).at[ways.source].set(True)[:count]
    passed = jnp.zeros(count + 1, bool).at[ways.source].max(arrivals < jnp.inf)[:count]
    return passed | ~tried


def _padded(values: np.ndarray, fill) -> np.ndarray:
    """With at least one row more, so that the last can take what belongs nowhere."""
    step = max(256, (1 << len(values).bit_length()) // 8)
    padded = np.full(((len(values) // step + 1) * step, *values.shape[1:]), fill, values.dtype)
    padded[: len(values)] = values
    return padded


def _table(values: np.ndarray, counts: np.ndarray, rows: int, fill) -> np.ndarray:
    """`counts` of the values in each row, padded to a common length."""
    columns = -(-int(counts.max(initial=1)) // 4) * 4
    row = np.repeat(np.arange(len(counts)), counts)
    column = np.arange(len(values)) - np.repeat(np.cumsum(counts) - counts, counts)
    table = np.full((rows, columns, *values.shape[1:]), fill, values.dtype)
    table[row, column] = values
    return table


def _span(points: np.ndarray) -> str:
    low, high = points.min(axis=0), points.max(axis=0)
    return ", ".join(f"{a:.0f} to {b:.0f}" for a, b in zip(low, high, strict=True)) + " mm"
