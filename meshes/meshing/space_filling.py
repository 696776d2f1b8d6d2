"""The order of a mesh's nodes and tetrahedra: near in space, near in memory."""

import numpy as np
from jaxtyping import Bool, Float, Int

SPREADS = (
    (32, 0x1F00000000FFFF),
    (16, 0x1F0000FF0000FF),
    (8, 0x100F00F00F00F00F),
    (4, 0x10C30C30C30C30C3),
    (2, 0x1249249249249249),
)
"""Shifts and masks that spread 21 bits so that two others fit between any two."""


def along_curve(
    points: Float[np.ndarray, "points 3"],
    tetrahedra: Int[np.ndarray, "tets 4"],
    surface: Bool[np.ndarray, " points"],
) -> tuple[Float[np.ndarray, "points 3"], Int[np.ndarray, "tets 4"], Bool[np.ndarray, " points"]]:
    """Points along a space-filling curve, and tetrahedra by their lowest points."""
    order = np.argsort(morton_number(points), kind="stable")
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    tetrahedra = place[tetrahedra]
    lowest, highest = tetrahedra.min(axis=1), tetrahedra.max(axis=1)
    rank = lowest * np.int64(len(points)) + highest
    return points[order], tetrahedra[np.argsort(rank, kind="stable")], surface[order]


def morton_number(points: Float[np.ndarray, "points 3"]) -> Int[np.ndarray, " points"]:
    """Place of each point along the Z-order curve through the bounding cube, 21 bits an axis."""
    size = max(float(np.ptp(points, axis=0).max()), 1e-300)
    cell = ((points - points.min(axis=0)) / size * (2**21 - 1)).astype(np.int64)
    for shift, mask in SPREADS:
        cell = (cell | (cell << shift)) & mask
    return cell[:, 0] | (cell[:, 1] << 1) | (cell[:, 2] << 2)
