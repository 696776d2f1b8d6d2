"""How much open sky the surface of a wall sees: what tells cavities from the outside."""

from dataclasses import dataclass

import numpy as np
import pyvista as pv
from jaxtyping import Bool, Float, Int

DIRECTIONS = 96
_MARGIN = 3


@dataclass(frozen=True)
class Sky:
    """Tissue on a grid, and for every voxel the share of all directions in which none is met.

    Deep in a cavity the share is small, far outside it nears 1, and in the middle of a mouth it is
    a half: the level 1/2 closes each mouth with a lid.
    """

    origin: Float[np.ndarray, " 3"]
    pitch: float
    tissue: Bool[np.ndarray, "x y z"]
    share: Float[np.ndarray, "x y z"]
    eyes: Float[np.ndarray, "faces 3"]
    """A place before each triangle, just out of the tissue."""
    facing: Float[np.ndarray, " faces"]
    """Share of the sky that each triangle sees, directions weighted by the cosine to its normal."""

    def voxels(self, points: Float[np.ndarray, "points 3"]) -> tuple[np.ndarray, ...]:
        """Grid indices of the voxels that the points lie in, kept inside the grid."""
        indices = np.rint((points - self.origin) / self.pitch).astype(int)
        return tuple(np.clip(indices, 0, np.array(self.tissue.shape) - 1).T)

    def centres(self, voxels: Bool[np.ndarray, "x y z"]) -> Float[np.ndarray, "voxels 3"]:
        """Where the centres of the chosen voxels lie, mm."""
        return self.origin + self.pitch * np.argwhere(voxels)


def look_around(
    points: Float[np.ndarray, "points 3"],
    triangles: Int[np.ndarray, "faces 3"],
    pitch: float,
) -> Sky:
    """Cast parallel rays through the voxels, one direction after another."""
    origin, tissue = _voxelise(points, triangles, pitch)
    corners = points[triangles]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
    eyes = corners.mean(axis=1) + 1.5 * pitch * normals
    share = np.zeros(tissue.shape, np.float32)
    sky = Sky(origin, pitch, tissue, share, eyes, np.zeros(len(triangles)))
    at_eyes = sky.voxels(eyes)
    total = np.zeros(len(triangles))
    for direction in _sphere(DIRECTIONS):
        open_sky = ~_shadow(tissue, direction)
        cosine = np.maximum(normals @ direction, 0)
        sky.share[...] += open_sky
        sky.facing[...] += cosine * open_sky[at_eyes]
        total += cosine
    sky.share[...] /= DIRECTIONS
    sky.facing[...] /= total
    return sky


def _voxelise(points, triangles, pitch):
    """Origin of the grid and where it holds tissue, with a free margin all around."""
    surface = pv.PolyData.from_regular_faces(points, triangles)
    image = surface.voxelize_binary_mask(spacing=(pitch,) * 3)
    tissue = image["mask"].reshape(image.dimensions, order="F").astype(bool)
    return np.array(image.origin) - _MARGIN * pitch, np.pad(tissue, _MARGIN)


def _sphere(count):
    """Directions spread evenly over the sphere, along a golden spiral."""
    z = 1 - (2 * np.arange(count) + 1) / count
    angle = np.pi * (1 + 5**0.5) * np.arange(count)
    ring = np.sqrt(1 - z**2)
    return np.column_stack([ring * np.cos(angle), ring * np.sin(angle), z])


def _shadow(tissue, direction):
    """True in each voxel from which a ray in this direction meets tissue, itself included."""
    axis = int(np.abs(direction).argmax())
    slices = np.moveaxis(tissue, axis, 0)
    slope = np.delete(direction, axis) / abs(direction[axis])
    if direction[axis] < 0:
        slices = slices[::-1]
    shadow = slices.copy()
    drift = np.rint(np.arange(len(slices))[:, None] * slope).astype(int)
    for layer in range(len(slices) - 2, -1, -1):
        step = drift[layer + 1] - drift[layer]
        here, there = zip(
            *(_overlap(int(s), n) for s, n in zip(step, slices.shape[1:], strict=True)), strict=True
        )
        shadow[layer][here] |= shadow[layer + 1][there]
    if direction[axis] < 0:
        shadow = shadow[::-1]
    return np.moveaxis(shadow, 0, axis)


def _overlap(step, size):
    """Where a row of voxels and the same row moved by a step lie on each other."""
    return slice(max(0, -step), size - max(0, step)), slice(max(0, step), size - max(0, -step))
