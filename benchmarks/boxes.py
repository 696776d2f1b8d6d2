"""A box of tetrahedra that fronts run through in tests and benchmarks."""

import itertools

import numpy as np

from twin.meshes.heart import Coordinates, Fibres, Heart

SIZE = (20.0, 7.0, 3.0)


def box_mesh(spacing: float, size=SIZE, jitter: float = 0.2, seed: int = 0):
    """Points (mm) and tetrahedra: six to a cube (Kuhn), inner nodes moved by up to `jitter`."""
    cells = [max(1, round(extent / spacing)) for extent in size]
    axes = [np.linspace(0, extent, n + 1) for extent, n in zip(size, cells, strict=True)]
    grid = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)
    moved = np.random.default_rng(seed).uniform(-jitter, jitter, grid.shape) * spacing
    for axis in range(3):
        walls = np.moveaxis(moved[..., axis], axis, 0)
        walls[[0, -1]] = 0
    number = np.arange(grid[..., 0].size).reshape(grid.shape[:3])
    corners = []
    for steps in itertools.permutations(range(3)):
        at = np.zeros(3, int)
        way = [at.copy()]
        for axis in steps:
            at[axis] += 1
            way.append(at.copy())
        corners.append(_upright([number[_shifted(a, cells)].ravel() for a in way], steps))
    return (grid + moved).reshape(-1, 3), np.concatenate(corners).astype(np.int32)


def box_heart(spacing: float, fibre=(1.0, 0.6, 0.3), kind=np.float64, **mesh) -> Heart:
    """The box as a heart. `fibre` is one direction, or a function of the elements' centres."""
    points, tetrahedra = box_mesh(spacing, **mesh)
    centres = points[tetrahedra].mean(axis=1)
    along = fibre(centres) if callable(fibre) else np.broadcast_to(fibre, centres.shape)
    along = along / np.linalg.norm(along, axis=1, keepdims=True)
    sheet = np.cross([0.0, 0.0, 1.0], along)
    sheet /= np.linalg.norm(sheet, axis=1, keepdims=True)
    nowhere = np.zeros(len(points))
    heart = Heart(
        points=points,
        tetrahedra=tetrahedra,
        triangles=tetrahedra[:1, 1:],
        boundary=np.ones(1, np.int8),
        coordinates=Coordinates(nowhere, nowhere, nowhere, nowhere.astype(np.int8)),
        fibres=Fibres(along, sheet, np.cross(along, sheet)),
    )
    return heart.astype(kind)


def _shifted(by, cells) -> tuple[slice, ...]:
    return tuple(slice(b, n + b) for b, n in zip(by, cells, strict=True))


def _upright(corners, steps) -> np.ndarray:
    """Odd orders of the axes give mirrored tetrahedra: exchange two corners."""
    odd = np.linalg.det(np.eye(3)[list(steps)]) < 0
    order = [0, 2, 1, 3] if odd else [0, 1, 2, 3]
    return np.stack([corners[i] for i in order], axis=1)
