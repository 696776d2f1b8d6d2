"""A template of the chest: skin and lungs as smooth shapes, made into closed surfaces.

Shapes stand in the frame of the electrodes, mm: LPS, the origin midway between V1 and V2 on the
skin, for a body of `REFERENCE_HEIGHT`. The skin is a union of eggs (chest, belly, pelvis,
shoulders, stumps of the arms, neck) with filled creases; a lung is what of the rib cage lies on
one side of the mediastinum, above the diaphragm, and off the heart.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.sparse import coo_array
from scipy.spatial import ConvexHull

from twin.meshes.anatomy.implicit import Egg, HalfSpace, Level, intersection, outside, union
from twin.meshes.surface import Surface
from twin.meshes.topology import triangle_edges

REFERENCE_HEIGHT = 1700.0
"""Of the body from head to foot, mm."""

FARTHEST = 800.0
"""mm from the centre beyond which no shape reaches."""

RELAXATIONS = 20
HALVINGS, NEWTON_STEPS, LEAST_SLOPE = 8, 5, 0.05
"""With which a direction's end is found: to 3 mm, then to rounding; the slope is of a distance."""


@dataclass(frozen=True)
class Build:
    """Where men and women differ: times the mean of both; `breast` in mm of depth added."""

    shoulders: float = 1.0
    chest: float = 1.0
    waist: float = 1.0
    hips: float = 1.0
    breast: float = 2.0


MEAN_BUILD = Build()
FEMALE_BUILD = Build(shoulders=0.96, chest=0.96, waist=0.94, hips=1.04, breast=14.0)
MALE_BUILD = Build(shoulders=1.02, chest=1.02, waist=1.04, hips=0.98, breast=-2.0)

SKIN_CENTRE = np.array([0.0, 122.0, -80.0])
LUNG_CENTRES = (np.array([-80.0, 185.0, 25.0]), np.array([92.0, 168.0, 8.0]))
"""Of the right and the left lung: all of a lung is seen from there."""


def egg(centre, half_axes, taper: float = 0.0) -> Egg:
    return Egg(np.array(centre, float), np.diag(1 / np.array(half_axes, float)), taper)


def skin_shape(build: Build) -> Callable[[np.ndarray], Level]:
    """Trunk, shoulders with the stumps of the arms, and neck."""
    trunk = [
        egg((side * 42 * build.chest, 120, -40), (128 * build.chest, 114, 205)) for side in (-1, 1)
    ]
    trunk += [egg((side * 36, 120, -235), (112 * build.waist, 106, 190)) for side in (-1, 1)]
    trunk += [egg((side * 58, 122, -350), (128 * build.hips, 109, 150)) for side in (-1, 1)]
    girdle = [egg((side * 105 * build.shoulders, 130, 62), (105, 64, 70)) for side in (-1, 1)]
    arms = [egg((side * 179 * build.shoulders, 134, 62), (46, 52, 70)) for side in (-1, 1)]
    neck = egg((0, 132, 150), (58, 60, 140))
    breasts = [egg((side * 78, 30, -52), (66, 34 + build.breast, 60)) for side in (-1, 1)]
    below, above = HalfSpace(np.array([0.0, 0, -1]), 395.0), HalfSpace(np.array([0.0, 0, 1]), 196.0)

    def shape(points):
        level = trunk[0](points)
        for part, radius in (
            *((part, 60.0) for part in trunk[1:]),
            *((part, 55.0) for part in girdle),
            *((part, 70.0) for part in arms),
            (neck, 70.0),
            *((part, 30.0) for part in breasts),
        ):
            level = union(level, part(points), radius)
        level = intersection(level, below(points), 35.0)
        return intersection(level, above(points), 25.0)

    return shape


def lung_shape(side: int, build: Build) -> Callable[[np.ndarray], Level]:
    """The right lung (side -1) or the left one (side 1)."""
    cage = egg((side * 34, 130, -80), (110 * build.chest, 94, 206))
    mediastinum = HalfSpace(np.array([-side, 0.0, 0.0]), -26.0)
    liver = egg((-72, 112, -190), (120, 112, 125 if side < 0 else 100))
    stomach = egg((72, 116, -205), (118, 112, 122))
    heart = egg((48, 62, -26), (64, 60, 62))

    def shape(points):
        level = intersection(cage(points), mediastinum(points), 18.0)
        diaphragm = union(liver(points), stomach(points), 40.0)
        level = intersection(level, outside(diaphragm), 14.0)
        return intersection(level, outside(heart(points)), 16.0)

    return shape


def template_skin(build: Build, points: int = 1002) -> Surface:
    return star_surface(skin_shape(build), SKIN_CENTRE, points, stretch=(1.0, 0.6, 1.3))


def template_lungs(build: Build, points: int = 402) -> tuple[Surface, Surface]:
    right, left = (
        star_surface(lung_shape(side, build), centre, points, stretch=(1.0, 1.2, 1.7))
        for side, centre in zip((-1, 1), LUNG_CENTRES, strict=True)
    )
    return right, left


def star_surface(
    shape: Callable[[np.ndarray], Level],
    centre: Float[np.ndarray, " 3"],
    points: int,
    stretch: tuple[float, float, float],
) -> Surface:
    """The boundary of a shape that is wholly seen from `centre`, in even triangles.

    Directions over a sphere, stretched as the body is, are followed outwards to the boundary;
    then the points slide along it towards the middle of their neighbours.
    """
    sphere = fibonacci_sphere(points)
    hull = ConvexHull(sphere)
    triangles = _outwards(sphere, hull.simplices)
    neighbours = _mean_of_neighbours(triangles, points)
    directions = sphere * np.array(stretch)
    for _ in range(RELAXATIONS):
        surface = directions * _reach(shape, centre, directions)[:, None]
        directions = neighbours @ surface
        directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    surface = directions * _reach(shape, centre, directions)[:, None]
    return Surface(centre + surface, triangles)


def fibonacci_sphere(count: int) -> Float[np.ndarray, "count 3"]:
    """Nearly even points on the unit sphere, along a spiral of golden angles."""
    step = np.arange(count) + 0.5
    height = 1 - 2 * step / count
    angle = np.pi * (1 + np.sqrt(5)) * step
    ring = np.sqrt(1 - height**2)
    return np.column_stack([ring * np.cos(angle), ring * np.sin(angle), height])


def _reach(shape, centre, directions):
    """How far each direction goes before it leaves the shape, mm along unit vectors: halved until
    it is known to some millimetres, then by Newton's method."""
    length = np.linalg.norm(directions, axis=1)
    unit = directions / length[:, None]
    low, high = np.zeros(len(unit)), np.full(len(unit), FARTHEST)
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        within = shape((centre + middle[:, None] * unit).T).value < 0
        low, high = np.where(within, middle, low), np.where(within, high, middle)
    far = (low + high) / 2
    for _ in range(NEWTON_STEPS):
        level = shape((centre + far[:, None] * unit).T)
        slope = np.maximum((level.gradient * unit.T).sum(axis=0), LEAST_SLOPE)
        far = np.clip(far - level.value / slope, low, high)
    return far / length


def _outwards(points, triangles):
    a, b, c = np.moveaxis(points[triangles], 1, 0)
    inwards = np.einsum("ij,ij->i", a, np.cross(b, c)) < 0
    triangles = triangles.astype(np.int64)
    triangles[inwards] = triangles[inwards][:, ::-1]
    return triangles


def _mean_of_neighbours(triangles, count):
    """The matrix that takes each point to the mean of its neighbours."""
    start, end = triangle_edges(triangles).T
    weights = 1 / np.bincount(start, minlength=count)
    return coo_array((weights[start], (start, end)), shape=(count, count)).tocsr()
