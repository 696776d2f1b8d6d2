"""From what a file holds to a `Volume` or a `Surface`: in mm, LPS and our terms, with remarks."""

from collections.abc import Mapping

import numpy as np

from twin.meshes.errors import InputError
from twin.meshes.formats.conventions import (
    AXIS_NAMES,
    coordinates,
    face_labels,
    labelled_boundary,
    vectors,
)
from twin.meshes.formats.grid import Grid
from twin.meshes.formats.record import NOTE
from twin.meshes.surface import Surface
from twin.meshes.units import HEART, Extent, find_axes, find_scale
from twin.meshes.volume import Volume


def volume_of(
    grid: Grid, provenance: Mapping[str, object], *, unit: str | None, axes: str | None
) -> Volume:
    """The tetrahedra with everything that came along; `check` judges them."""
    if len(grid.tetrahedra) == 0:
        raise InputError(f"it has no tetrahedra{_instead(grid)}")
    points, turn, placed = _place(grid, unit, axes, HEART)
    triangles, labels = labelled_boundary(grid)
    nodal, decided = coordinates(vectors(grid.point_fields), triangles, labels)
    places = {name: np.asarray(place) * turn for name, place in grid.places.items()}
    return Volume(
        points,
        grid.tetrahedra,
        triangles,
        labels,
        point_fields=_turned(nodal, turn),
        element_fields=_turned(vectors(grid.tetrahedron_fields), turn),
        provenance={**provenance, **_named(places)},
        remarks=(*grid.remarks, *placed, *decided),
    )


def surface_of(
    grid: Grid, *, unit: str | None, axes: str | None, extent: Extent = HEART
) -> Surface:
    """The triangles with their labels and fields; sound as far as numbers go."""
    if len(grid.triangles) == 0 or len(grid.points) == 0:
        raise InputError(
            f"it has {len(grid.points):,} points and {len(grid.triangles):,} triangles; "
            "expected a surface"
        )
    _check_surface(grid)
    points, turn, placed = _place(grid, unit, axes, extent)
    return Surface(
        points,
        grid.triangles,
        face_labels(grid),
        point_fields=_turned(grid.point_fields, turn),
        face_fields=_turned(grid.triangle_fields, turn),
        remarks=(*grid.remarks, *placed),
    )


def _check_surface(grid: Grid) -> None:
    wrong = np.flatnonzero(~np.isfinite(grid.points).all(axis=1))
    if len(wrong):
        raise InputError(
            f"{len(wrong):,} of {len(grid.points):,} points are not finite (first: {wrong[0]:,})"
        )
    beyond = (grid.triangles < 0) | (grid.triangles >= len(grid.points))
    outside = np.flatnonzero(beyond.any(axis=1))
    if len(outside):
        raise InputError(
            f"{len(outside):,} of {len(grid.triangles):,} triangles name points that do not exist "
            f"(first: {outside[0]:,}); is it cut short, or does it count from 1?"
        )


def _place(grid: Grid, unit: str | None, axes: str | None, extent: Extent):
    """Points in mm and LPS, what each coordinate was multiplied with, and remarks on both."""
    scale, said_unit = find_scale(grid.points, unit, extent)
    signs, said_axes = find_axes(axes, _stated_axes(grid))
    turn = scale * signs
    # Multiplying by one would still be exact, but single precision is to stay single.
    points = grid.points if (turn == 1).all() else grid.points * turn
    return points, turn, (said_unit, said_axes)


def _stated_axes(grid: Grid) -> str | None:
    """Our own record means LPS; 3D Slicer writes SPACE=LPS or SPACE=RAS."""
    if NOTE in grid.notes:
        return "LPS"
    said = grid.notes.get("SPACE", "").strip().upper()
    return said if said in ("LPS", "RAS") else None


def _turned(fields: Mapping[str, np.ndarray], turn: np.ndarray) -> dict[str, np.ndarray]:
    """Directions follow the axes; they have no unit."""
    signs = np.sign(turn)
    if (signs == 1).all():
        return dict(fields)
    return {
        name: values * signs if name in AXIS_NAMES and values.shape[1:] == (3,) else values
        for name, values in fields.items()
    }


def _named(places: Mapping[str, np.ndarray]) -> dict[str, object]:
    """Electrodes under one name, other places under their own; mm."""
    named: dict[str, object] = {}
    electrodes: dict[str, object] = {}
    for name, place in places.items():
        lead = name.removeprefix("electrode ")
        (named if lead == name else electrodes)[lead] = place.tolist()
    return named | ({"electrodes": electrodes} if electrodes else {})


def _instead(grid: Grid) -> str:
    if len(grid.triangles):
        return f" but {len(grid.triangles):,} triangles: a surface"
    if len(grid.points):
        return f" but {len(grid.points):,} points: give fibres on points of their own as fibres="
    return " and no points: it is empty or damaged"
