"""Infarcts from files and arrays of others: label maps, labels, late enhancement, node lists."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from twin.meshes.errors import InputError
from twin.meshes.files import file_hash
from twin.meshes.formats import read_grid
from twin.meshes.formats.grid import Grid
from twin.meshes.formats.intake import volume_of
from twin.meshes.formats.li import MESHES, NODE_LISTS
from twin.meshes.formats.nifti import read_image, read_stack
from twin.meshes.heart import Heart
from twin.simulation.infarct import Infarct, Zone
from twin.simulation.infarction.border_zone import BorderZone
from twin.simulation.infarction.enhancement import Threshold, zones_of_enhancement
from twin.simulation.infarction.extent import touched
from twin.simulation.infarction.record import FIELD, NOTE, infarct_of
from twin.simulation.infarction.transfer import from_elements, from_points, from_voxels
from twin.simulation.infarction.wall import Wall

OURS: Mapping[str, int] = {"border_zone": Zone.BORDER, "scar": Zone.SCAR}

Labels = Mapping[str, int]
Origin = dict[str, object]


@dataclass(frozen=True)
class Reading:
    """How a file is to be understood.

    kind: which of the lists of nodes of the Li layout.
    field: of a mesh, on points or tetrahedra, that holds `labels` ({"scar": 2, "border_zone": 1})
        or the intensities of which `threshold` makes zones. A NIfTI file needs one or the other.
    border: made around scar where the file names no border zone.
    unit, axes, frame: those of the file, as for a heart's.
    """

    kind: str | None = None
    field: str | None = None
    labels: Labels | None = None
    threshold: Threshold | None = None
    border: BorderZone | None = None
    acute: bool = False
    unit: str | None = None
    axes: str | None = None
    frame: int | None = None

    def __post_init__(self) -> None:
        if self.labels is not None and self.threshold is not None:
            raise InputError("labels and a threshold are both given: a file holds one or the other")


def read_infarct(path: str | Path, heart: Heart, **how) -> Infarct:
    """The infarct in a file, on the nodes of `heart`. What `Infarct.write` wrote needs nothing
    more; for all else `Reading` has what can be said."""
    path, reading = Path(path), Reading(**how)
    try:
        if path.name.lower().endswith((".nii", ".nii.gz")):
            return _from_image(path, heart, reading)
        path, reading = _subject(path, reading)
        grid = read_grid(path)
        if reading.field is None and NOTE in grid.notes:
            return infarct_of(grid, heart)
        return _from_grid(grid, heart, _origin(path), reading)
    except InputError as error:
        said = str(error)
        raise InputError(said if said.startswith(str(path)) else f"{path}: {said}") from None


def infarct_of_labels(
    heart: Heart,
    values: Int[np.ndarray, " given"],
    labels: Labels = OURS,
    *,
    border: BorderZone | None = None,
    acute: bool = False,
    provenance: Mapping[str, object] | None = None,
) -> Infarct:
    """From a label for each node, or for each tetrahedron. `labels` says which number is scar and
    which, perhaps, border zone; all others are healthy."""
    zones = _zones_of_labels(np.asarray(values), labels)
    if len(zones) == len(heart.tetrahedra):
        zones = from_elements(zones, heart)
    elif len(zones) != len(heart.points):
        raise InputError(
            f"{len(zones):,} labels; expected one for each of the heart's {len(heart.points):,} "
            f"points or {len(heart.tetrahedra):,} tetrahedra"
        )
    if "border_zone" in labels and border is not None:
        raise InputError("a border zone is among the labels and asked for (border=): give one")
    return _settled(heart, zones, border, acute, {"origin": "labels", **(provenance or {})})


def infarct_of_enhancement(
    heart: Heart,
    values: Float[np.ndarray, " points"],
    threshold: Threshold,
    *,
    acute: bool = False,
    provenance: Mapping[str, object] | None = None,
) -> Infarct:
    """From the intensity of late enhancement at each node; the left ventricle alone is judged."""
    values = np.asarray(values, float)
    if values.shape != (len(heart.points),):
        raise InputError(
            f"intensities of shape {values.shape}; expected one for each of the heart's "
            f"{len(heart.points):,} points"
        )
    left = heart.coordinates.ventricle == 0
    zones, limits = zones_of_enhancement(values, left, threshold)
    origin = {"origin": "enhancement", **(provenance or {})}
    limits_said = {"border": limits[0], "scar": limits[1]}
    judged = {"threshold": repr(threshold), "limits": limits_said}
    return _settled(heart, zones, None, acute, {**origin, **judged})


def _settled(
    heart: Heart, zones: np.ndarray, border: BorderZone | None, acute: bool, origin: Mapping
) -> Infarct:
    """With what scar cuts off from the rest of the heart: no front would come there."""
    wall, scar = Wall.of(heart), zones == Zone.SCAR
    enclosed = wall.graph.cut_off(scar, touched(wall, scar))
    scar = scar | enclosed
    band = zones == Zone.BORDER
    if border is not None:
        everywhere = np.ones(len(scar), bool)
        band = border.around(scar, wall, everywhere, np.random.default_rng(0))
    zones = np.where(scar, Zone.SCAR, np.where(band, Zone.BORDER, Zone.HEALTHY))
    return Infarct(zones, acute, {**origin, "enclosed_nodes": int(enclosed.sum())})


def _zones_of_labels(values: np.ndarray, labels: Labels) -> np.ndarray:
    unknown = sorted(set(labels) - {"scar", "border_zone"})
    if unknown or "scar" not in labels:
        raise InputError(
            f"labels {dict(labels)}: expected the number of 'scar' and, perhaps, of 'border_zone'"
        )
    if not np.isin(values, list(labels.values())).any():
        found = ", ".join(f"{v:g}" for v in np.unique(values)[:8])
        raise InputError(f"none of the labels {dict(labels)} occurs in the heart; found: {found}")
    zones = np.where(values == labels["scar"], Zone.SCAR, Zone.HEALTHY)
    if "border_zone" in labels:
        zones = np.where(values == labels["border_zone"], Zone.BORDER, zones)
    return zones.astype(np.int8)


def _origin(path: Path) -> Origin:
    return {"origin": path.name, "sha256": file_hash(path)}


def _from_image(path: Path, heart: Heart, reading: Reading) -> Infarct:
    origin = _origin(path)
    where: dict[str, Any] = {"unit": reading.unit, "axes": reading.axes, "frame": reading.frame}
    if reading.labels is not None:
        stack = read_stack(path, **where)
        values = from_voxels(stack.labels, stack.grid, heart, smooth=False)
        return _judged(values, heart, {**origin, "remarks": stack.remarks}, reading)
    if reading.threshold is None:
        raise InputError(
            "an image needs either labels, as in {'scar': 2}, or a threshold, such as "
            "FullWidthHalfMaximum()"
        )
    image, grid, remarks = read_image(path, **where)
    values = from_voxels(image, grid, heart, smooth=True)
    return _judged(values, heart, {**origin, "remarks": remarks}, reading)


def _judged(values: np.ndarray, heart: Heart, origin: Origin, reading: Reading) -> Infarct:
    """Intensities or labels at the nodes."""
    if reading.threshold is not None:
        return infarct_of_enhancement(
            heart, values, reading.threshold, acute=reading.acute, provenance=origin
        )
    labels = OURS if reading.labels is None else reading.labels
    return infarct_of_labels(
        heart, values, labels, border=reading.border, acute=reading.acute, provenance=origin
    )


def _subject(path: Path, reading: Reading) -> tuple[Path, Reading]:
    """Where a list of the Li layout is named, its subject's mesh and the list's kind."""
    for mark in NODE_LISTS:
        name, found, ending = path.name.partition(mark)
        if not found:
            continue
        meshes = [path.with_name(name + mesh) for mesh in MESHES]
        mesh = next((mesh for mesh in meshes if mesh.is_file()), None)
        if mesh is None:
            raise InputError(f"a list of nodes needs its mesh beside it, such as {meshes[0].name}")
        return mesh, replace(reading, kind=reading.kind or ending.removesuffix(".csv"))
    return path, reading


def _from_grid(grid: Grid, heart: Heart, origin: Origin, reading: Reading) -> Infarct:
    volume = volume_of(grid, {}, unit=reading.unit, axes=reading.axes)
    origin = {**origin, "remarks": volume.remarks}
    field = reading.field
    if field is None:
        values = _listed(grid, reading.kind)
        border = None if (values == Zone.BORDER).any() else reading.border
        labels = OURS if border is None else {"scar": int(Zone.SCAR)}
        reading = replace(reading, labels=labels, threshold=None, border=border)
    elif field in grid.point_fields:
        values = np.asarray(grid.point_fields[field])
    elif field in grid.tetrahedron_fields and reading.threshold is None:
        values = np.asarray(grid.tetrahedron_fields[field])
        return _judged(values, _same_tetrahedra(grid, heart), origin, reading)
    else:
        known = ", ".join([*grid.point_fields, *grid.tetrahedron_fields]) or "none"
        raise InputError(f"it has no field {field!r} on its points; its fields are: {known}")
    return _judged(from_points(volume.points, values, heart), heart, origin, reading)


def _same_tetrahedra(grid: Grid, heart: Heart) -> Heart:
    if not np.array_equal(grid.tetrahedra, heart.tetrahedra):
        raise InputError(
            f"its labels are those of {len(grid.tetrahedra):,} tetrahedra of another mesh; give "
            "labels on points, or read the heart from this file"
        )
    return heart


def _listed(grid: Grid, kind: str | None) -> np.ndarray:
    """Zones from the lists of the Li layout."""
    kinds = [name.removeprefix("scar_") for name in grid.point_fields if name.startswith("scar_")]
    if not kinds:
        raise InputError(
            f"it holds no {FIELD} and no lists of scar; name the field that does (field=)"
        )
    if kind is None and len(kinds) == 1:
        kind = kinds[0]
    if kind not in kinds:
        raise InputError(f"kind {kind!r}: choose one of its lists of scar: {', '.join(kinds)}")
    zones = np.zeros(len(grid.points), np.int8)
    zones[np.asarray(grid.point_fields.get(f"border_zone_{kind}", zones)) > 0] = Zone.BORDER
    zones[np.asarray(grid.point_fields[f"scar_{kind}"]) > 0] = Zone.SCAR
    return zones
