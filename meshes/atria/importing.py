"""Left atria from surfaces of others: labels found or given, the rest made."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
from jaxtyping import Int

from twin.meshes.atria.anatomy import VESTIBULE
from twin.meshes.atria.completing import complete
from twin.meshes.atria.examination import check_atrium
from twin.meshes.atria.labelling import (
    Surroundings,
    find_regions,
    labels_of_triangles,
    name_rims,
)
from twin.meshes.atria.openings import circumference, find_openings, lid_volume
from twin.meshes.atria.regions import Region
from twin.meshes.atrium import Atrium
from twin.meshes.checking.findings import Severity
from twin.meshes.errors import InputError
from twin.meshes.files import file_hash
from twin.meshes.formats import read_surface
from twin.meshes.meshing.sheet import rims
from twin.meshes.surface import Surface
from twin.meshes.topology import surface_components
from twin.meshes.units import Extent

EXTENT = Extent("left atrium", 40.0, 140.0)
LABEL_NAMES = ("regions", "region", "tag", "tags", "label", "labels", "elemTag", "scalars")
"""Fields in which labels are looked for, where labels are given a meaning."""

Meanings = Mapping[int, Region]


def import_atrium(
    path: str | Path,
    *,
    unit: str | None = None,
    axes: str | None = None,
    labels: Meanings | None = None,
    field: str | None = None,
    fibrosis: float = 0.0,
    seed: int = 0,
) -> Atrium:
    """An atrium of a .vtp, .vtk, .ply, .stl, .obj or CARP surface that is open at veins and valve.

    `labels` says which `Region` each number in `field` means, on triangles or points (in a field
    of a usual name where none is named); other numbers are the body. Without it regions are found.
    How the file was understood is in the atrium's provenance, under 'remarks'.
    """
    path = Path(path)
    if not 0 <= fibrosis <= 0.9:
        raise InputError(f"fibrosis is {fibrosis!r}; expected a share between 0 and 0.9")
    read = read_surface(path, unit=unit, axes=axes, extent=EXTENT)
    try:
        surface, said = _one_piece(read)
        if labels is None:
            regions = find_regions(surface.points, surface.triangles)
            said += ("regions found from the rims and the shape",)
        else:
            regions = _given(surface, labels, field)
            said += ("regions as labelled",)
        doubts = _examined(surface, regions, str(path))
        provenance = {
            "origin": path.name,
            **({"sha256": file_hash(path)} if path.is_file() else {}),
            "fibrosis": fibrosis,
            "remarks": [*read.remarks, *said, *doubts],
        }
        random = np.random.default_rng(seed)
        return complete(surface.points, surface.triangles, regions, fibrosis, random, provenance)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


def _one_piece(read: Surface) -> tuple[Surface, tuple[str, ...]]:
    """The largest piece, facing outwards, without points that nothing uses."""
    part = surface_components(read.triangles)
    keep = part == 0
    nodes, triangles = np.unique(read.triangles[keep], return_inverse=True)
    triangles = triangles.reshape(-1, 3)
    points = np.asarray(read.points, float)[nodes]
    said: tuple[str, ...] = ()
    if not keep.all():
        said += (f"{part.max():,} smaller pieces left out ({(~keep).sum():,} triangles)",)
    surface = replace(
        read,
        points=points,
        triangles=triangles,
        point_fields={name: values[nodes] for name, values in read.point_fields.items()},
        face_fields={name: values[keep] for name, values in read.face_fields.items()},
    )
    middle = points.mean(axis=0)
    lids = sum(lid_volume(points[loop] - middle) for loop in rims(triangles))
    if replace(surface, points=points - middle).enclosed_volume + lids < 0:
        surface = replace(surface, triangles=triangles[:, ::-1].copy())
        said += ("triangles turned to face outwards",)
    return surface, said


def _given(surface: Surface, labels: Meanings, field: str | None) -> Int[np.ndarray, " tris"]:
    """Regions by the numbers in a field; what is along the longest rim is the vestibule."""
    names = LABEL_NAMES if field is None else (field,)
    for name in names:
        if name in surface.face_fields:
            regions = _translated(surface.face_fields[name], labels, name)
            return _with_vestibule(surface, regions)
        if name in surface.point_fields:
            nodal = _translated(surface.point_fields[name], labels, name)
            openings = _named_rims(surface, nodal)
            regions = labels_of_triangles(nodal, surface.triangles, openings)
            return _with_vestibule(surface, regions)
    known = ", ".join([*surface.face_fields, *surface.point_fields]) or "none"
    raise InputError(f"no field of labels among {known}; name one (field=, --field)")


def _with_vestibule(surface: Surface, regions) -> Int[np.ndarray, " tris"]:
    """The band along the longest rim, where nothing was labelled as it."""
    if (regions == Region.MITRAL_VESTIBULE).any():
        return regions
    ring = max(rims(surface.triangles), key=lambda loop: circumference(surface.points[loop]))
    distance = Surroundings(surface.points, surface.triangles).distance(ring)
    close = np.sort(distance[surface.triangles], axis=1)[:, 1] <= VESTIBULE
    return np.where(close & (regions == Region.BODY), Region.MITRAL_VESTIBULE, regions)


def _named_rims(surface: Surface, nodal) -> dict[Region, np.ndarray]:
    """Rims of veins whose own nodes have their label already."""
    ring, veins = name_rims(surface.points, surface.triangles)
    named = {Region.MITRAL_VESTIBULE: ring}
    for loop in veins.values():
        named[Region(int(np.bincount(nodal[loop]).argmax()))] = loop
    return named


def _translated(values, labels: Meanings, name: str) -> Int[np.ndarray, " rows"]:
    """Numbers as regions; those without a meaning are the body."""
    if values.ndim != 1:
        raise InputError(f"the field {name} holds {values.shape[1]} numbers each, expected labels")
    missing = [number for number in labels if not (values == number).any()]
    if missing:
        present = np.unique(values)[:20].tolist()
        raise InputError(f"no {name} is {missing}; it holds {present}")
    regions = np.full(len(values), Region.BODY, np.int8)
    for number, region in labels.items():
        regions[values == number] = Region(region)
    return regions


def _examined(surface: Surface, regions, file: str) -> tuple[str, ...]:
    """Remarks on what is unusual; refused where something is wrong."""
    openings = find_openings(surface.triangles, regions)
    findings = check_atrium(surface.points, surface.triangles, regions, openings, file)
    errors = [str(finding) for finding in findings if finding.severity == Severity.ERROR]
    if errors:
        raise InputError("; ".join(errors))
    return tuple(str(finding) for finding in findings)
