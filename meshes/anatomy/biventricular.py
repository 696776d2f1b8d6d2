"""Two ventricles from sizes a cardiologist knows, as a solid that can be measured and meshed.

The heart's own frame: origin on the left ventricle's long axis where it is widest, x towards the
right ventricle, y towards the outflow tract (anterior), z from apex to base; mm.

The left ventricle is an ellipsoid in an ellipsoid cut off by the base. The right ventricle is
what a leaning ellipsoid leaves outside the left one; its free wall is that ellipsoid grown by the
wall's thickness, so its right septal surface is the left ventricle's outer one. A common field of
low harmonics moves all walls together, another one the left ventricle's thickness.
"""

from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from twin.meshes.anatomy.implicit import (
    Egg,
    HalfSpace,
    Level,
    Undulation,
    grown,
    intersection,
    normalise,
    normalise_blend,
    outside,
    refine,
    swollen,
    union,
)
from twin.meshes.heart import Boundary

CHUNK = 16_384
GROOVE_RADIUS = 8.0
INSERTION_RADIUS = 6.0
LEFT_TAPER = 0.1
RIGHT_TAPER = 0.25
STILL = Undulation(np.zeros((1, 3)), np.zeros(1), np.zeros(1))


@dataclass(frozen=True, eq=False)
class Anatomy:
    """The sizes of a heart at end-diastole, mm unless named otherwise.

    length: left ventricle, epicardial apex to base; outer_diameter: where it is widest, at
    `widest_level` of the length above the apex. wall_thickness: left ventricle there; the apex
    has `apical_thinning` times that. septal_flattening: how far a plane cuts the septal bulge,
    as a share of the outer radius.
    rv_depth: septum to free wall where the left ventricle is widest; rv_wrap: angle between the
    insertions there, degrees; rv_apex_gap: share of the length from the left apex up to the
    right ventricle's tip.
    outflow_rise: how much higher the base is at the right outflow tract. base_tilt: slope of the
    base along x and y.
    rotation: columns are the heart's axes in the body (LPS); centre: where its origin is.
    """

    outer_diameter: float = 61.0
    length: float = 86.0
    wall_thickness: float = 5.3
    apical_thinning: float = 0.6
    widest_level: float = 2 / 3
    septal_flattening: float = 0.0
    rv_depth: float = 30.0
    rv_wall_thickness: float = 3.5
    rv_wrap: float = 165.0
    rv_apex_gap: float = 0.1
    outflow_rise: float = 12.0
    base_tilt: tuple[float, float] = (0.0, 0.0)
    shape: Undulation = STILL
    thickness: Undulation = STILL
    rotation: Float[np.ndarray, "3 3"] = field(default_factory=lambda: np.eye(3))
    centre: Float[np.ndarray, "3"] = field(default_factory=lambda: np.zeros(3))

    @property
    def outer_radius(self) -> float:
        return self.outer_diameter / 2

    @property
    def apex_height(self) -> float:
        return -self.widest_level * self.length

    @property
    def base_height(self) -> float:
        return (1 - self.widest_level) * self.length

    @cached_property
    def solid(self) -> "AnatomySolid":
        return AnatomySolid(self)


class Walls(NamedTuple):
    """Every wall of the heart seen from some points."""

    lv_endocardium: Level
    lv_outer: Level
    rv_endocardium: Level
    rv_outer: Level
    base: Level


class AnatomySolid:
    """The myocardium of an `Anatomy`, in body coordinates."""

    def __init__(self, anatomy: Anatomy) -> None:
        self.anatomy = anatomy
        self._lv_outer = _left_ellipsoid(anatomy, 0)
        self._lv_inner = _left_ellipsoid(anatomy, anatomy.wall_thickness)
        self._rv = _right_ellipsoid(anatomy)

    @cached_property
    def bounds(self) -> tuple[Float[np.ndarray, "3"], Float[np.ndarray, "3"]]:
        """The box that holds the myocardium, with a margin of about 1 mm."""
        spacing = 3.0
        points = self.to_body(lattice(self.anatomy, spacing))
        near = points[self.distance(points) < spacing * np.sqrt(3) / 2 + 1]
        return near.min(axis=0) - 1, near.max(axis=0) + 1

    def distance(self, points: Float[np.ndarray, "points 3"]) -> Float[np.ndarray, " points"]:
        """Signed distance to the boundary, mm, negative in the wall; good near the boundary."""
        result = np.empty(len(points))
        for part, pieces in self._pieces(points):
            result[part] = pieces.max(axis=0)
        return result

    def label(self, points: Float[np.ndarray, "points 3"]) -> Int[np.ndarray, " points"]:
        """The `Boundary` that the nearest piece of boundary belongs to."""
        order = (
            Boundary.BASE,
            Boundary.EPICARDIUM,
            Boundary.LV_ENDOCARDIUM,
            Boundary.RV_ENDOCARDIUM,
        )
        result = np.empty(len(points), np.int8)
        for part, pieces in self._pieces(points):
            result[part] = np.array(order, np.int8)[pieces.argmax(axis=0)]
        return result

    def walls(self, points: Float[np.ndarray, "3 points"], *, refined: bool = True) -> Walls:
        """All walls seen from points in the heart's own frame.

        `refined` makes the right ventricle's distance exact enough to offset its wall by it.
        """
        shape, thickness = self.anatomy.shape(points), self.anatomy.thickness(points)
        lv_outer = swollen(self._left(self._lv_outer, points), shape)
        both = Level(shape.value - thickness.value, shape.gradient - thickness.gradient)
        lv_inner = swollen(self._left(self._lv_inner, points), both)
        right = refine(self._right, points) if refined else self._right(points, shape)
        rv_inner = normalise_blend(intersection(right, outside(lv_outer), INSERTION_RADIUS))
        rv_outer = grown(right, self.anatomy.rv_wall_thickness)
        return Walls(lv_inner, lv_outer, rv_inner, rv_outer, self._base(points))

    def to_heart(self, points: Float[np.ndarray, "points 3"]) -> Float[np.ndarray, "3 points"]:
        return self.anatomy.rotation.T @ (points - self.anatomy.centre).T

    def to_body(self, points: Float[np.ndarray, "3 points"]) -> Float[np.ndarray, "points 3"]:
        return (self.anatomy.rotation @ points).T + self.anatomy.centre

    def _pieces(self, points):
        """Chunk by chunk (they stay in cache): base, epicardium, LV and RV endocardium."""
        for start in range(0, len(points), CHUNK):
            part = slice(start, start + CHUNK)
            walls = self.walls(np.ascontiguousarray(self.to_heart(points[part])))
            outer = normalise_blend(union(walls.lv_outer, walls.rv_outer, GROOVE_RADIUS))
            yield (
                part,
                np.array(
                    [
                        walls.base.value,
                        outer.value,
                        -walls.lv_endocardium.value,
                        -walls.rv_endocardium.value,
                    ]
                ),
            )

    def _left(self, ellipsoid: "LeftShell", points: Float[np.ndarray, "3 points"]) -> Level:
        level = ellipsoid.shape(points)
        if self.anatomy.septal_flattening == 0:
            return level
        return normalise_blend(
            intersection(level, ellipsoid.septum(points), self.anatomy.outer_radius)
        )

    def _right(self, points: Float[np.ndarray, "3 points"], shape: Level | None = None) -> Level:
        return swollen(self._rv(points), shape or self.anatomy.shape(points))

    def _base(self, points: Float[np.ndarray, "3 points"]) -> Level:
        """Below z = base height + tilt + a Gaussian hill where the outflow tract leaves."""
        anatomy = self.anatomy
        x, y, z = points
        radius = anatomy.outer_radius
        width = 0.55 * radius
        away = np.array([x - 0.85 * radius, y - 1.2 * radius])
        hill = anatomy.outflow_rise * np.exp(-(away**2).sum(axis=0) / (2 * width**2))
        tilt_x, tilt_y = anatomy.base_tilt
        slope = np.array([tilt_x - hill * away[0] / width**2, tilt_y - hill * away[1] / width**2])
        value = z - anatomy.base_height - tilt_x * x - tilt_y * y - hill
        return normalise(Level(value, np.vstack([-slope, np.ones_like(x)])))


class LeftShell(NamedTuple):
    """One of the left ventricle's two surfaces and the plane that flattens its septum."""

    shape: Egg
    septum: HalfSpace


def _left_ellipsoid(anatomy: Anatomy, depth: float) -> LeftShell:
    """The outer surface moved inwards by `depth`, by less towards the apex."""
    radius = anatomy.outer_radius - depth
    height = -anatomy.apex_height - depth * anatomy.apical_thinning
    septum = anatomy.outer_radius * (1 - anatomy.septal_flattening) - depth
    return LeftShell(
        Egg(np.zeros(3), np.diag([1 / radius, 1 / radius, 1 / height]), LEFT_TAPER),
        HalfSpace(np.array([1.0, 0, 0]), septum),
    )


def _right_ellipsoid(anatomy: Anatomy) -> Egg:
    """Through both insertions and the free wall at z = 0, its lower tip leaning to the apex.

    In the plane z = 0 it is an ellipse with semi-axes a (depth) and b about (x0, 0) through
    (R cos w/2, R sin w/2) and (R + depth, 0).
    """
    R, reach = anatomy.outer_radius, anatomy.outer_radius + anatomy.rv_depth
    insertion = np.radians(anatomy.rv_wrap) / 2
    x0 = 0.42 * reach
    a = reach - x0
    b = R * np.sin(insertion) / np.sqrt(max(1 - ((R * np.cos(insertion) - x0) / a) ** 2, 0.05))
    z0 = 0.5 * anatomy.base_height
    c = z0 - anatomy.apex_height - anatomy.rv_apex_gap * anatomy.length
    lean = x0 / (2 * c)
    swell = np.sqrt(1 - (z0 / c) ** 2) * (1 - RIGHT_TAPER * z0 / c)
    shear = np.array([[1, 0, -lean], [0, 1, 0], [0, 0, 1]])
    scale = np.diag([swell / a, swell / b, 1 / c])
    return Egg(np.array([x0 + lean * z0, 0, z0]), scale @ shear, RIGHT_TAPER)


def lattice(anatomy: Anatomy, spacing: float) -> Float[np.ndarray, "3 points"]:
    """Points of a cubic lattice that covers the heart, in its own frame."""
    R, margin = anatomy.outer_radius, 6.0
    low = np.array([-R, -1.9 * R, anatomy.apex_height]) - margin
    high = np.array([R + anatomy.rv_depth * 1.4, 1.9 * R, anatomy.base_height + 0.3 * R])
    high = high + margin + anatomy.outflow_rise
    axes = [np.arange(a, b, spacing) for a, b in zip(low, high, strict=True)]
    return np.stack(np.meshgrid(*axes, indexing="ij")).reshape(3, -1)
