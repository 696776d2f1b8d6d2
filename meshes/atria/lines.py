"""Lines over an atrium that part its front from its back, as its coordinates need them."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy import sparse

from twin.meshes.atria.openings import Rims
from twin.meshes.atria.regions import Region
from twin.meshes.errors import InputError
from twin.meshes.topology import label_components, shared_edges, triangle_edges

PASSABLE = (
    Region.BODY,
    Region.LEFT_SUPERIOR_VEIN,
    Region.RIGHT_SUPERIOR_VEIN,
    Region.LEFT_COMMON_TRUNK,
    Region.MITRAL_VESTIBULE,
)
DETOUR = 20.0
"""How much longer a way through the appendage or another vein counts."""


class Lines(NamedTuple):
    """Nodes of the way over the roof, and of those down to the mitral ring on either side."""

    roof: Int[np.ndarray, " nodes"]
    lateral: Int[np.ndarray, " nodes"]
    septal: Int[np.ndarray, " nodes"]
    anterior: Bool[np.ndarray, " tris"]
    """The triangles in front of them; the appendage is there."""


def find_lines(
    points: Float[np.ndarray, "points 3"],
    triangles: Int[np.ndarray, "tris 3"],
    regions: Int[np.ndarray, " tris"],
    openings: Rims,
) -> Lines:
    """The shortest ways along edges between both superior veins and the mitral ring."""
    left, right = openings[Region.LEFT_SUPERIOR_VEIN], openings[Region.RIGHT_SUPERIOR_VEIN]
    ring = openings[Region.MITRAL_VESTIBULE]
    graph = _graph(points, triangles, np.isin(regions, PASSABLE))
    roof = _way(graph, left, right)
    lateral, septal = _way(graph, left, ring), _way(graph, right, ring)
    anterior = _front(triangles, regions, (roof, lateral, septal))
    return Lines(roof, lateral, septal, anterior)


def _graph(points, triangles, easy) -> sparse.csr_array:
    """Edge lengths; the easiest where two triangles disagree."""
    edges = np.sort(triangle_edges(triangles), axis=1)
    length = np.linalg.norm(points[edges[:, 0]] - points[edges[:, 1]], axis=1)
    length *= np.where(np.repeat(easy, 3), 1.0, DETOUR)
    order = np.lexsort((length, edges[:, 1], edges[:, 0]))
    edges, length = edges[order], length[order]
    first = np.r_[True, (edges[1:] != edges[:-1]).any(axis=1)]
    a, b = edges[first].T
    size = len(points)
    return sparse.csr_array((length[first], (a, b)), shape=(size, size))


def _way(graph, start, end) -> Int[np.ndarray, " nodes"]:
    """Nodes of the shortest way from one set to another."""
    distance, before, _ = sparse.csgraph.dijkstra(
        graph, directed=False, indices=start, min_only=True, return_predecessors=True
    )
    node = int(end[np.argmin(distance[end])])
    way = [node]
    while before[node] >= 0:
        node = int(before[node])
        way.append(node)
    return np.array(way[::-1])


def _front(triangles, regions, lines) -> Bool[np.ndarray, " tris"]:
    """The part, of those into which the lines cut the surface, that holds the appendage."""
    steps = np.concatenate([np.sort(np.stack([w[:-1], w[1:]], axis=1), axis=1) for w in lines])
    base = int(triangles.max()) + 1
    one, other = shared_edges(triangles)
    edges = np.sort(triangle_edges(triangles)[one], axis=1).astype(np.int64)
    cut = np.isin(
        edges[:, 0] * base + edges[:, 1], steps[:, 0].astype(np.int64) * base + steps[:, 1]
    )
    part = label_components(one[~cut] // 3, other[~cut] // 3, len(triangles))
    if part.max() == 0:
        raise InputError("the lines between superior veins and mitral ring do not part the atrium")
    appendage = regions == Region.APPENDAGE
    if not appendage.any():
        raise InputError("the atrium has no appendage, which tells its front from its back")
    return part == np.bincount(part[appendage]).argmax()
