"""The body around the heart: skin, lungs, their conductivities, and the electrodes."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from pathlib import Path

import numpy as np
from jaxtyping import Float
from scipy.spatial import ConvexHull

from twin.meshes.anatomy.population import CENTROID, Sex
from twin.meshes.atrium import FROM_VENTRICLES, Atrium
from twin.meshes.checking.surface_faults import SurfaceExamination, check_surface
from twin.meshes.chest import template as chest
from twin.meshes.chest.electrodes import (
    FARTHEST_OFF_SKIN,
    Electrodes,
    average_electrodes,
    project_electrodes,
    read_electrodes,
)
from twin.meshes.errors import InputError
from twin.meshes.files import content_hash
from twin.meshes.heart import Heart
from twin.meshes.meshing.distance import SurfaceSolid
from twin.meshes.surface import Surface
from twin.meshes.units import TORSO

HEIGHTS = {None: 1700.0, Sex.FEMALE: 1630.0, Sex.MALE: 1760.0}
BUILDS = {None: chest.MEAN_BUILD, Sex.FEMALE: chest.FEMALE_BUILD, Sex.MALE: chest.MALE_BUILD}
SHORTEST_BODY, TALLEST_BODY = 1200.0, 2300.0

LEAST_GAP = 2.0
"""Between a lung and the heart, mm."""

SKIN_CLEARANCE = 8.0
"""Least distance of the heart from the skin of a template, mm: ribs, muscle and fat."""

LUNG_CLEARANCE = 5.0
"""Of a template's lung from the convex hull of the heart, mm."""

HULL_PLANES = 500
"""Planes around the hull, in even directions: they bulge out from it by less than 1 mm."""

MOST_STEPS_BACK = 60

TRIANGLE_SAMPLES = np.array([(i, j, 8 - i - j) for i in range(9) for j in range(9 - i)]) / 8
"""Barycentric weights of points spread over a triangle with its edges."""


@dataclass(frozen=True)
class Conductivities:
    """S/m."""

    torso: float = 0.2
    lungs: float = 0.05
    blood: float = 0.6

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not 0 < value < 10:
                raise InputError(f"conductivity of {name}: {value} S/m, expected between 0 and 10")


@dataclass(frozen=True, eq=False)
class Torso:
    """Closed surfaces facing outwards and electrodes on the skin, mm, LPS.

    `heart_centre` is where a template expects the heart's centroid; None once it is placed, and
    for the patient's own torso, which stands in the heart's frame already. `lung_centres` are
    points from which the whole of each lung is seen, where known.
    """

    skin: Surface
    electrodes: Electrodes
    lungs: tuple[Surface, ...] = ()
    lung_centres: tuple[Float[np.ndarray, " 3"], ...] = ()
    blood_pools: tuple[Surface, ...] = ()
    conductivities: Conductivities = Conductivities()
    heart_centre: Float[np.ndarray, " 3"] | None = None
    provenance: Mapping[str, object] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _refuse_open("skin", self.skin)
        for number, lung in enumerate(self.lungs):
            _refuse_open(f"lung {number}", lung)

    @staticmethod
    def template(
        *,
        sex: Sex | str | None = None,
        height: float | None = None,
        seed: int | None = None,
        conductivities: Conductivities = Conductivities(),
    ) -> "Torso":
        """A chest with lungs for a body of `height` mm; `seed` draws the electrodes of one person.

        Without `sex` the mean of women and men.
        """
        sex = None if sex is None else Sex(sex)
        height = HEIGHTS[sex] if height is None else height
        if not SHORTEST_BODY <= height <= TALLEST_BODY:
            raise InputError(
                f"height {height:g}: expected {SHORTEST_BODY:.0f} to {TALLEST_BODY:.0f} mm"
            )
        scale = height / chest.REFERENCE_HEIGHT
        skin, lungs = _reference(sex)
        origin = {"origin": "template", "sex": sex and sex.value, "height": height, "seed": seed}
        torso = Torso(
            skin,
            {},
            lungs,
            chest.LUNG_CENTRES,
            conductivities=conductivities,
            heart_centre=CENTROID,
            provenance=origin,
        )
        torso = torso.transformed(np.full(3, scale), np.zeros(3))
        # However far off the skin a person is drawn, it is the template's frame and unit.
        return torso._with_electrodes(average_electrodes(scale, seed), farthest=np.inf)

    @staticmethod
    def read(
        surface: str | Path | None,
        electrodes: str | Path,
        *,
        lungs: tuple[str | Path, ...] = (),
        unit: str | None = None,
        axes: str | None = None,
        model: str | None = None,
        conductivities: Conductivities = Conductivities(),
    ) -> "Torso":
        """The patient's own skin and electrodes; without a surface the template fitted to them.

        `unit`, `axes` and `model` say what the files do not; see `formats.read_surface` and
        `electrodes.read_electrodes`. Without `lungs` a torso with the patient's skin has none.
        """
        from twin.meshes.formats import read_surface

        places, said = read_electrodes(electrodes, unit=unit, axes=axes, model=model)
        if surface is None:
            fitted = Torso.around(places, conductivities)
            return replace(fitted, remarks=said + fitted.remarks)
        files = [surface, *lungs]
        surfaces = [read_surface(file, unit=unit, axes=axes, extent=TORSO) for file in files]
        for file, one in zip(files, surfaces, strict=True):
            _refuse_faulty(str(file), one)
        skin = surfaces[0]
        torso = Torso(
            skin,
            {},
            tuple(surfaces[1:]),
            conductivities=conductivities,
            provenance={"origin": "file", "surface": str(surface), "electrodes": str(electrodes)},
            remarks=skin.remarks + said + (() if lungs else ("no lungs: one conductivity",)),
        )
        return torso._with_electrodes(places)

    @staticmethod
    def around(
        electrodes: Electrodes, conductivities: Conductivities = Conductivities()
    ) -> "Torso":
        """The template fitted to electrodes in mm and LPS, in their frame."""
        return replace(_fit_template(electrodes), conductivities=conductivities)

    @cached_property
    def content(self) -> str:
        """SHA-256 of the surfaces, conductivities and electrodes."""
        surfaces = (self.skin, *self.lungs, *self.blood_pools)
        arrays = [array for one in surfaces for array in (one.points, one.triangles)]
        arrays += [np.array(list(vars(self.conductivities).values()))]
        arrays += [np.array([self.electrodes[name] for name in sorted(self.electrodes)])]
        return content_hash(*arrays)

    def place(self, heart: Heart | Atrium) -> "Torso":
        """This torso around the heart, or a left atrium by itself, in its frame.

        A template moves, without turning, so that the heart's centroid lies where the population's
        mean does; around a heart of the population, whose frame it shares, it stays. The patient's
        own torso never moves. Lungs of a template give way to the heart.
        """
        torso = self
        if self.heart_centre is not None:
            torso = torso._moved_to(heart, self.heart_centre)._kept_around(heart)
        torso._refuse_outside(heart)
        return replace(torso._with_lungs_off(heart), heart_centre=None)

    def transformed(
        self, scale: Float[np.ndarray, " 3"], offset: Float[np.ndarray, " 3"]
    ) -> "Torso":
        """Every length along each axis times `scale`, then moved by `offset` mm."""

        def change(surface):
            return replace(surface, points=surface.points * scale + offset)

        return replace(
            self,
            skin=change(self.skin),
            lungs=tuple(map(change, self.lungs)),
            lung_centres=tuple(centre * scale + offset for centre in self.lung_centres),
            blood_pools=tuple(map(change, self.blood_pools)),
            electrodes={name: place * scale + offset for name, place in self.electrodes.items()},
            heart_centre=None if self.heart_centre is None else self.heart_centre * scale + offset,
        )

    def _with_electrodes(self, places: Electrodes, farthest: float = FARTHEST_OFF_SKIN) -> "Torso":
        projected, said = project_electrodes(places, self.skin, farthest)
        return replace(self, electrodes=projected, remarks=self.remarks + said)

    def _moved_to(self, heart: Heart | Atrium, expected: np.ndarray) -> "Torso":
        if heart.provenance.get("origin") == "population":
            return self
        if isinstance(heart, Atrium):
            expected = expected + FROM_VENTRICLES
        offset = centroid(heart) - expected
        x, y, z = offset
        said = f"the torso was moved by ({x:.0f}, {y:.0f}, {z:.0f}) mm to the heart"
        moved = self.transformed(np.ones(3), offset)
        return replace(moved, remarks=(*self.remarks, said))

    def _kept_around(self, heart: Heart | Atrium) -> "Torso":
        """The template moved so that its skin clears the heart, where it did not."""
        nodes = _outer_nodes(heart)
        torso, moved = self, np.zeros(3)
        for _ in range(20):
            depth = SurfaceSolid(torso.skin).distance(nodes)
            worst = int(depth.argmax())
            if depth[worst] <= -SKIN_CLEARANCE:
                break
            inwards = nodes.mean(axis=0) - nodes[worst]
            step = (depth[worst] + SKIN_CLEARANCE) * inwards / np.linalg.norm(inwards)
            torso, moved = torso.transformed(np.ones(3), -step), moved - step
        if not moved.any():
            return self
        said = (
            f"the torso gave way by {np.linalg.norm(moved):.0f} mm, so that the heart lies within"
        )
        return replace(torso, remarks=(*torso.remarks, said))

    def _refuse_outside(self, heart: Heart | Atrium) -> None:
        depth = SurfaceSolid(self.skin).distance(_outer_nodes(heart))
        if depth.max() > 0:
            raise InputError(
                f"the heart reaches {depth.max():.0f} mm out of the skin, expected it within: are "
                "heart and torso in the same frame, axes and unit?"
            )

    def _with_lungs_off(self, heart: Heart | Atrium) -> "Torso":
        nodes = _outer_nodes(heart)
        if not self.lung_centres:
            for number, lung in enumerate(self.lungs):
                depth = SurfaceSolid(lung).distance(nodes)
                if depth.min() <= 0:
                    raise InputError(
                        f"lung {number} and the heart overlap by {-depth.min():.0f} mm; "
                        "cut the lung back, or leave the lungs out"
                    )
            return self
        pairs = zip(self.lungs, self.lung_centres, strict=True)
        return replace(self, lungs=tuple(_cut_back(lung, at, nodes) for lung, at in pairs))


def centroid(heart: Heart | Atrium) -> Float[np.ndarray, " 3"]:
    """Of the myocardium, mm."""
    if isinstance(heart, Atrium):
        return heart.points.mean(axis=0)
    middle = heart.points[heart.tetrahedra].mean(axis=1)
    return np.average(middle, axis=0, weights=heart.element_volumes)


@cache
def _reference(sex: Sex | None) -> tuple[Surface, tuple[Surface, Surface]]:
    build = BUILDS[sex]
    return chest.template_skin(build), chest.template_lungs(build)


def _fit_template(places: Electrodes) -> Torso:
    """The template, each axis scaled and moved so that its electrodes come nearest to these."""
    template = Torso.template()
    names = sorted(places)
    own = np.array([places[name] for name in names])
    average = np.array([template.electrodes[name] for name in names])
    middle_own, middle = own.mean(axis=0), average.mean(axis=0)
    scale = ((own - middle_own) * (average - middle)).sum(axis=0)
    scale = np.clip(scale / ((average - middle) ** 2).sum(axis=0), 0.7, 1.4)
    fitted = template.transformed(scale, middle_own - scale * middle)
    factors = ", ".join(f"{factor:.2f}" for factor in scale)
    said = (
        f"no skin given: the template, times ({factors}) along the axes, fitted to the electrodes"
    )
    fitted = replace(
        fitted,
        heart_centre=None,
        provenance={"origin": "template fitted to electrodes"},
        remarks=(said,),
    )
    return fitted._with_electrodes(places)


def _outer_nodes(heart: Heart | Atrium) -> Float[np.ndarray, "nodes 3"]:
    """The corners of the heart's convex hull: the heart is within what they are within."""
    nodes = heart.points[np.unique(heart.triangles)].astype(np.float64)
    return nodes[ConvexHull(nodes).vertices]


def _cut_back(lung: Surface, centre: np.ndarray, nodes: np.ndarray) -> Surface:
    """The lung without what, seen from its centre, lies behind the heart's hull and a clearance.

    Triangles between points on both sides of the heart's edge may still graze it: these are drawn
    back towards the centre until they do not.
    """
    directions = chest.fibonacci_sphere(HULL_PLANES)
    planes = np.column_stack([directions, -(nodes @ directions.T).max(axis=0)])
    rays = lung.points - centre
    reach = _enter(rays, centre, planes)
    for _ in range(MOST_STEPS_BACK):
        cut = replace(lung, points=centre + rays * reach[:, None])
        close = cut.triangles[_gaps(cut.corners, planes) < LEAST_GAP]
        if len(close) == 0:
            return cut
        reach[np.unique(close)] *= 0.95
    raise InputError(
        "the heart reaches into the middle of a lung of the template; is it a heart, in mm, and "
        "are the axes LPS?"
    )


def _gaps(corners, planes):
    """Distance of each triangle from what the planes enclose, not more than it is; mm.

    A distance changes by no more than the way gone, so far triangles are judged by their centre.
    """
    centre = corners.mean(axis=1)
    radius = np.linalg.norm(corners - centre[:, None], axis=2).max(axis=1)
    gaps = _gap(centre, planes) - radius
    near = np.flatnonzero(gaps < LEAST_GAP)
    samples = np.einsum("sk,nkd->nsd", TRIANGLE_SAMPLES, corners[near])
    gaps[near] = _gap(samples, planes).min(axis=1)
    return gaps


def _gap(points, planes):
    return (points @ planes[:, :3].T + planes[:, 3]).max(axis=-1)


def _enter(rays, centre, planes):
    """What fraction of each ray lies before all half-spaces n . x + d <= clearance together."""
    start = planes[:, :3] @ centre + planes[:, 3] - LUNG_CLEARANCE
    slope = rays @ planes[:, :3].T
    with np.errstate(divide="ignore"):
        crossing = -start / slope
    enter = np.where(slope < 0, crossing, -np.inf).max(axis=1)
    leave = np.where(slope > 0, crossing, np.inf).min(axis=1)
    return np.where((enter < leave) & (enter > 0), np.minimum(enter, 1.0), 1.0)


def _refuse_faulty(name: str, surface: Surface) -> None:
    errors = [finding for finding in check_surface(surface) if finding.severity == "error"]
    if errors:
        raise InputError(f"{name}: {errors[0]}")


def _refuse_open(name: str, surface: Surface) -> None:
    """Cheap enough for every copy."""
    mesh = SurfaceExamination(surface)
    if not (mesh.closed and (mesh.enclosed_volumes > 0).all()):
        _refuse_faulty(name, surface)
