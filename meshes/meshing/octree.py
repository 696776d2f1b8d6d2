"""The background lattice: body-centred cubic, with smaller cells where asked for."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from scipy.ndimage import binary_dilation, generate_binary_structure

from twin.meshes.meshing.solid import Solid

CAUTION = 1.25
"""By how much a distance may overestimate before the search for the boundary misses any of it."""

COARSEST = 8
"""Side, in cells, of the blocks that the search for the boundary begins with."""

CORNERS = np.moveaxis(np.indices((2, 2, 2)), 0, -1).reshape(-1, 3)
"""The eight corners of a cell: corner 4x + 2y + z."""

RINGS = np.array(
    [
        [[0, 1, 3, 2], [4, 5, 7, 6]],
        [[0, 1, 5, 4], [2, 3, 7, 6]],
        [[0, 2, 6, 4], [1, 3, 7, 5]],
    ]
)
"""The corners round the faces of a cell: by axis, then lower and upper face."""


@dataclass(frozen=True)
class Grid:
    """A box of cubes of side `spacing`, mm, counted from `origin`."""

    origin: Float[np.ndarray, " 3"]
    spacing: float
    shape: tuple[int, int, int]

    @staticmethod
    def around(solid: Solid, spacing: float, shift: float = 0.0) -> "Grid":
        """A grid that holds the solid with a margin, moved by a fraction of its spacing."""
        low, high = (np.asarray(corner, np.float64) for corner in solid.bounds)
        blocks = np.ceil(((high - low) / spacing + 4) / COARSEST).astype(int) * COARSEST
        x, y, z = (int(count) for count in blocks)
        origin = (low + high - blocks * spacing) / 2 + shift * spacing
        return Grid(origin, spacing, (x, y, z))

    def positions(self, cells: np.ndarray) -> Float[np.ndarray, "points 3"]:
        return self.origin + self.spacing * cells


@dataclass(frozen=True)
class Cells:
    """Cubes of one size by their place, in multiples of that size, with the distance at centres.

    Far from the boundary the distance is infinite and only its sign means something.
    """

    index: Int[np.ndarray, "cells 3"]
    values: Float[np.ndarray, " cells"]


@dataclass(frozen=True)
class Lattice:
    """Nodes, tetrahedra of either orientation, and the signed distance at each node, mm.

    Far from the boundary the distance is infinite and only its sign means something.
    """

    points: Float[np.ndarray, "points 3"]
    tetrahedra: Int[np.ndarray, "tets 4"]
    values: Float[np.ndarray, " points"]


def find_cells(solid: Solid, grid: Grid) -> Cells:
    """The cells inside the solid or near its boundary, and their neighbours outside.

    From large blocks down: one that is farther from the boundary than it is large lies wholly
    inside or wholly outside.
    """
    values = np.full(grid.shape, np.inf)
    index = np.moveaxis(np.indices([count // COARSEST for count in grid.shape]), 0, -1)
    blocks, size = index.reshape(-1, 3), COARSEST
    while True:
        distance = solid.distance(grid.positions(size * (blocks + 0.5)))
        near = np.abs(distance) <= _reach(size) * grid.spacing
        deep = _divided(blocks[~near & (distance < 0)], size)
        values[tuple(deep.T)] = -np.inf
        if size == 1:
            break
        blocks, size = _divided(blocks[near], 2), size // 2
    values[tuple(blocks.T)] = distance
    present = values <= _reach(1) * grid.spacing
    index = np.argwhere(binary_dilation(present, generate_binary_structure(3, 1)))
    return Cells(index, values[tuple(index.T)])


def build_lattice(
    solid: Solid, grid: Grid, cells: Cells, levels: Int[np.ndarray, "x y z"]
) -> Lattice:
    """Tetrahedra on the cells, each cell halved as often as `levels`, over the grid, says.

    Levels of neighbours, across faces, edges and corners, differ by at most one. The tetrahedra
    are those of Labelle and Shewchuk 2007, section 3: each joins two cells.
    """
    tree = _Tree(solid, grid, _leaves(solid, grid, cells, levels))
    pieces = [tree.between_equals(level) for level in range(len(tree.levels))]
    pieces += [tree.between_sizes(level) for level in range(1, len(tree.levels))]
    tetrahedra = np.concatenate(pieces)
    used = np.zeros(len(tree.points), bool)
    used[tetrahedra] = True
    return Lattice(tree.points[used], (np.cumsum(used) - 1)[tetrahedra], tree.values[used])


def _leaves(solid, grid, cells, levels):
    """The cells of each size that are not divided further."""
    leaves, level = [], 0
    while True:
        split = levels[tuple((cells.index >> level).T)] > level
        leaves.append(Cells(cells.index[~split], cells.values[~split]))
        if not split.any():
            return leaves
        level += 1
        index, values = _divided(cells.index[split], 2), np.repeat(cells.values[split], 8)
        near = np.isfinite(values)
        values[near] = solid.distance(grid.positions(0.5**level * (index[near] + 0.5)))
        cells = Cells(index, values)


class _Tree:
    """Nodes of the lattice: first the centres of all cells, then the corners of cells, each once.

    Corners are known by their place in halves of the smallest cell's side, as one number.
    """

    def __init__(self, solid, grid, leaves):
        self.levels = leaves
        self.first = np.cumsum([0] + [len(leaf.index) for leaf in leaves])
        self.sizes = [2 ** (len(leaves) - 1 - level) for level in range(len(leaves))]
        self.span = np.array(grid.shape) * self.sizes[0] + 2
        places = np.concatenate(
            [
                size * (leaf.index[:, None] + CORNERS)
                for size, leaf in zip(self.sizes, leaves, strict=True)
            ]
        )
        self.corner_keys, at, number = np.unique(
            self._key(places.reshape(-1, 3)), return_index=True, return_inverse=True
        )
        self.corners = number.reshape(-1, 8) + self.first[-1]
        corner_places = places.reshape(-1, 3)[at]
        centres = [size * (leaf.index + 0.5) for size, leaf in zip(self.sizes, leaves, strict=True)]
        self.points = grid.positions(np.concatenate([*centres, corner_places]) / self.sizes[0])
        self.values = np.concatenate(
            [*(leaf.values for leaf in leaves), self._corner_values(solid, grid, number)]
        )
        self.cell_keys = []
        for leaf in leaves:
            keys = self._key(leaf.index)
            order = np.argsort(keys)
            self.cell_keys.append((keys[order], order))

    def _key(self, places):
        x, y, z = np.moveaxis(places + 1, -1, 0)
        return (x * self.span[1] + y) * self.span[2] + z

    def _corner_values(self, solid, grid, number):
        """Distances at corners of cells near the boundary, elsewhere only their sign."""
        count = len(self.corner_keys)
        cell_values = np.concatenate([leaf.values for leaf in self.levels])
        reach = np.concatenate(
            [np.full(len(leaf.index), _reach(0.5**level)) for level, leaf in enumerate(self.levels)]
        )
        near = np.zeros(count, bool)
        near[number.reshape(-1, 8)[np.abs(cell_values) <= reach * grid.spacing]] = True
        deep = np.zeros(count, bool)
        deep[number.reshape(-1, 8)[cell_values < 0]] = True
        values = np.where(deep, -np.inf, np.inf)
        values[near] = solid.distance(self.points[self.first[-1] :][near])
        return values

    def between_equals(self, level):
        """Two neighbouring centres and an edge of the face between them, or half that edge."""
        leaf, found = self.levels[level], []
        for axis in range(3):
            other = self._find(level, leaf.index + np.eye(3, dtype=int)[axis])
            here = np.flatnonzero(other >= 0)
            centre = here + self.first[level]
            ring = self.corners[centre][:, RINGS[axis, 1]]
            for one, two in ((0, 1), (1, 2), (2, 3), (3, 0)):
                edge = np.stack([ring[:, one], ring[:, two]], axis=1)
                found += self._round_edge(level, centre, other[here], edge)
        return np.concatenate(found)

    def _round_edge(self, level, centre, other, edge):
        middle = self._middle(level, edge)
        whole, halved = middle < 0, middle >= 0
        pieces = [(whole, edge[:, 0], edge[:, 1])]
        if halved.any():
            pieces += [(halved, edge[:, 0], middle), (halved, middle, edge[:, 1])]
        return [self._inner(centre[m], other[m], a[m], b[m]) for m, a, b in pieces]

    def between_sizes(self, level):
        """A centre and half a face between cells of two sizes, on both sides of the face."""
        leaf, found = self.levels[level], []
        for axis in range(3):
            for side in (0, 1):
                beside = leaf.index + (2 * side - 1) * np.eye(3, dtype=int)[axis]
                larger = self._find(level - 1, beside >> 1)
                here = np.flatnonzero((larger >= 0) & (self._find(level, beside) < 0))
                centre, ring = here + self.first[level], self._from_middle(level, here, axis, side)
                middle, one, far, two = ring.T
                for apex in (centre, larger[here]):
                    found += [self._inner(apex, middle, one, far)]
                    found += [self._inner(apex, middle, far, two)]
        return np.concatenate(found)

    def _from_middle(self, level, here, axis, side):
        """Corners round a small face, beginning at the middle of the large face it is part of."""
        corner = RINGS[axis, side]
        place = self.levels[level].index[here][:, None] + CORNERS[corner]
        odd = np.delete(place, axis, axis=2) % 2
        start = np.argmax(odd.all(axis=2), axis=1)
        turned = (start[:, None] + np.arange(4)) % 4
        return np.take_along_axis(self.corners[here + self.first[level]][:, corner], turned, 1)

    def _find(self, level, index):
        """Node number of the centre of the cell of this size at this place, or -1."""
        keys, order = self.cell_keys[level]
        if len(keys) == 0:
            return np.full(len(index), -1)
        wanted = self._key(index)
        at = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
        return np.where(keys[at] == wanted, order[at] + self.first[level], -1)

    def _middle(self, level, edge):
        """Node in the middle of each edge of a cell, or -1; only smaller cells put one there."""
        if level == len(self.levels) - 1:
            return np.full(len(edge), -1)
        wanted = self.corner_keys[edge - self.first[-1]].sum(axis=1) // 2
        at = np.minimum(np.searchsorted(self.corner_keys, wanted), len(self.corner_keys) - 1)
        return np.where(self.corner_keys[at] == wanted, at + self.first[-1], -1)

    def _inner(self, *corners):
        """The tetrahedra with these corners that have at least one inside the solid."""
        tetrahedra = np.stack(corners, axis=1)
        return tetrahedra[(self.values[tetrahedra] < 0).any(axis=1)]


def _reach(size):
    """Half the diagonal of a cell, with caution: farther from the boundary, it lies on one side."""
    return CAUTION * np.sqrt(3) / 2 * size


def _divided(index, parts):
    """Indices of the smaller cells in cells divided into `parts` along each axis."""
    offsets = np.moveaxis(np.indices((parts,) * 3), 0, -1).reshape(-1, 3)
    return (parts * index[:, None] + offsets).reshape(-1, 3)
