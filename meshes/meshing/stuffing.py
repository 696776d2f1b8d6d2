"""Tetrahedra that fill a solid, cut out of a background lattice.

Isosurface stuffing (Labelle and Shewchuk 2007): lattice nodes close to the surface are moved onto
it, and the tetrahedra that still cross it are cut, so that none is cut badly.
"""

from collections.abc import Callable

import numpy as np
from jaxtyping import Bool, Float, Int

from twin.meshes.meshing.octree import Lattice
from twin.meshes.meshing.quality import scaled_jacobian
from twin.meshes.topology import (
    boundary_triangles,
    non_manifold_edges,
    non_manifold_nodes,
)

REACH = 0.4
"""How far a node may be moved onto the surface, as a fraction of its smallest cell's side."""

SIDES = np.array([0, 1, np.sqrt(1 / 2), np.sqrt(4 / 3)])
"""Side of the cell over the length of an edge that runs along so many axes at once."""

TOLERANCE = 1e-2
"""Distance from the surface, as a fraction of the edge, at which a crossing counts as found."""

FILLINGS: dict = {
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
"""Ways to fill the inside of a cut tetrahedron, by its numbers of corners inside and outside.

Corners stand in the order inside, on the surface, outside; a pair is the cut between two corners.
The diagonal of a cut face starts at the first of its corners, so that neighbours agree on it.
"""

Distance = Callable[[np.ndarray], np.ndarray]


def stuff(
    lattice: Lattice, distance: Distance
) -> tuple[Float[np.ndarray, "points 3"], Int[np.ndarray, "tets 4"], Bool[np.ndarray, " points"]]:
    """Points and tetrahedra of the solid, and which points lie on its surface."""
    signs = np.where(lattice.values < 0, 1, -1).astype(np.int8)
    crossings = _Crossings(lattice, signs, distance)
    points = lattice.points.copy()
    moved, places = crossings.snap()
    points[moved], signs[moved] = places, 0
    crossings.refine(signs)
    while True:
        all_points, tetrahedra = _cut(points, lattice.tetrahedra, signs, crossings)
        surface = np.append(signs == 0, np.ones(len(all_points) - len(signs), bool))
        pinched = _pinched(tetrahedra, surface)
        if len(pinched) == 0:
            return _used(all_points, tetrahedra, surface)
        # Cuts never touch each other: only moved nodes can pinch, and moving them back ends it.
        signs[pinched] = np.where(lattice.values[pinched] < 0, 1, -1)
        points[pinched] = lattice.points[pinched]


class _Crossings:
    """Where edges of the lattice cross the surface, as fractions from the lower node number."""

    def __init__(self, lattice, signs, distance):
        self.points, self.distance = lattice.points, distance
        self.edges = _cut_edges(lattice.tetrahedra, signs)
        self.keys = self._keys(self.edges)
        self.values = lattice.values.copy()
        unknown = np.unique(self.edges[np.isinf(self.values[self.edges])])
        if len(unknown):
            self.values[unknown] = distance(self.points[unknown])
        low, high = self.values[self.edges].T
        self.fractions = np.clip(low / np.where(low == high, 1, low - high), 0, 1)
        self.low, self.high = self._margins()

    def _margins(self):
        """How near the crossing may be to the lower and the higher end, as fractions."""
        way = np.abs(self.points[self.edges[:, 1]] - self.points[self.edges[:, 0]])
        length = np.linalg.norm(way, axis=1)
        ratio = SIDES[(way > 1e-6 * length[:, None]).sum(axis=1)]
        smallest = np.full(len(self.points), np.inf)
        np.minimum.at(smallest, self.edges.ravel(), np.repeat(ratio * length, 2))
        low, high = smallest[self.edges].T / length
        return np.minimum(REACH * low, 0.5), np.minimum(REACH * high, 0.5)

    def snap(self):
        """The nodes that a crossing comes too near to, and the nearest crossing of each."""
        near = np.concatenate([self.fractions < self.low, self.fractions > 1 - self.high])
        edge = np.flatnonzero(near) % len(self.edges)
        node = self.edges.T.ravel()[near]
        length = np.linalg.norm(np.subtract(*self.points[self.edges[edge].T]), axis=1)
        way = length * np.concatenate([self.fractions, 1 - self.fractions])[near]
        order = np.lexsort((way, node))
        nodes, first = np.unique(node[order], return_index=True)
        chosen = edge[order][first]
        self._solve(np.unique(chosen))
        at_low = self.edges[chosen, 0] == nodes
        fraction = np.where(at_low, self.fractions[chosen], 1 - self.fractions[chosen])
        still = fraction < 1.2 * np.where(at_low, self.low[chosen], self.high[chosen])
        return nodes[still], self._places(chosen[still])

    def refine(self, signs):
        """Find the crossings that are left exactly, away from both ends."""
        self._solve(np.flatnonzero(signs[self.edges].prod(axis=1) < 0))
        self.fractions = np.clip(self.fractions, self.low, 1 - self.high)

    def at(self, edges):
        """Fractions for some of the edges."""
        return self.fractions[np.searchsorted(self.keys, self._keys(edges))]

    def _keys(self, edges):
        return edges[:, 0] * np.int64(len(self.points)) + edges[:, 1]

    def _places(self, rows):
        start, end = self.points[self.edges[rows].T]
        return start + self.fractions[rows, None] * (end - start)

    def _solve(self, rows, rounds=3):
        """Roots along edges, by the Illinois rule."""
        ends = np.array([np.zeros(len(rows)), np.ones(len(rows))])
        at_ends = self.values[self.edges[rows]].T.copy()
        length = np.linalg.norm(np.subtract(*self.points[self.edges[rows].T]), axis=1)
        left, last = np.arange(len(rows)), np.full(len(rows), -1)
        for _ in range(rounds):
            if len(left) == 0:
                break
            value = self.distance(self._places(rows[left]))
            far = np.abs(value) > TOLERANCE * length[left]
            left, value = left[far], value[far]
            side = np.where(value * at_ends[0, left] > 0, 0, 1)
            at_ends[1 - side, left] *= np.where(side == last[left], 0.5, 1)
            ends[side, left], at_ends[side, left] = self.fractions[rows[left]], value
            last[left] = side
            (start, end), (at_start, at_end) = ends[:, left], at_ends[:, left]
            self.fractions[rows[left]] = start + (end - start) * at_start / (at_start - at_end)


def _cut_edges(tetrahedra, signs):
    """Edges with one end inside and one outside, each once, lower node number first."""
    values = signs[tetrahedra]
    crossing = tetrahedra[(values.min(axis=1) < 0) & (values.max(axis=1) > 0)]
    edges = np.concatenate([crossing[:, [i, j]] for i in range(4) for j in range(i + 1, 4)])
    edges = np.sort(edges[signs[edges[:, 0]] * signs[edges[:, 1]] < 0], axis=1)
    count = np.int64(len(signs))
    return np.stack(np.divmod(np.unique(edges[:, 0] * count + edges[:, 1]), count), axis=1)


def _cut(points, tetrahedra, signs, crossings):
    """All points, those of cuts after the lattice's, and the tetrahedra of the inner part."""
    values = signs[tetrahedra]
    inner = values.max(axis=1) > 0
    whole = inner & (values.min(axis=1) >= 0)
    crossing = tetrahedra[inner & ~whole]
    edges = _cut_edges(crossing, signs)
    fraction = crossings.at(edges)[:, None]
    cuts = (1 - fraction) * points[edges[:, 0]] + fraction * points[edges[:, 1]]
    points = np.concatenate([points, cuts])
    filled = _fill(points, crossing, signs, edges)
    return points, np.concatenate([_right_handed(points, tetrahedra[whole]), *filled])


def _fill(points, crossing, signs, edges):
    """The inner parts of tetrahedra that cross the surface; cuts are the last of the points."""
    corners = np.take_along_axis(crossing, np.lexsort((crossing, -signs[crossing])), axis=1)
    inside = (signs[corners] > 0).sum(axis=1)
    outside = (signs[corners] < 0).sum(axis=1)
    keys = edges[:, 0] * np.int64(len(signs)) + edges[:, 1]
    for (p, n), choices in FILLINGS.items():
        rows = corners[(inside == p) & (outside == n)]
        named: dict = {i: rows[:, i] for i in range(4)}
        for i in range(p):
            for j in range(4 - n, 4):
                low, high = np.sort(rows[:, [i, j]], axis=1).T
                named[i, j] = len(signs) + np.searchsorted(keys, low * np.int64(len(signs)) + high)
        filled = [
            np.stack([np.stack([named[c] for c in piece], axis=1) for piece in choice], axis=1)
            for choice in choices
        ]
        yield _right_handed(points, _best(points, filled).reshape(-1, 4))


def _best(points, choices):
    """Of several fillings, row by row the one whose worst tetrahedron is best."""
    if len(choices) == 1:
        return choices[0]
    worst = [
        np.abs(scaled_jacobian(points, choice.reshape(-1, 4))).reshape(choice.shape[:2]).min(axis=1)
        for choice in choices
    ]
    return np.take_along_axis(
        np.stack(choices), np.argmax(worst, axis=0)[None, :, None, None], axis=0
    )[0]


def _right_handed(points, tetrahedra):
    a, b, c, d = (points[corner] for corner in tetrahedra.T)
    wrong = np.einsum("nd,nd->n", np.cross(b - a, c - a), d - a) < 0
    tetrahedra[wrong] = tetrahedra[wrong][:, [0, 2, 1, 3]]
    return tetrahedra


def surface_triangles(
    tetrahedra: Int[np.ndarray, "tets 4"], surface: Bool[np.ndarray, " points"]
) -> Int[np.ndarray, "faces 3"]:
    """Outward faces of one tetrahedron alone, knowing which points can belong to any."""
    triangles = boundary_triangles(tetrahedra[surface[tetrahedra].sum(axis=1) >= 3])
    return triangles[surface[triangles].all(axis=1)]


def _pinched(tetrahedra, surface):
    """Nodes at which the boundary touches itself."""
    triangles = surface_triangles(tetrahedra, surface)
    return np.union1d(non_manifold_nodes(triangles), non_manifold_edges(triangles))


def _used(points, tetrahedra, surface):
    """The points that tetrahedra use, numbered anew."""
    used = np.zeros(len(points), bool)
    used[tetrahedra] = True
    return points[used], (np.cumsum(used) - 1)[tetrahedra], surface[used]
