"""Where a solid's walls are too thin for the lattice."""

import numpy as np
from jaxtyping import Int
from scipy.ndimage import generate_binary_structure, maximum_filter

from twin.meshes.meshing.octree import Cells, Grid
from twin.meshes.meshing.solid import Solid

TWO_CELLS = np.sqrt(3)
"""Thickness that two of the lattice's short edges span, in spacings."""

STEPS = 7
"""Stops on the way through a wall."""

SHALLOW = 0.9
"""A wall half as deep as two cells at the end of half the way, but for so much, is thick."""

TOLERANCE = 0.05
"""Share of a halving that may be wanting."""

MOST = 2
"""Halvings at most: under 0.43 of the spacing, a wall is left with fewer than two cells."""

OPPOSITE = -0.7
"""Cosine between the normals of two sides of a wall; sharp rims have sides less opposite."""


def refinement_levels(
    solid: Solid, grid: Grid, cells: Cells
) -> tuple[Int[np.ndarray, "x y z"], float]:
    """How often to halve each cell of the grid so that two cells lie across every wall.

    Neighbouring cells differ by one at most. Also the share of the thin places that stay too thin.
    """
    levels = np.zeros(grid.shape, np.int8)
    points, inwards, thickness = _thin_places(solid, grid, cells)
    if len(points) == 0:
        return levels, 0.0
    wanted = np.ceil(np.log2(TWO_CELLS * grid.spacing / thickness) - TOLERANCE)
    points, inwards, thickness, wanted = (
        x[wanted > 0] for x in (points, inwards, thickness, wanted)
    )
    too_thin = float((wanted > MOST).sum() / max(len(wanted), 1))
    wanted = np.clip(wanted, 1, MOST).astype(np.int8)
    for fraction in np.linspace(0, 1, 5):
        place = points + (fraction * thickness)[:, None] * inwards
        at = np.floor((place - grid.origin) / grid.spacing).astype(int)
        np.maximum.at(levels, tuple(np.clip(at, 0, np.array(grid.shape) - 1).T), wanted)
    levels = maximum_filter(levels, footprint=generate_binary_structure(3, 1))
    for _ in range(MOST):
        levels = np.maximum(levels, maximum_filter(levels, 3) - 1)
    return levels, too_thin


def _thin_places(solid, grid, cells):
    """Points of the boundary, the inward direction and the thickness of the wall there, mm.

    From each the wall is walked through; it is thin where the way ends, within two cells, at
    another side that faces the opposite way.
    """
    way = TWO_CELLS * grid.spacing
    start, outwards = _shallow_places(solid, grid, cells)
    steps = way * np.arange(1, STEPS + 1) / STEPS
    walked = start[:, None] - steps[None, :, None] * outwards[:, None]
    values = _distances(solid, walked)
    left = values >= 0
    thin = np.flatnonzero(left.any(axis=1))
    step = np.argmax(left[thin], axis=1)
    beyond, before = values[thin, step], values[thin, np.maximum(step - 1, 0)]
    share = np.where(step > 0, before / np.minimum(before - beyond, -1e-12), 1.0)
    thickness = (step + share) * way / STEPS
    start, outwards = start[thin], outwards[thin]
    far_side = start - thickness[:, None] * outwards
    slope = _gradient(solid, far_side, _distances(solid, far_side), grid.spacing)
    wall = np.einsum("nd,nd->n", slope, outwards) < OPPOSITE
    return start[wall], -outwards[wall], thickness[wall]


def _shallow_places(solid, grid, cells):
    """Points of the boundary under which the solid is nowhere deep, and the outward direction."""
    way = TWO_CELLS * grid.spacing
    depth = np.zeros(grid.shape)
    depth[tuple(cells.index.T)] = np.minimum(-cells.values, way)
    deepest = maximum_filter(depth, 3)[tuple(cells.index.T)]
    beside = (np.abs(cells.values + 0.25 * grid.spacing) < 0.5 * grid.spacing) & (deepest < way / 2)
    start, value = grid.positions(cells.index[beside] + 0.5), cells.values[beside]
    outwards = _gradient(solid, start, value, grid.spacing)
    start = start - value[:, None] * outwards
    shallow = _distances(solid, start - 0.5 * way * outwards) > -SHALLOW * 0.5 * way
    return start[shallow], outwards[shallow]


def _gradient(solid, points, values, size):
    """Direction in which the distance grows fastest."""
    step = 1e-2 * size
    difference = _distances(solid, points[:, None] + step * np.eye(3)) - values[:, None]
    return difference / np.maximum(np.linalg.norm(difference, axis=1, keepdims=True), 1e-300)


def _distances(solid, points):
    """Distances of points in an array of any shape."""
    if points.size == 0:
        return np.zeros(points.shape[:-1])
    return solid.distance(points.reshape(-1, 3)).reshape(points.shape[:-1])
