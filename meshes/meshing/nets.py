"""A closed triangle surface where a function vanishes: naive surface nets (Gibson 1998).

One node in each lattice cell that the surface passes, at the mean of its crossings of the cell's
edges; four nodes around each crossed edge make a quadrilateral, cut along its shorter diagonal.
"""

from itertools import product

import numpy as np
from jaxtyping import Float, Int

from twin.meshes.anatomy.implicit import Shape

BLOCK = 6
"""Lattice cells along the side of a block that is looked into, or not, as a whole."""

MOST_CHANGES = 20
TINY = 1e-6
"""mm; a lattice point that changes sides is taken to be so near to the surface."""

CORNERS = np.array(list(product((0, 1), repeat=3)))
EDGES = [(a, b) for a in range(8) for b in range(a) if abs(CORNERS[a] - CORNERS[b]).sum() == 1]


def surface_net(
    shape: Shape,
    low: Float[np.ndarray, "3"],
    high: Float[np.ndarray, "3"],
    spacing: float,
) -> tuple[Float[np.ndarray, "points 3"], Int[np.ndarray, "tris 3"]]:
    """The surface of `shape` within a box, facing outwards. `shape` is a distance near it."""
    values = _unambiguous(_values(shape, low, high, spacing))
    inside = values < 0
    number, places = _nodes(values, inside)
    triangles = np.concatenate([_quads(inside, number, places, axis) for axis in range(3)])
    return low + spacing * places, triangles


def _values(shape: Shape, low, high, spacing: float) -> Float[np.ndarray, "x y z"]:
    """At the lattice points; far from the surface only the sign is right."""
    blocks = np.ceil((high - low) / (BLOCK * spacing)).astype(int) + 1
    size = BLOCK * spacing
    centres = _lattice(low + size / 2, blocks, size)
    coarse = shape(centres).value
    values = np.where(coarse < 0, -size, size)
    values = np.broadcast_to(values[:, None], (len(values), BLOCK**3)).copy()
    near = np.flatnonzero(np.abs(coarse) < 1.2 * size)
    offsets = _lattice(np.zeros(3), np.full(3, BLOCK), spacing)
    for some in np.array_split(near, max(1, len(near) // 100)):
        start = centres[:, some] - size / 2
        fine = (start[:, :, None] + offsets[:, None]).reshape(3, -1)
        values[some] = shape(fine).value.reshape(len(some), -1)
    values = values.reshape(*blocks, BLOCK, BLOCK, BLOCK).transpose(0, 3, 1, 4, 2, 5)
    return values.reshape(BLOCK * blocks)


def _unambiguous(values: Float[np.ndarray, "x y z"]) -> Float[np.ndarray, "x y z"]:
    """With no face of a cell inside at two opposite corners alone: four sheets would meet there.

    Of such a face the corner nearest to the surface changes sides.
    """
    values = values.copy()
    for _ in range(MOST_CHANGES):
        changed = False
        for axis in range(3):
            # A view with the face's two directions first: writing to it changes the values.
            turned = values.transpose(np.roll(range(3), -axis))
            faces = np.stack([turned[:-1, :-1], turned[1:, :-1], turned[1:, 1:], turned[:-1, 1:]])
            a, b, c, d = faces < 0
            found = np.argwhere((a == c) & (b == d) & (a != b))
            if len(found):
                changed = True
                nearest = np.abs(faces[(slice(None), *found.T)]).argmin(axis=0)
                found[:, :2] += np.array([(0, 0), (1, 0), (1, 1), (0, 1)])[nearest]
                found = np.unique(found, axis=0)
                turned[tuple(found.T)] = np.where(turned[tuple(found.T)] < 0, TINY, -TINY)
        if not changed:
            break
    return values


def _lattice(start, counts, step: float) -> Float[np.ndarray, "3 points"]:
    axes = [start[k] + step * np.arange(counts[k]) for k in range(3)]
    return np.array(np.meshgrid(*axes, indexing="ij")).reshape(3, -1)


def _corner(values, corner) -> np.ndarray:
    """The values at one corner of every cell."""
    return values[tuple(slice(c, values.shape[k] - 1 + c) for k, c in enumerate(corner))]


def _nodes(values, inside):
    """The number of each cell's node, -1 where it has none, and their places in lattice units."""
    signs = np.sum([_corner(inside, corner) for corner in CORNERS], axis=0)
    cells = np.argwhere((signs > 0) & (signs < 8))
    number = np.full(signs.shape, -1)
    number[tuple(cells.T)] = np.arange(len(cells))
    at = np.array([values[tuple((cells + corner).T)] for corner in CORNERS])
    total, count = np.zeros((len(cells), 3)), np.zeros(len(cells))
    for a, b in EDGES:
        crossed = (at[a] < 0) != (at[b] < 0)
        share = np.where(crossed, at[a] / np.where(crossed, at[a] - at[b], 1), 0)[:, None]
        total += crossed[:, None] * (CORNERS[a] + share * (CORNERS[b] - CORNERS[a]))
        count += crossed
    return number, cells + total / count[:, None]


def _quads(inside, number, places, axis: int) -> Int[np.ndarray, "tris 3"]:
    """Two triangles around each crossed lattice edge along `axis`."""
    # Turning the axes round, and never swapping two, keeps the sense of going round an edge.
    turn = np.roll(range(3), -axis)
    lattice, cell = inside.transpose(turn), number.transpose(turn)
    first, last = lattice[:-1, 1:-1, 1:-1], lattice[1:, 1:-1, 1:-1]
    crossed = np.argwhere(first != last)
    i, j, k = crossed.T
    around = [cell[i, j + a, k + b] for a, b in ((0, 0), (1, 0), (1, 1), (0, 1))]
    quads = np.array(around).T
    outward = first[i, j, k]
    quads[~outward] = quads[~outward][:, ::-1]
    one = np.linalg.norm(places[quads[:, 0]] - places[quads[:, 2]], axis=1)
    other = np.linalg.norm(places[quads[:, 1]] - places[quads[:, 3]], axis=1)
    turned = np.where((one <= other)[:, None], quads, np.roll(quads, -1, axis=1))
    return np.concatenate([turned[:, [0, 1, 2]], turned[:, [0, 2, 3]]])
