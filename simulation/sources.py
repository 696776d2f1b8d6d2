"""Where and when a front starts, and what its first arrivals around there are."""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Bool, Float, Int

from twin.meshes.errors import InputError
from twin.native import kernels
from twin.simulation.front import Front

RADIUS = 8.0
"""Times within this many edge lengths of a source are those along straight ways from it."""
PIECES = 32
"""A way through more elements than these is left to the solver."""


class Ways(NamedTuple):
    """Straight ways from sources to nodes, cut into pieces, one element each (-1 after the last).

    Between a piece and the next the way passes the plane (a, b, c, d): a x + b y + c z + d = 0.
    `axes` are those of the pieces' elements. Where a source is a node, `at_node` is its number,
    else -1; rows of a padding hold source -1.
    """

    source: Int[Array, " ways"]
    node: Int[Array, " ways"]
    targets: Float[Array, "ways 3"]
    elements: Int[Array, "ways pieces"]
    planes: Float[Array, "ways pieces 4"]
    axes: Float[Array, "ways pieces 3 3"]
    at_node: Int[Array, " sources"]


def trace_ways(front: Front, places: np.ndarray, at_node: np.ndarray, radius: float) -> Ways:
    """Ways to every node within `radius` mm of a place, and to the corners of its element."""
    kind = front.points.dtype
    points = front.points.astype(np.float64, copy=False)
    traced = []
    for source, (place, node) in enumerate(zip(places, at_node, strict=True)):
        place = np.ascontiguousarray(place, np.float64)[None]
        found = kernels.trace_rays(
            points, front.rings.corners, front.rings.start, front.rings.slots, place, node,
            radius, PIECES,
        )  # fmt: skip
        if node < 0 and found["element"] < 0:
            raise InputError(
                f"source {source} at ({', '.join(f'{x:.2f}' for x in place[0])}) mm lies outside "
                f"the heart, which spans {_span(points)}; give a place in the wall or a node"
            )
        traced.append(found)
    counts = [len(found["nodes"]) for found in traced]
    size = max(256, 1 << (sum(counts) - 1).bit_length())  # few sizes, few compilations
    node = _padded([found["nodes"] for found in traced], size, 0)
    elements = _padded([found["elements"].reshape(-1, PIECES) for found in traced], size, -1)
    planes = _padded([found["planes"].reshape(-1, PIECES, 4) for found in traced], size, 0.0)
    source = np.full(size, -1, np.int32)
    source[: sum(counts)] = np.repeat(np.arange(len(counts)), counts)
    given = front.element_order[elements]
    axes = np.stack([direction[given] for direction in front.axes], axis=2)
    return Ways(
        source, node, front.points[node], elements, planes.astype(kind), axes.astype(kind),
        np.asarray(at_node, np.int32),
    )  # fmt: skip


def travel_times(
    ways: Ways,
    places: Float[Array, "sources 3"],
    speeds: Float[Array, "elements 3"],
    blocked: Bool[Array, " elements"],
) -> Float[Array, " ways"]:
    """Time along each straight way, ms: the sum of its pieces' lengths in their elements' metric.

    Exact for every course of the speeds; infinite through blocked tissue. By Fermat's principle
    no front comes later.
    """
    start = places[ways.source]
    course = ways.targets - start
    height = jnp.einsum("wpi,wi->wp", ways.planes[..., :3], start) + ways.planes[..., 3]
    slope = jnp.einsum("wpi,wi->wp", ways.planes[..., :3], course)
    cut = slope != 0
    ends = jnp.where(cut, -height / jnp.where(cut, slope, 1), 1)
    shares = jnp.diff(ends, axis=1, prepend=0)
    along = jnp.einsum("wpij,wj->wpi", ways.axes, course)
    crossed = ways.elements >= 0
    slowness = jnp.where(crossed[..., None], speeds[ways.elements], 1) ** -2
    square = jnp.where(crossed, jnp.sum(along**2 * slowness, axis=2), 1)
    times = jnp.sum(jnp.where(crossed, shares * jnp.sqrt(square), 0), axis=1)
    barred = jnp.any(crossed & blocked[ways.elements], axis=1) | (ways.source < 0)
    return jnp.where(barred, jnp.inf, times)


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
    arrivals = jnp.concatenate([arrivals, jnp.where(ways.at_node >= 0, times, jnp.inf)])
    node = jnp.concatenate([ways.node, jnp.maximum(ways.at_node, 0)])
    # By the number of the way that comes first, because a scattered minimum has no derivative.
    known = lax.stop_gradient(arrivals)
    least = jnp.full(nodes, jnp.inf, known.dtype).at[node].min(known)
    rank = jnp.where((known == least[node]) & (known < jnp.inf), jnp.arange(len(node)), -1)
    first = jnp.full(nodes, -1, rank.dtype).at[node].max(rank)
    return jnp.where(first >= 0, arrivals[first], jnp.inf)


def _padded(parts: list[np.ndarray], size: int, fill) -> np.ndarray:
    joined = np.concatenate(parts)
    padded = np.full((size, *joined.shape[1:]), fill, joined.dtype)
    padded[: len(joined)] = joined
    return padded


def _span(points: np.ndarray) -> str:
    low, high = points.min(axis=0), points.max(axis=0)
    return ", ".join(f"{a:.0f} to {b:.0f}" for a, b in zip(low, high, strict=True)) + " mm"
