"""The wall between an outer surface and one or two cavities, as a solid to be meshed.

What images and contours give: each surface is known as a function on a grid of points, negative
within. The wall is what lies inside the outer one, outside the cavities and below the base:

    distance = max(outer, -left, -right, base)
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float, Int
from scipy.ndimage import distance_transform_edt, map_coordinates, spline_filter
from skimage.measure import marching_cubes

from twin.meshes.heart import Boundary
from twin.meshes.surface import Surface

NEAR = 2.0
"""Grid steps from the surface within which a function is trusted as a distance."""

TIE = 1e-9
STEEPNESS = (0.5, 2.0)
"""Slopes of a function outside this range are not believed when it is turned into a distance."""


@dataclass(frozen=True, eq=False)
class Grid:
    """Regular points: `origin` + i, j, k steps of `spacing` mm along the rows of `axes`."""

    origin: Float[np.ndarray, " 3"]
    axes: Float[np.ndarray, "3 3"]
    spacing: Float[np.ndarray, " 3"]
    shape: tuple[int, int, int]

    @classmethod
    def around(
        cls,
        points: Float[np.ndarray, "n 3"],
        axes: Float[np.ndarray, "3 3"],
        step: float,
        margin: float,
    ) -> "Grid":
        """Steps of `step` mm along `axes`, as far as the points reach and `margin` mm beyond."""
        local = points @ axes.T
        low, high = local.min(axis=0) - margin, local.max(axis=0) + margin
        i, j, k = (np.ceil((high - low) / step).astype(int) + 1).tolist()
        return cls(low @ axes, axes, np.full(3, step), (i, j, k))

    @cached_property
    def points(self) -> Float[np.ndarray, "n 3"]:
        steps = np.moveaxis(np.indices(self.shape), 0, -1).reshape(-1, 3)
        return self.position(steps)

    def position(self, steps: Float[np.ndarray, "n 3"]) -> Float[np.ndarray, "n 3"]:
        """Points in space of fractional steps i, j, k."""
        return self.origin + (steps * self.spacing) @ self.axes

    def steps(self, points: Float[np.ndarray, "n 3"]) -> Float[np.ndarray, "n 3"]:
        """Fractional steps i, j, k of points in space."""
        return ((points - self.origin) @ self.axes.T) / self.spacing


class Field:
    """A smooth function through values on a grid: cubic splines, held constant outside it."""

    def __init__(self, grid: Grid, values: Float[np.ndarray, "i j k"]) -> None:
        self.grid = grid
        self.values = values

    @cached_property
    def _coefficients(self):
        return spline_filter(self.values, mode="nearest")

    def __call__(self, points: Float[np.ndarray, "n 3"]) -> Float[np.ndarray, " n"]:
        steps = self.grid.steps(np.asarray(points, np.float64)).T
        return map_coordinates(self._coefficients, steps, mode="nearest", prefilter=False)

    def surface(self) -> Surface:
        """The zero surface, facing the positive side; open where it leaves the grid."""
        steps, triangles, _, _ = marching_cubes(self.values, 0.0)
        turned = np.linalg.det(self.grid.axes) > 0
        triangles = triangles if turned else triangles[:, ::-1]
        return Surface(self.grid.position(steps.astype(np.float64)), triangles.astype(np.int64))


def as_distance(grid: Grid, values: Float[np.ndarray, "i j k"]) -> Float[np.ndarray, "i j k"]:
    """Signed mm to a function's zero surface: f / |grad f| near it, counted steps far off."""
    slopes = np.gradient(values, *grid.spacing)
    slope = np.sqrt(sum(component**2 for component in slopes))
    near = values / np.clip(slope, *STEEPNESS)
    inside = values < 0
    if inside.all() or not inside.any():
        return near
    counted = distance_transform_edt(~inside, sampling=grid.spacing)
    counted -= distance_transform_edt(inside, sampling=grid.spacing)
    reach = NEAR * float(grid.spacing.max())
    return np.where(np.abs(counted) > reach, counted, np.clip(near, -reach, reach))


def smooth_union(first: np.ndarray, second: np.ndarray, radius: float) -> np.ndarray:
    """min(a, b), the crease filled where the two differ by less than `radius` mm."""
    blend = np.maximum(radius - np.abs(first - second), 0)
    return np.minimum(first, second) - blend**2 / (4 * radius)


@dataclass(frozen=True, eq=False)
class Wall:
    """A `Solid`. `outer`, `left`, `right` are signed distances, negative within each surface;
    `base` is positive above the valves. Of the outer surface, what lies less than `rim` mm below
    the base counts as base too. `remarks` says what was decided on the way.
    """

    outer: Field
    left: Field
    right: Field | None
    base: Field
    rim: float = 0.0
    remarks: tuple[str, ...] = ()

    @cached_property
    def bounds(self) -> tuple[Float[np.ndarray, " 3"], Float[np.ndarray, " 3"]]:
        points = self.surface().points
        return points.min(axis=0) - 1, points.max(axis=0) + 1

    def distance(self, points: Float[np.ndarray, "n 3"]) -> Float[np.ndarray, " n"]:
        """Signed mm, negative in the myocardium."""
        return self._sides(points).max(axis=0)

    def label(self, points: Float[np.ndarray, "n 3"]) -> Int[np.ndarray, " n"]:
        """The surface that bounds the wall at each point."""
        kinds = [
            Boundary.EPICARDIUM,
            Boundary.BASE,
            Boundary.LV_ENDOCARDIUM,
            Boundary.RV_ENDOCARDIUM,
        ]
        sides = self._sides(points)
        sides[1] = np.where(sides[1] > -self.rim, np.maximum(sides[1], sides[0] + TIE), sides[1])
        return np.array(kinds, np.int8)[sides.argmax(axis=0)]

    def surface(self) -> Surface:
        """The closed surface of the wall, as fine as the grid."""
        return self._field(
            np.maximum.reduce([self.outer.values, self.base.values, *self._cavities])
        ).surface()

    def cavity(self, kind: Boundary) -> Surface:
        """The blood of one ventricle, closed at its valves."""
        chamber = self.left if kind == Boundary.LV_ENDOCARDIUM else self.right
        assert chamber is not None
        return self._field(
            np.maximum.reduce([chamber.values, self.base.values, self.outer.values])
        ).surface()

    @property
    def _cavities(self):
        return [-field.values for field in (self.left, self.right) if field is not None]

    def _sides(self, points):
        sides = [self.outer(points), self.base(points), -self.left(points)]
        return np.stack(sides if self.right is None else [*sides, -self.right(points)])

    def _field(self, values):
        return Field(self.outer.grid, values)
