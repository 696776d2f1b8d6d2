"""Triangle surfaces: heart walls before they are meshed, torsos, lungs, endocardia."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float, Int


@dataclass(frozen=True, eq=False)
class Surface:
    """Points in mm (LPS) and outward-facing triangles.

    `labels` holds a `Boundary` for each triangle, 0 where it is not known. `remarks` says what
    was found and decided on the way in, as for `Volume`.
    """

    points: Float[np.ndarray, "points 3"]
    triangles: Int[np.ndarray, "faces 3"]
    labels: Int[np.ndarray, " faces"] | None = None
    point_fields: Mapping[str, np.ndarray] = field(default_factory=dict)
    face_fields: Mapping[str, np.ndarray] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()

    @property
    def corners(self) -> Float[np.ndarray, "faces 3 3"]:
        return self.points[self.triangles]

    @property
    def area_vectors(self) -> Float[np.ndarray, "faces 3"]:
        """Normals as long as the area of their triangle, mm2."""
        a, b, c = np.moveaxis(self.corners, 1, 0)
        return np.cross(b - a, c - a) / 2

    @property
    def area(self) -> float:
        return float(np.linalg.norm(self.area_vectors, axis=1).sum())

    @property
    def enclosed_volume(self) -> float:
        """Volume within, mm3, by the divergence theorem; meaningful for a closed surface."""
        return float((self.corners.mean(axis=1) * self.area_vectors).sum() / 3)
