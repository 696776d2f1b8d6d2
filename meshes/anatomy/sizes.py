"""The sizes that imaging reports of a heart, and the anatomy that has them."""

from dataclasses import astuple, dataclass, replace

import numpy as np
from jaxtyping import Float

from twin.meshes.anatomy.biventricular import Anatomy, AnatomySolid, lattice
from twin.meshes.anatomy.implicit import normalise_blend, union

MYOCARDIAL_DENSITY = 1.05
"""g/ml"""

QUADRATURE_SPACING = 3.0
"""mm; integrated volumes are then within 0.5 % of those at 1 mm."""

TOLERANCE = 1e-3
ITERATIONS = 30
DEPTH_POWER = 1.3
"""The right cavity shrinks slower than its depth: its horns remain."""


@dataclass(frozen=True)
class Sizes:
    """End-diastole; volumes in ml, mass in g, wall in mm, body surface area in m2."""

    body_surface_area: float
    lv_volume: float
    rv_volume: float
    lv_mass: float
    length_to_diameter: float
    rv_wall_thickness: float

    @property
    def vector(self) -> Float[np.ndarray, " sizes"]:
        return np.array(astuple(self))


def fit_anatomy(form: Anatomy, sizes: Sizes) -> Anatomy | None:
    """The anatomy of this form whose integrated volumes are those of `sizes`; None if none is.

    Iterated in proportion: the left ventricle's volume with its wall grows with the cube of the
    diameter, the wall's with its thickness, the right cavity's with its depth. A handful of
    integrations.
    """
    whole = sizes.lv_volume + sizes.lv_mass / MYOCARDIAL_DENSITY
    targets = np.array([whole, sizes.lv_volume, sizes.rv_volume])
    diameter, wall, depth = _first_guess(sizes, whole)
    for _ in range(ITERATIONS):
        anatomy = _sized(form, sizes, diameter, wall, depth)
        volumes = np.maximum(integrate_volumes(anatomy), 1e-3)
        if (np.abs(volumes / targets - 1) < TOLERANCE).all():
            return anatomy
        growth = (whole / volumes[0]) ** (1 / 3)
        share = (whole - targets[1]) / max(volumes[0] - volumes[1], 1e-3)
        diameter *= growth
        wall *= np.clip(share / growth**2, 0.5, 2)
        depth *= np.clip(targets[2] / volumes[2] / growth**2, 0.5, 2) ** DEPTH_POWER
    return None


def integrate_volumes(
    anatomy: Anatomy, spacing: float = QUADRATURE_SPACING
) -> Float[np.ndarray, "3"]:
    """Left ventricle with its wall, left cavity, right cavity, ml, all closed by the base.

    A lattice cell counts by how far its centre is inside: 1/2 - distance / spacing, cut to 0..1;
    within a cell of a surface the distance to first order is enough.
    """
    points = lattice(anatomy, spacing)
    solid = AnatomySolid(anatomy)
    shares = np.zeros(3)
    for start in range(0, points.shape[1], 16_384):
        walls = solid.walls(points[:, start : start + 16_384], refined=False)
        closed = [walls.lv_outer, walls.lv_endocardium, walls.rv_endocardium]
        distances = np.array([np.maximum(wall.value, walls.base.value) for wall in closed])
        shares += np.clip(0.5 - distances / spacing, 0, 1).sum(axis=1)
    return shares * spacing**3 / 1000


def heart_centroid(anatomy: Anatomy, spacing: float = QUADRATURE_SPACING) -> Float[np.ndarray, "3"]:
    """Centroid of walls and cavities together, in the heart's own frame, mm."""
    points = lattice(anatomy, spacing)
    walls = AnatomySolid(anatomy).walls(points, refined=False)
    outer = normalise_blend(union(walls.lv_outer, walls.rv_outer, 1.0))
    share = np.clip(0.5 - np.maximum(outer.value, walls.base.value) / spacing, 0, 1)
    return points @ share / share.sum()


def _sized(form: Anatomy, sizes: Sizes, diameter: float, wall: float, depth: float) -> Anatomy:
    return replace(
        form,
        outer_diameter=float(diameter),
        length=float(diameter) * sizes.length_to_diameter,
        wall_thickness=min(float(wall), 0.45 * float(diameter)),
        rv_depth=float(depth),
        rv_wall_thickness=sizes.rv_wall_thickness,
    )


def _first_guess(sizes: Sizes, whole: float) -> tuple[float, float, float]:
    """Volumes of an ellipsoid cut at two thirds: 3/4 of the cylinder around it."""
    diameter = (1000 * whole / (0.75 * np.pi / 4 * sizes.length_to_diameter)) ** (1 / 3)
    wall = diameter / 2 * (1 - (sizes.lv_volume / whole) ** 0.4)
    return diameter, wall, 0.38 * diameter * (sizes.rv_volume / whole / 0.68) ** DEPTH_POWER
