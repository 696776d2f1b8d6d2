"""Which way is out: normals, within the plane of the slice, of contours given as loose points."""

import numpy as np
from jaxtyping import Float, Int
from scipy.sparse import coo_array
from scipy.sparse.csgraph import breadth_first_order, connected_components, minimum_spanning_tree
from scipy.spatial import cKDTree

from twin.meshes.cine.slices import GuidePoints

GAP = 9.0
"""mm between points that still belong to one piece of contour."""

NEIGHBOURS = 6
FEWEST_POINTS = 4


def outward_normals(
    guide: GuidePoints,
    kinds: tuple[str, ...],
    inner_kinds: tuple[str, ...],
    outer_kinds: tuple[str, ...] = (),
) -> tuple[Int[np.ndarray, " n"], Float[np.ndarray, "n 3"]]:
    """Indices of the points of these kinds and their normals, which lie in their slice's plane and
    face the points of `outer_kinds` in it; where there are none, away from `inner_kinds`."""
    indices, normals = [], []
    for number in np.unique(guide.slices[guide.on(kinds)]).tolist():
        here = np.flatnonzero(guide.on(kinds) & (guide.slices == number))
        outer = guide.on(outer_kinds) & (guide.slices == number)
        inner = guide.on(inner_kinds) & (guide.slices == number)
        centre = guide.points[outer if outer.any() else inner].mean(axis=0)
        side = -1.0 if outer.any() else 1.0
        for piece in _pieces(guide.points[here]):
            if len(piece) >= FEWEST_POINTS:
                points = guide.points[here[piece]]
                indices.append(here[piece])
                normals.append(side * _normals(points, guide.planes[number].normal, centre))
    return np.concatenate([np.zeros(0, int), *indices]), np.concatenate(
        [np.zeros((0, 3)), *normals]
    )


def _pieces(points):
    """Indices of the points of each connected piece of contour."""
    pairs = cKDTree(points).query_pairs(GAP, output_type="ndarray").T
    links = coo_array((np.ones(pairs.shape[1]), tuple(pairs)), (len(points),) * 2)
    count, piece = connected_components(links, directed=False)
    return [np.flatnonzero(piece == number) for number in range(count)]


def _normals(points, plane_normal, centre):
    """Across the direction of the neighbours, turned alike along the contour (Hoppe et al. 1992),
    and away from the centre on the whole."""
    count = min(NEIGHBOURS, len(points))
    neighbours = cKDTree(points).query(points, k=count)[1]
    offsets = points[neighbours] - points[neighbours].mean(axis=1, keepdims=True)
    along = np.linalg.svd(offsets)[2][:, 0]
    normals = np.cross(along, plane_normal)
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
    _turn_alike(normals, neighbours)
    return normals if np.einsum("nd,nd->", points - centre, normals) > 0 else -normals


def _turn_alike(normals, neighbours):
    """Flip normals so that neighbours agree, following the links along which they turn least."""
    count, width = neighbours.shape
    one, other = np.repeat(np.arange(count), width - 1), neighbours[:, 1:].ravel()
    turning = 1.001 - np.abs(np.einsum("nd,nd->n", normals[one], normals[other]))
    links = coo_array((turning, (one, other)), (count, count)).tocsr()
    tree = minimum_spanning_tree(links.maximum(links.T))
    order, before = breadth_first_order(tree, 0, directed=False)
    for point in order[1:]:
        if normals[point] @ normals[before[point]] < 0:
            normals[point] *= -1
