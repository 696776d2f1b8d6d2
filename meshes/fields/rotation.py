"""How far around the long axis of the left ventricle: the rotational coordinate.

Counted right-handed about the axis that points from the base to the apex: 0 at the inferior
insertion of the right ventricle, through the free wall to 2/3 at the anterior insertion, and on
through the septum to 1. In the right ventricle it runs along the free wall from 2/3 to 1.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from twin.meshes.fields.apex import Apex
from twin.meshes.fields.laplace import LinearElements, unit
from twin.meshes.fields.trajectories import even_coordinate

ANTERIOR_INSERTION = 2 / 3
PATIENTS_RIGHT = np.array([-1.0, 0.0, 0.0])
"""Where the septum of a left ventricle alone is taken to face (LPS)."""


@dataclass(frozen=True)
class LongAxis:
    """The middle of the left cavity from apex to base, and directions across it.

    `bend` holds the line's sideways shift, mm, for apicobasal and its square: the columns of
    (points, 2) @ bend lie along `septum` and `inferior`.
    """

    apex: Apex
    septum: Float[np.ndarray, " 3"]
    inferior: Float[np.ndarray, " 3"]
    bend: Float[np.ndarray, "2 2"]

    def angle(
        self,
        points: Float[np.ndarray, "points 3"],
        apicobasal: Float[np.ndarray, " points"],
        transmural: Float[np.ndarray, " points"],
    ) -> Float[np.ndarray, " points"]:
        """Angle from the middle of the septum, positive towards the inferior wall, -pi to pi."""
        start = self.apex.inner + transmural[:, None] * (self.apex.outer - self.apex.inner)
        across = (points - start) @ np.column_stack([self.septum, self.inferior])
        across -= np.column_stack([apicobasal, apicobasal**2]) @ self.bend
        return np.arctan2(across[:, 1], across[:, 0])

    def side(
        self, points: Float[np.ndarray, "points 3"], origin: Float[np.ndarray, " 3"]
    ) -> Float[np.ndarray, " points"]:
        """Distance from the plane through the axis and the origin, mm; positive inferior of it."""
        plane = np.column_stack([self.septum, self.inferior])
        x, y = unit((origin - self.apex.inner) @ plane)
        return (points - self.apex.inner) @ plane @ np.array([-y, x])


def long_axis(
    apex: Apex,
    mouth: Float[np.ndarray, " 3"],
    endocardium: Float[np.ndarray, "nodes 3"],
    apicobasal: Float[np.ndarray, " nodes"],
    septum: Float[np.ndarray, "septal 3"],
) -> LongAxis:
    """Fit the axis to the left endocardium's nodes; `septum` holds points on its right side."""
    down = unit(apex.inner - mouth)
    towards = septum.mean(axis=0) - (apex.inner + mouth) / 2 if len(septum) else PATIENTS_RIGHT
    first = unit(towards - (towards @ down) * down)
    second = np.cross(down, first)
    terms = np.column_stack([apicobasal, apicobasal**2])
    across = (endocardium - apex.inner) @ np.column_stack([first, second])
    bend = np.linalg.lstsq(terms, across, rcond=None)[0]
    return LongAxis(apex, first, second, bend)


@dataclass(frozen=True)
class Insertions:
    """Angles where the right ventricle joins the left, at rising apicobasal heights, radians."""

    height: Float[np.ndarray, " levels"]
    anterior: Float[np.ndarray, " levels"]
    inferior: Float[np.ndarray, " levels"]

    def rotational(
        self, angle: Float[np.ndarray, " points"], apicobasal: Float[np.ndarray, " points"]
    ) -> Float[np.ndarray, " points"]:
        """The septum between its insertions on 2/3 to 1, the free wall on 0 to 2/3, each evenly."""
        start = np.interp(apicobasal, self.height, self.anterior)
        septum = np.interp(apicobasal, self.height, self.inferior) - start
        turned = (angle - start) % (2 * np.pi)
        free = (turned - septum) / (2 * np.pi - septum) * ANTERIOR_INSERTION
        within = ANTERIOR_INSERTION + turned / septum * (1 - ANTERIOR_INSERTION)
        return np.where(turned < septum, within, free) % 1


def find_insertions(
    angle: Float[np.ndarray, " nodes"], apicobasal: Float[np.ndarray, " nodes"]
) -> Insertions:
    """The anterior and the inferior insertion from nodes along both; 120 degrees apart if none.

    Towards the tip of the right ventricle the two close up. The septum is taken to go on to the
    left apex as wide as it is above, so levels where it narrows are left out.
    """
    levels = np.linspace(0.05, 0.95, 10)
    sides = [np.full(len(levels), usual) for usual in (-np.pi / 3, np.pi / 3)]
    for side, belongs in zip(sides, (angle < 0, angle > 0), strict=True):
        if belongs.any():
            wide = belongs & (np.abs(angle) > 0.75 * np.quantile(np.abs(angle[belongs]), 0.7))
            side[:] = _running_median(angle[wide], apicobasal[wide], levels)
    return Insertions(levels, *sides)


def _running_median(values, heights, levels, reach=0.1):
    """Median of the values within reach of each level; the nearest level's if there are none."""
    near = [values[np.abs(heights - level) < reach] for level in levels]
    known = np.array([len(some) > 0 for some in near])
    if not known.any():
        return np.full(len(levels), np.median(values))
    return np.interp(levels, levels[known], [np.median(some) for some in near if len(some)])


def right_rotational(
    elements: LinearElements,
    anterior: Bool[np.ndarray, " points"],
    inferior: Bool[np.ndarray, " points"],
    layers: Float[np.ndarray, "tets 3"],
) -> Float[np.ndarray, " points"]:
    """From 2/3 at the anterior border with the left ventricle to 1 at the inferior one."""
    values = np.where(inferior, 1.0, ANTERIOR_INSERTION)
    return even_coordinate(elements, anterior | inferior, values, layers)
