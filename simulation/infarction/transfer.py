"""From where a file has its values to a heart's nodes."""

import numpy as np
from jaxtyping import Bool, Float, Int, Shaped
from scipy.ndimage import map_coordinates
from scipy.spatial import cKDTree

from twin.meshes.errors import InputError
from twin.meshes.heart import Heart
from twin.meshes.meshing.wall import Grid
from twin.simulation.infarct import Zone

SAME_PLACE = 1e-2
"""mm."""

FARTHEST = 5.0
"""mm from a value at which a node still takes it."""

COVERED = 0.9
"""Least share of the left ventricle's nodes that has to lie where there are values."""


def from_points(
    points: Float[np.ndarray, "given 3"], values: Shaped[np.ndarray, " given"], heart: Heart
) -> Shaped[np.ndarray, " points"]:
    """Each node takes the value of the nearest point."""
    if points.shape == heart.points.shape and np.allclose(points, heart.points, atol=SAME_PLACE):
        return values
    distance, nearest = cKDTree(points).query(heart.points, distance_upper_bound=FARTHEST)
    found = np.isfinite(distance)
    _check_cover(found, heart, points)
    return np.where(found, values[np.where(found, nearest, 0)], 0)


def from_voxels(
    values: Shaped[np.ndarray, "i j k"], grid: Grid, heart: Heart, smooth: bool
) -> Shaped[np.ndarray, " points"]:
    """The voxel that each node lies in or, where `smooth`, what lies between the voxels."""
    steps = ((heart.points - grid.origin) @ grid.axes.T) / grid.spacing
    inside = ((steps > -0.5) & (steps < np.array(values.shape) - 0.5)).all(axis=1)
    corner = grid.position(np.array([np.zeros(3), np.array(values.shape) - 1.0]))
    _check_cover(inside, heart, corner)
    if smooth:
        return map_coordinates(values.astype(float), steps.T, order=1, mode="nearest")
    voxel = np.clip(np.round(steps).astype(int), 0, np.array(values.shape) - 1)
    return np.where(inside, values[tuple(voxel.T)], 0)


def from_elements(zones: Int[np.ndarray, " tets"], heart: Heart) -> Int[np.ndarray, " points"]:
    """A node is as ill as the healthiest of its elements, so that no element becomes worse than
    it was given; what was made of nodes comes back."""
    nodes = np.full(len(heart.points), Zone.SCAR, np.int8)
    for corner in heart.tetrahedra.T:
        np.minimum.at(nodes, corner, zones.astype(np.int8))
    return nodes


def _check_cover(found: Bool[np.ndarray, " points"], heart: Heart, places: np.ndarray) -> None:
    share = found[heart.coordinates.ventricle == 0].mean()
    if share < COVERED:
        spans = (f"({_span(points)})" for points in (places, heart.points))
        theirs, ours = spans
        raise InputError(
            f"only {share:.0%} of the left ventricle lies where it has values {theirs}; the heart "
            f"spans {ours} mm: are unit, axes and position the heart's?"
        )


def _span(points: np.ndarray) -> str:
    low, high = points.min(axis=0), points.max(axis=0)
    return ", ".join(f"{a:.0f} to {b:.0f}" for a, b in zip(low, high, strict=True))
