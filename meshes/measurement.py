"""A heart's sizes measured on its mesh, as a radiologist would read them at end-diastole."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.spatial import cKDTree

from twin.meshes.anatomy.sizes import MYOCARDIAL_DENSITY
from twin.meshes.heart import Boundary, Heart, signed_volumes
from twin.meshes.surface import Surface
from twin.meshes.topology import boundary_triangles, open_edges
from twin.meshes.volume import Volume

SLABS = 15


@dataclass(frozen=True)
class Measurements:
    """Volumes in ml, mass in g, lengths in mm; nan where there is no right ventricle.

    wall_thickness: left ventricle with septum, middle third of its cavity. length: epicardial
    apex to the centre of the base; outer_diameter: that of the largest short-axis section.
    apex_direction: from the base, unit length (LPS).
    """

    lv_volume: float
    rv_volume: float
    lv_mass: float
    wall_thickness: float
    length: float
    outer_diameter: float
    rv_wall_thickness: float
    apex_direction: tuple[float, float, float]

    @property
    def frontal_axis(self) -> float:
        """Degrees of the long axis in the frontal plane, from straight down to the left."""
        left, _, up = self.apex_direction
        return float(np.degrees(np.arctan2(left, -up)))

    @property
    def length_to_diameter(self) -> float:
        return self.length / self.outer_diameter


def measure_heart(heart: Heart) -> Measurements:
    """Whatever is nearer to the left ventricle by its nodes counts as left ventricle."""
    left = heart.coordinates.ventricle[heart.tetrahedra].mean(axis=1) < 0.5
    volume = Volume(heart.points, heart.tetrahedra, heart.triangles, heart.boundary)
    return measure(volume, left)


def measure(volume: Volume, left: Bool[np.ndarray, " tets"]) -> Measurements:
    """`left` says which tetrahedra are left ventricle, the septum among them."""
    points = volume.points
    base, axis = _long_axis(volume)
    outer = _outer_nodes(volume, left)
    length, diameter = _length_and_diameter(points[outer], base, axis)
    mass = signed_volumes(points, volume.tetrahedra[left]).sum() * MYOCARDIAL_DENSITY / 1000
    return Measurements(
        lv_volume=cavity_volume(volume, Boundary.LV_ENDOCARDIUM),
        rv_volume=cavity_volume(volume, Boundary.RV_ENDOCARDIUM),
        lv_mass=float(mass),
        wall_thickness=_left_wall(volume, base, axis),
        length=length,
        outer_diameter=diameter,
        rv_wall_thickness=_right_wall(volume, left),
        apex_direction=(float(-axis[0]), float(-axis[1]), float(-axis[2])),
    )


def cavity_volume(volume: Volume, endocardium: Boundary) -> float:
    """Within this endocardium and a lid from its rim to the rim's centre, ml; nan without it.

    Cones from the rim's centre over the endocardium: those over the lid are flat.
    """
    triangles = volume.triangles[volume.boundary == endocardium]
    if len(triangles) == 0:
        return float("nan")
    points = volume.points - _rim_centre(volume, endocardium)
    return abs(Surface(points, triangles).enclosed_volume) / 1000


def _rim_centre(volume: Volume, endocardium: Boundary) -> Float[np.ndarray, "3"]:
    edges = open_edges(volume.triangles[volume.boundary == endocardium])
    ends = volume.points[edges]
    lengths = np.linalg.norm(ends[:, 1] - ends[:, 0], axis=1)
    return np.average(ends.mean(axis=1), axis=0, weights=lengths)


def _nodes(volume: Volume, *labels: Boundary) -> Int[np.ndarray, " nodes"]:
    return np.unique(volume.triangles[np.isin(volume.boundary, labels)])


def _long_axis(volume: Volume) -> tuple[Float[np.ndarray, "3"], Float[np.ndarray, "3"]]:
    """Centre of the mitral rim, and from the endocardial apex, farthest from it, the direction."""
    base = _rim_centre(volume, Boundary.LV_ENDOCARDIUM)
    inside = volume.points[_nodes(volume, Boundary.LV_ENDOCARDIUM)]
    apex = inside[np.argmax(((inside - base) ** 2).sum(axis=1))]
    return base, (base - apex) / np.linalg.norm(base - apex)


def _outer_nodes(volume: Volume, left: Bool[np.ndarray, " tets"]) -> Int[np.ndarray, " nodes"]:
    """The left ventricle's surface without its endocardium and base."""
    surface = np.unique(boundary_triangles(volume.tetrahedra[left]))
    return np.setdiff1d(surface, _nodes(volume, Boundary.LV_ENDOCARDIUM, Boundary.BASE))


def _length_and_diameter(
    outer: Float[np.ndarray, "nodes 3"], base: Float[np.ndarray, "3"], axis: Float[np.ndarray, "3"]
) -> tuple[float, float]:
    """A section's diameter is that of the circle with its mean squared radius."""
    height = (outer - base) @ axis
    length = -float(height.min())
    across = outer - height[:, None] * axis
    slab = np.clip(((height / length + 1) * SLABS).astype(int), 0, SLABS - 1)
    squared = [
        ((section - section.mean(axis=0)) ** 2).sum(axis=1).mean()
        for section in (across[slab == number] for number in range(1, SLABS))
        if len(section) > 2
    ]
    return length, 2 * float(np.sqrt(max(squared)))


def _left_wall(volume: Volume, base: Float[np.ndarray, "3"], axis: Float[np.ndarray, "3"]) -> float:
    """Mean distance from the endocardium's middle third to the nearest other side."""
    inside = volume.points[_nodes(volume, Boundary.LV_ENDOCARDIUM)]
    height = (inside - base) @ axis
    share = 1 - height / height.min()
    middle = inside[(share > 1 / 3) & (share < 2 / 3)]
    other = np.isin(volume.boundary, (Boundary.EPICARDIUM, Boundary.RV_ENDOCARDIUM))
    return float(_distances(middle, volume.points[volume.triangles[other]]).mean())


def _right_wall(volume: Volume, left: Bool[np.ndarray, " tets"]) -> float:
    """Median distance from the right free wall's endocardium to the epicardium."""
    free = _nodes(volume, Boundary.RV_ENDOCARDIUM)
    free = np.setdiff1d(free, np.unique(volume.tetrahedra[left]))
    if len(free) == 0:
        return float("nan")
    epicardium = volume.triangles[volume.boundary == Boundary.EPICARDIUM]
    return float(np.median(_distances(volume.points[free], volume.points[epicardium])))


def _distances(
    points: Float[np.ndarray, "points 3"], corners: Float[np.ndarray, "faces 3 3"]
) -> Float[np.ndarray, " points"]:
    """To the triangles, each seen as six points."""
    steps = 2
    first, second = np.meshgrid(np.arange(steps + 1), np.arange(steps + 1))
    inside = first + second <= steps
    weights = np.stack([first[inside], second[inside], (steps - first - second)[inside]], 1) / steps
    samples = np.einsum("sc,fcd->fsd", weights, corners).reshape(-1, 3)
    return cKDTree(samples).query(points)[0]
