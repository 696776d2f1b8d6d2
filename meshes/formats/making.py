"""From a mesh or a closed surface of others to a heart: examined, mended where sure, completed."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields, replace

import numpy as np

from twin.meshes.build import build_heart
from twin.meshes.checking.check import check
from twin.meshes.checking.fibre_faults import mend_fibres
from twin.meshes.checking.findings import Finding
from twin.meshes.checking.repair import repair
from twin.meshes.errors import InputError
from twin.meshes.formats.conventions import ENDOCARDIA
from twin.meshes.heart import Boundary, Fibres, Heart
from twin.meshes.meshing.distance import SurfaceSolid
from twin.meshes.meshing.lattice import mesh_solid
from twin.meshes.meshing.triple import join_walls
from twin.meshes.progress import Progress
from twin.meshes.surface import Surface
from twin.meshes.units import doubt_axes
from twin.meshes.volume import NO_FACES, NO_LABELS, Volume

SPACING = 2.0
"""mm, of the mesh within a closed surface where none is asked for."""

MENDED_FIBRES = ("unnormalised fibres", "skewed fibres", "left-handed fibres")
"""Faults of fibres that are mended, and said, on the way in."""

NO_DIRECTION = "fibres without direction"

COMPLETED = (
    "boundary faces without triangle",
    "unlabelled triangles",
    "triangles off the boundary",
    "triangles facing inwards",
    "walls without triangles",
)
"""Faults of the labelled boundary that `build_heart` makes good: it labels by shape."""


def mesh_within(
    surface: Surface, origin: Mapping[str, object], spacing: float | None, progress: Progress
) -> Volume:
    """Tetrahedra within a closed surface, under the surface's labels where it has them all."""
    spacing = spacing or SPACING
    with _computed("a mesh of what it encloses"):
        surface = _joined(surface)
        volume = mesh_solid(SurfaceSolid(surface), spacing=spacing, progress=progress)
        if not volume.boundary.any():
            volume = _unlabelled(volume)
        volume, mended = repair(volume)
    remarks = [f"meshed within the surface, {spacing:g} mm fine"]
    remarks += [f"{fault.name}: {fault.amount}. {fault.remedy}" for fault in mended]
    return replace(
        volume,
        provenance={**origin, **volume.provenance},
        remarks=(*surface.remarks, *remarks),
    )


def _joined(surface: Surface) -> Surface:
    """Walls that are named but for the base, put together; other incomplete labels left out."""
    labels = surface.labels
    if labels is None or {Boundary.EPICARDIUM, Boundary.LV_ENDOCARDIUM, Boundary.BASE} <= {*labels}:
        return surface
    walls = {kind: _part(surface, labels == kind) for kind in Boundary if (labels == kind).any()}
    named = {*labels} <= {*Boundary} - {Boundary.BASE}
    if not named or Boundary.EPICARDIUM not in walls or Boundary.LV_ENDOCARDIUM not in walls:
        return replace(surface, labels=None)
    joined = join_walls(
        walls[Boundary.EPICARDIUM],
        walls[Boundary.LV_ENDOCARDIUM],
        walls.get(Boundary.RV_ENDOCARDIUM),
    )
    return replace(joined, remarks=tuple(dict.fromkeys((*surface.remarks, *joined.remarks))))


def _part(surface: Surface, chosen: np.ndarray) -> Surface:
    nodes, corners = np.unique(surface.triangles[chosen], return_inverse=True)
    return Surface(surface.points[nodes], corners.reshape(-1, 3))


def _unlabelled(volume: Volume) -> Volume:
    return replace(volume, triangles=NO_FACES.copy(), boundary=NO_LABELS.copy())


def _with_whole_labels(volume: Volume) -> tuple[Volume, list[Finding]]:
    """Labels that cover the boundary but lack a wall are of no use; some labels alone are."""
    findings = check(volume)
    names = {finding.name for finding in findings}
    if "walls without triangles" not in names or "boundary faces without triangle" in names:
        return volume, findings
    remark = "labels left out, because they do not name every wall; found by shape"
    volume = replace(_unlabelled(volume), remarks=(*volume.remarks, remark))
    return volume, check(volume)


def complete(volume: Volume, progress: Progress) -> Heart:
    """A heart of a mesh that passes the check, with all remarks in its provenance."""
    volume, findings = _with_whole_labels(volume)
    if any(finding.name in MENDED_FIBRES for finding in findings):
        amounts = ", ".join(f"{f.name}: {f.amount}" for f in findings if f.name in MENDED_FIBRES)
        volume, mended = mend_fibres(volume)
        volume = replace(volume, remarks=(*volume.remarks, f"{amounts}; {mended}"))
    _refuse(findings, (*MENDED_FIBRES, *COMPLETED))
    with _computed("its labels, coordinates or fibres"):
        heart = build_heart(volume, progress=progress)
    heart, lost = _with_all_fibres(heart)
    nodes = [heart.boundary_nodes(side) for side in ENDOCARDIA]
    doubt = doubt_axes(*(heart.points[side] for side in nodes)) if all(map(len, nodes)) else None
    remarks = [*volume.remarks, *(remark for remark in (lost, doubt) if remark)]
    return replace(heart, provenance={**heart.provenance, "remarks": remarks})


def _refuse(findings: list[Finding], allowed: tuple[str, ...]) -> None:
    left = [f for f in findings if f.severity == "error" and f.name not in allowed]
    if left:
        raise InputError("\n".join(["this mesh cannot become a heart", *map(str, left)]))


def _with_all_fibres(heart: Heart) -> tuple[Heart, str | None]:
    """A wall one cell thick gets no fibres in places by the rule: the neighbours' then."""
    findings = check(heart)
    _refuse(findings, (*MENDED_FIBRES, NO_DIRECTION))
    lost = [finding for finding in findings if finding.name in (*MENDED_FIBRES, NO_DIRECTION)]
    if not lost:
        return heart, None
    axes = {f.name: getattr(heart.fibres, f.name) for f in fields(Fibres)}
    mended, _ = mend_fibres(Volume(heart.points, heart.tetrahedra, element_fields=axes))
    said = f"by the rule, {lost[0].name}: {lost[0].amount}; taken from their neighbours"
    return replace(heart, fibres=Fibres(**mended.element_fields)), said


@contextmanager
def _computed(what: str) -> Iterator[None]:
    """A computation that no mesh of a heart defeats, however odd the mesh that came in."""
    try:
        yield
    except (ArithmeticError, IndexError, ValueError) as error:
        raise InputError(
            f"{what} cannot be computed ({type(error).__name__}: {error}); "
            "is this the wall of a heart, with an open base?"
        ) from error
