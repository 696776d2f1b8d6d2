"""Contour points on the slices of a cine-MRI study, and the planes they lie in."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from twin.meshes.errors import InputError

LV_ENDOCARDIUM = ("LV_ENDOCARDIAL",)
RV_ENDOCARDIUM = ("RV_FREEWALL", "RV_SEPTUM")
EPICARDIUM = ("LV_EPICARDIAL", "RV_EPICARDIAL")
VALVES = ("MITRAL_VALVE", "AORTA_VALVE", "TRICUSPID_VALVE", "PULMONARY_VALVE")
KINDS = (*LV_ENDOCARDIUM, *RV_ENDOCARDIUM, *EPICARDIUM, *VALVES, "RV_INSERT", "APEX_POINT")
"""What a point can be on. SAX_ and LAX_ before it say from which view, which the plane says too."""

FEWEST_POINTS_OF_A_PLANE = 10


@dataclass(frozen=True, eq=False)
class Plane:
    """An image plane: unit directions of its rows and columns."""

    row: Float[np.ndarray, " 3"]
    column: Float[np.ndarray, " 3"]

    @property
    def normal(self) -> Float[np.ndarray, " 3"]:
        return np.cross(self.row, self.column)

    @classmethod
    def through(cls, points: Float[np.ndarray, "n 3"]) -> "Plane":
        """The plane of least squares."""
        _, _, directions = np.linalg.svd(points - points.mean(axis=0), full_matrices=False)
        return cls(directions[0], directions[1])


@dataclass(frozen=True, eq=False)
class GuidePoints:
    """Points on the heart's walls, mm LPS, drawn on the slices of one time frame.

    `kind` is one of `KINDS`, `weight` how far a point is to be believed (1 is normal, 0 not at
    all), `planes` the plane of each slice.
    """

    points: Float[np.ndarray, "n 3"]
    kind: np.ndarray
    slices: Int[np.ndarray, " n"]
    weight: Float[np.ndarray, " n"]
    planes: Mapping[int, Plane]
    remarks: tuple[str, ...] = ()

    def on(self, kinds: Iterable[str]) -> Bool[np.ndarray, " n"]:
        return np.isin(self.kind, list(kinds))

    def of(self, *kinds: str) -> Float[np.ndarray, "m 3"]:
        return self.points[self.on(kinds)]

    def has(self, *kinds: str) -> bool:
        return bool(self.on(kinds).any())


def complete_planes(
    points: Float[np.ndarray, "n 3"], slices: Int[np.ndarray, " n"], known: Mapping[int, Plane]
) -> dict[int, Plane]:
    """A plane for every slice: as listed, or fitted where none is."""
    planes = {}
    for number in np.unique(slices).tolist():
        here = points[slices == number]
        if number in known:
            planes[number] = known[number]
        elif len(here) >= FEWEST_POINTS_OF_A_PLANE:
            planes[number] = Plane.through(here)
        else:
            raise InputError(
                f"slice {number} has {len(here)} points and no row in the slice information, "
                f"expected either a row or at least {FEWEST_POINTS_OF_A_PLANE} points; "
                "add SliceInfoFile.txt beside the guide points"
            )
    return planes
