"""A tetrahedral mesh on its way to becoming a heart: whatever a file or a mesher gave."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float, Int

NO_FACES: np.ndarray = np.zeros((0, 3), np.int64)
NO_LABELS: np.ndarray = np.zeros(0, np.int8)


@dataclass(frozen=True, eq=False)
class Volume:
    """Points in mm (LPS) and tetrahedra, with the fields that came along; nothing is checked yet.

    `check` finds its faults, `repair` mends them and `build_heart` makes a `Heart` of it.
    `triangles` and their `boundary` labels are empty where the origin named no boundary.
    `remarks` says in plain words what was found and decided on the way in: units, axes, index
    base, field conventions. Whoever shows the result to a person shows these too.
    """

    points: Float[np.ndarray, "points 3"]
    tetrahedra: Int[np.ndarray, "tets 4"]
    triangles: Int[np.ndarray, "faces 3"] = field(default_factory=NO_FACES.copy)
    boundary: Int[np.ndarray, " faces"] = field(default_factory=NO_LABELS.copy)
    point_fields: Mapping[str, np.ndarray] = field(default_factory=dict)
    element_fields: Mapping[str, np.ndarray] = field(default_factory=dict)
    provenance: Mapping[str, object] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()
