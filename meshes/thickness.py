"""Where a solid's walls are too thin for the lattice."""

import numpy as np
from jaxtyping import Float, Int
from scipy.ndimage import maximum_filter

from twin.meshes.octree import Cells, Grid
from twin.meshes.solid import Solid

TWO_CELLS = np.sqrt(3)
"""Thickness that two of the lattice's short edges span, in spacings."""
STEPS = 8
TOLERANCE = 0.05
OPPOSITE = -0.7
"""Cosine between the normals of two sides of a wall; sharp rims have sides less opposite."""


def refinement_levels(
    solid: Solid, grid: Grid, cells: Cells, most: int = 2
) -> Int[np.ndarray, "x y z"]:
    """How often to halve each cell of the grid so that two cells lie across every wall.

    At most `most` times; neighbouring cells differ by one.
    """
    levels = np.zeros(grid.shape, np.int8)
    points, inwards, thickness = _thin_places(solid, grid, cells)
    if len(points) == 0:
        return levels
    wanted = np.ceil(np.log2(TWO_CELLS * grid.spacing / thickness) - TOLERANCE)
    points, inwards, thickness, wanted = (x[wanted > 0] for x in (points, inwards, thickness, wanted))
    wanted = np.clip(wanted, 1, most).astype(np.int8)
    for fraction in np.linspace(0, 1, 5):
        place = points + (fraction * thickness)[:, None] * inwards
        at = np.floor((place - grid.origin) / grid.spacing).astype(int)
        np.maximum.at(levels, tuple(np.clip(at, 0, np.array(grid.shape) - 1).T), wanted)
    levels = maximum_filter(levels, 3)
    for _ in range(most):
        levels = np.maximum(levels, maximum_filter(levels, 3) - 1)
    return levels


def _thin_places(solid, grid, cells):
    """Points of the boundary, the inward direction and the thickness of the wall there, mm.

    From each the wall is walked through; it is thin where the way ends, within two cells, at
    another side that faces the opposite way.
    """
    start, value = _candidates(grid, cells)
    outwards = gradient(solid, start, grid.spacing)
    start = start - value[:, None] * outwards
    ways = TWO_CELLS * grid.spacing * np.arange(1, STEPS + 1) / STEPS
    walked = start[:, None] - ways[None, :, None] * outwards[:, None]
    values = solid.distance(walked.reshape(-1, 3)).reshape(-1, STEPS)
    left = values >= 0
    thin = np.flatnonzero(left.any(axis=1))
    step = np.argmax(left[thin], axis=1)
    beyond, before = values[thin, step], values[thin, np.maximum(step - 1, 0)]
    share = np.where(step > 0, before / np.minimum(before - beyond, -1e-12), 1.0)
    thickness = (step + share) * ways[0]
    start, outwards = start[thin], outwards[thin]
    side = gradient(solid, start - thickness[:, None] * outwards, grid.spacing)
    wall = np.einsum("nd,nd->n", side, outwards) < OPPOSITE
    return start[wall], -outwards[wall], thickness[wall]


def _candidates(grid, cells):
    """Centres beside the boundary that have no deep neighbour, and their distance."""
    depth = np.zeros(grid.shape)
    depth[tuple(cells.index.T)] = np.minimum(-cells.values, 10 * grid.spacing)
    deepest = maximum_filter(depth, 3)[tuple(cells.index.T)]
    beside = (np.abs(cells.values) < grid.spacing) & (deepest < TWO_CELLS / 2 * grid.spacing)
    return grid.positions(cells.index[beside] + 0.5), cells.values[beside]


def gradient(
    solid: Solid, points: Float[np.ndarray, "points 3"], size: float
) -> Float[np.ndarray, "points 3"]:
    """Direction in which the distance grows fastest, by differences over a small part of `size`."""
    step = 1e-2 * size
    sides = points[:, None] + step * np.concatenate([np.eye(3), -np.eye(3)])
    values = solid.distance(sides.reshape(-1, 3)).reshape(-1, 6)
    difference = values[:, :3] - values[:, 3:]
    return difference / np.maximum(np.linalg.norm(difference, axis=1, keepdims=True), 1e-300)
