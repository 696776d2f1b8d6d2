"""Tetrahedra that fill a solid, cut out of a background lattice.

Isosurface stuffing (Labelle and Shewchuk 2007): lattice nodes close to the surface are moved onto
it, and the tetrahedra that still cross it are cut, so that none is cut badly.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from twin.meshes.heart import signed_volumes
from twin.meshes.octree import Lattice

MARGINS = (0.24999, 0.3, 0.41189)
"""How near a cut may come to a node, as a fraction of the edge: along an axis of the lattice (its
long edges), along the diagonal of a face (only between cells of two sizes), or of a cell."""

FACES = np.array([[1, 2, 3], [0, 3, 2], [0, 1, 3], [0, 2, 1]])
"""Outward-facing faces of a tetrahedron, each opposite the corner of its row."""

Distance = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class _Cuts:
    """Where the surface crosses lattice edges: fraction of the way from the lower node number."""

    keys: np.ndarray
    fractions: np.ndarray
    nodes: int

    def find(self, edges: np.ndarray, signs: np.ndarray) -> np.ndarray:
        """Fractions for any edges; where none was computed, close to the end that is outside."""
        keys = edges[:, 0] * self.nodes + edges[:, 1]
        at = np.minimum(np.searchsorted(self.keys, keys), len(self.keys) - 1)
        return np.where(self.keys[at] == keys, self.fractions[at], 0.5)


def stuff(
    lattice: Lattice, distance: Distance
) -> tuple[Float[np.ndarray, "points 3"], Int[np.ndarray, "tets 4"]]:
    """Points and tetrahedra of the part of the lattice where the distance is negative."""
    signs = np.where(lattice.values < 0, 1, -1).astype(np.int8)
    edges = _cut_edges(lattice.tetrahedra, signs)
    fractions = _roots(lattice.points, edges, lattice.values, distance)
    low, high = _margins(lattice.points, edges)
    points, snapped = _snap(lattice.points, edges, fractions, low, high)
    signs[snapped] = 0
    keys = edges[:, 0] * np.int64(len(points)) + edges[:, 1]
    cuts = _Cuts(keys, np.clip(fractions, low, 1 - high), len(points))
    while True:
        all_points, cells = _cut(points, lattice.tetrahedra, signs, cuts)
        pinched, join = _pinched(cells)
        if len(pinched) == 0:
            return _compact(all_points, cells)
        signs[pinched] = np.where(join, 1, -1)
        points[pinched] = lattice.points[pinched]


def _margins(points, edges):
    """How near a cut may come to the lower and the higher end of each edge, as fractions of it."""
    way = np.abs(points[edges[:, 1]] - points[edges[:, 0]])
    length = np.linalg.norm(way, axis=1)
    axes = (way > 1e-6 * length[:, None]).sum(axis=1)
    nearest = np.array([0, *MARGINS])[axes]
    cell = np.full(len(points), np.inf)
    side = length * np.array([0, 1, np.sqrt(1 / 2), np.sqrt(4 / 3)])[axes]
    np.minimum.at(cell, edges.ravel(), np.repeat(side, 2))
    low, high = cell[edges].T
    return nearest * np.minimum(1, low / side), nearest * np.minimum(1, high / side)


def _cut_edges(tetrahedra, signs):
    """Edges with one end inside and one outside, each once, lower node number first."""
    crossing = tetrahedra[(signs[tetrahedra].min(axis=1) < 0) & (signs[tetrahedra].max(axis=1) > 0)]
    edges = np.concatenate([crossing[:, [i, j]] for i in range(4) for j in range(i + 1, 4)])
    edges = np.sort(edges[signs[edges[:, 0]] * signs[edges[:, 1]] < 0], axis=1)
    count = np.int64(len(signs))
    return np.stack(np.divmod(np.unique(edges[:, 0] * count + edges[:, 1]), count), axis=1)


def _roots(points, edges, values, distance, rounds=2):
    """Fractions at which the distance vanishes along edges, by the Illinois rule."""
    low, high = np.zeros(len(edges)), np.ones(len(edges))
    start, step = points[edges[:, 0]], points[edges[:, 1]] - points[edges[:, 0]]
    at_low, at_high = values[edges[:, 0]].copy(), values[edges[:, 1]].copy()
    fraction = at_low / (at_low - at_high)
    tolerance = 1e-2 * np.linalg.norm(step, axis=1)
    open_ = np.arange(len(edges))
    for _ in range(rounds):
        here = distance(start[open_] + fraction[open_, None] * step[open_])
        same = np.sign(here) == np.sign(at_low[open_])
        left, right = open_[same], open_[~same]
        low[left], at_low[left] = fraction[left], here[same]
        high[right], at_high[right] = fraction[right], here[~same]
        at_high[left] /= 2
        at_low[right] /= 2
        rest = np.abs(here) > tolerance[open_]
        done = open_[~rest]
        open_ = open_[rest]
        fraction[open_] = low[open_] + (high[open_] - low[open_]) * at_low[open_] / (
            at_low[open_] - at_high[open_]
        )
        del done
    return fraction


def _snap(points, edges, fractions, low, high):
    """Where nodes go that a cut comes too near to, and which these are; the nearest cut wins."""
    cut = points[edges[:, 0]] + fractions[:, None] * (points[edges[:, 1]] - points[edges[:, 0]])
    near = np.concatenate([fractions < low, fractions > 1 - high])
    node = edges.T.ravel()[near]
    target = np.concatenate([cut, cut])[near]
    way = np.linalg.norm(target - points[node], axis=1)
    order = np.argsort(-way, kind="stable")
    moved = points.copy()
    moved[node[order]] = target[order]
    snapped = np.zeros(len(points), bool)
    snapped[node] = True
    return moved, snapped


def _cut(points, tetrahedra, signs, cuts):
    """All points, the cuts' after the lattice's, and the tetrahedra of the inner part."""
    values = signs[tetrahedra]
    tetrahedra = tetrahedra[(values > 0).any(axis=1)]
    values = signs[tetrahedra]
    whole = (values >= 0).all(axis=1)
    crossing = tetrahedra[~whole]
    edges = _cut_edges(crossing, signs)
    keys = edges[:, 0] * np.int64(len(points)) + edges[:, 1]
    fraction = cuts.find(edges, signs)[:, None]
    cut_points = (1 - fraction) * points[edges[:, 0]] + fraction * points[edges[:, 1]]

    order = np.lexsort((crossing, -signs[crossing]), axis=1)
    corners = np.take_along_axis(crossing, order, axis=1)
    kinds = signs[corners]
    positive, negative = (kinds > 0).sum(axis=1), (kinds < 0).sum(axis=1)

    def cut(rows, i, j):
        ends = np.sort(corners[rows][:, [i, j]], axis=1)
        return len(points) + np.searchsorted(keys, ends[:, 0] * np.int64(len(points)) + ends[:, 1])

    everything = np.concatenate([points, cut_points])
    pieces = [tetrahedra[whole]]
    for (p, n), fill in PATTERNS.items():
        rows = np.flatnonzero((positive == p) & (negative == n))
        v = corners[rows]
        named = {i: v[:, i] for i in range(4)}
        named |= {(i, j): cut(rows, i, j) for i in range(p) for j in range(4 - n, 4)}
        choices = [
            np.stack([np.stack([named[c] for c in piece], axis=1) for piece in choice], axis=1)
            for choice in fill
        ]
        pieces.append(_best(everything, choices).reshape(-1, 4))
    cells = np.concatenate(pieces)
    return everything, _right_handed(everything, cells)


def _best(points, choices):
    """Of several ways to fill, for each row the one whose worst tetrahedron is best."""
    if len(choices) == 1:
        return choices[0]
    from twin.meshes.quality import scaled_jacobian

    worst = [
        np.abs(scaled_jacobian(points, c.reshape(-1, 4))).reshape(c.shape[:2]).min(axis=1)
        for c in choices
    ]
    return np.where((worst[1] > worst[0])[:, None, None], choices[1], choices[0])


PATTERNS: dict = {
    (1, 1): [[(0, 1, 2, (0, 3))]],
    (1, 2): [[(0, 1, (0, 2), (0, 3))]],
    (1, 3): [[(0, (0, 1), (0, 2), (0, 3))]],
    (2, 1): [[(0, 1, (1, 3), 2), (0, (1, 3), (0, 3), 2)]],
    (2, 2): [
        [(0, (0, 2), (0, 3), (1, 3)), (0, (0, 2), (1, 2), (1, 3)), (0, 1, (1, 2), (1, 3))],
        [(0, (0, 2), (0, 3), (1, 2)), (0, (0, 3), (1, 2), (1, 3)), (0, 1, (1, 2), (1, 3))],
    ],
    (3, 1): [[(0, 1, 2, (2, 3)), (0, 1, (1, 3), (2, 3)), (0, (0, 3), (1, 3), (2, 3))]],
}
"""How the inside of a cut tetrahedron is filled, by its numbers of corners inside and outside.

Corners stand in the order inside, on the surface, outside; a pair is the cut between two corners.
The diagonal of a cut face always starts at the first corner, so that neighbours agree on it.
"""


def _right_handed(points, tetrahedra):
    wrong = signed_volumes(points, tetrahedra) < 0
    tetrahedra[wrong] = tetrahedra[wrong][:, [0, 2, 1, 3]]
    return tetrahedra


def boundary_faces(
    tetrahedra: Int[np.ndarray, "tets 4"],
) -> tuple[Int[np.ndarray, "faces 3"], Int[np.ndarray, " faces"]]:
    """Faces that belong to one tetrahedron only, facing outwards, and that tetrahedron."""
    faces = tetrahedra[:, FACES].reshape(-1, 3)
    low, high = faces.min(axis=1), faces.max(axis=1)
    middle = faces.sum(axis=1) - low - high
    count = np.int64(tetrahedra.max() + 1)
    order = np.lexsort((middle * count + high, low))
    a, b = low[order], (middle * count + high)[order]
    same = (a[1:] == a[:-1]) & (b[1:] == b[:-1])
    single = np.sort(order[~(np.append(same, False) | np.insert(same, 0, False))])
    return faces[single], single // 4


def _pinched(tetrahedra):
    """Nodes at which the boundary touches itself, and whether to join what touches there.

    The solid joins through a node whose tetrahedra hang together by faces (a pinhole, closed by
    taking the node inside) and parts where they do not (two walls that touch).
    """
    faces, _ = boundary_faces(tetrahedra)
    count = np.int64(faces.max() + 1)
    corner = np.arange(faces.size).reshape(-1, 3)
    start, end = faces[:, [0, 1, 2]], faces[:, [1, 2, 0]]
    key = (np.minimum(start, end) * count + np.maximum(start, end)).ravel()
    order = np.argsort(key, kind="stable")
    ordered = key[order]
    first = np.flatnonzero(np.insert(ordered[1:] != ordered[:-1], 0, True))
    uses = np.diff(np.append(first, len(key)))
    bad_edges = ordered[first[uses != 2]]
    first = first[uses == 2]
    one, two = order[first], order[first + 1]
    at_start, at_end = corner.ravel(), corner[:, [1, 2, 0]].ravel()
    links_a = np.concatenate([at_start[one], at_end[one]])
    links_b = np.concatenate([at_end[two], at_start[two]])
    fans, fan = connected_components(
        coo_matrix((np.ones(len(links_a), np.int8), (links_a, links_b)), shape=(faces.size,) * 2),
        directed=False,
    )
    node_of_fan = np.zeros(fans, np.int64)
    node_of_fan[fan] = faces.ravel()
    several = np.bincount(node_of_fan, minlength=count) > 1
    several[np.concatenate(np.divmod(bad_edges, count))] = True
    pinched = np.flatnonzero(several)
    return pinched, _hangs_together(tetrahedra, pinched)


def _hangs_together(tetrahedra, nodes):
    """Whether the tetrahedra round each node are connected through faces."""
    if len(nodes) == 0:
        return np.zeros(0, bool)
    owner, corner = np.nonzero(np.isin(tetrahedra, nodes))
    node = tetrahedra[owner, corner]
    others = np.sort(tetrahedra[owner][:, FACES][np.arange(len(owner)), corner], axis=1)
    edges = np.concatenate([others[:, [0, 1]], others[:, [1, 2]], others[:, [0, 2]]])
    rows = np.tile(np.arange(len(owner)), 3)
    _, link = np.unique(np.column_stack([np.tile(node, 3), edges]), axis=0, return_inverse=True)
    graph = coo_matrix((np.ones(len(rows)), (rows, link.reshape(-1))))
    _, component = connected_components(graph.tocsr() @ graph.tocsr().T, directed=False)
    pairs = np.unique(np.column_stack([node, component]), axis=0)
    parts = np.bincount(np.searchsorted(nodes, pairs[:, 0]), minlength=len(nodes))
    return parts == 1


def _compact(points, tetrahedra):
    used, number = np.unique(tetrahedra, return_inverse=True)
    return points[used], number.reshape(-1, 4)
