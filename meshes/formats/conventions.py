"""What others call the same things: fibres, coordinates, boundary labels; brought to our terms."""

from collections.abc import Mapping
from dataclasses import replace
from typing import TypeGuard

import numpy as np

from twin.meshes.formats.grid import Grid
from twin.meshes.heart import Boundary
from twin.meshes.topology import boundary_triangles

Fields = dict[str, np.ndarray]

AXIS_NAMES = {
    "fibre": ("fibre", "fiber", "fibres", "fibers", "f0", "fibre_direction", "fiber_direction"),
    "sheet": ("sheet", "sheets", "s0", "sheet_direction"),
    "normal": ("normal", "n0", "sheet_normal", "sheetnormal"),
}
COORDINATE_NAMES = {
    "apicobasal": ("apicobasal", "ab"),
    "transmural": ("transmural", "tm"),
    "rotational": ("rotational", "rt"),
    "ventricle": ("ventricle", "tv"),
}
BOUNDARY_NAMES = ("boundary", "class")
ENDOCARDIA = (Boundary.LV_ENDOCARDIUM, Boundary.RV_ENDOCARDIUM)


def rename(fields: Mapping[str, np.ndarray], names: Mapping[str, tuple[str, ...]]) -> Fields:
    """The fields under our names where theirs are known."""
    ours = {theirs: name for name, others in names.items() for theirs in others}
    renamed: Fields = {}
    for name, values in fields.items():
        renamed.setdefault(ours.get(name.lower(), name), values)
    return renamed


def vectors(fields: Mapping[str, np.ndarray]) -> Fields:
    """Fields whose axes have our names; a column of numbers is no direction."""
    renamed = rename(fields, AXIS_NAMES)
    return {
        name: values
        for name, values in renamed.items()
        if name not in AXIS_NAMES or values.shape[1:] == (3,)
    }


def face_labels(grid: Grid) -> np.ndarray | None:
    """The `Boundary` of each triangle of the file, 0 where unknown; None where none is known.

    Labels on points pass to the triangles of which they hold most corners.
    """
    for name in BOUNDARY_NAMES:
        if _are_labels(values := grid.triangle_fields.get(name)):
            return values.astype(np.int8)
    nodal = _node_labels(grid)
    if nodal is None or not _inside(grid.triangles, len(nodal)):
        return None
    return np.median(nodal[grid.triangles], axis=1).astype(np.int8)


def labelled_boundary(grid: Grid) -> tuple[np.ndarray, np.ndarray]:
    """Triangles of a volume's boundary and their labels; none where nothing names them."""
    nodal = _node_labels(grid)
    if nodal is not None and len(grid.triangles) == 0 and _inside(grid.tetrahedra, len(nodal)):
        grid = replace(grid, triangles=boundary_triangles(grid.tetrahedra))
    labels = face_labels(grid)
    if labels is None:
        return np.zeros((0, 3), np.int64), np.zeros(0, np.int8)
    return grid.triangles[labels != 0], labels[labels != 0]


def _node_labels(grid: Grid) -> np.ndarray | None:
    found = (grid.point_fields.get(name) for name in BOUNDARY_NAMES)
    return next((values for values in found if _are_labels(values)), None)


def _inside(cells: np.ndarray, count: int) -> bool:
    return len(cells) > 0 and bool(cells.min() >= 0 and cells.max() < count)


def _are_labels(values: np.ndarray | None) -> TypeGuard[np.ndarray]:
    """Whether these can only be boundary labels: none but 0 to 4, and not 0 alone."""
    if values is None or values.ndim != 1:
        return False
    return bool(np.isin(values, [0, *Boundary]).all() and values.any())


def coordinates(
    fields: Mapping[str, np.ndarray], triangles: np.ndarray, labels: np.ndarray
) -> tuple[Fields, list[str]]:
    """Cobiveco-like coordinates in our sense: 0 at the endocardium, 0 in the left ventricle.

    Which end is which is decided by the labelled boundary. Where that cannot be told the field
    keeps the name it came with.
    """
    fields = rename(fields, COORDINATE_NAMES)
    remarks = []
    for name, low, high in (
        ("transmural", ENDOCARDIA, (Boundary.EPICARDIUM,)),
        ("ventricle", (Boundary.LV_ENDOCARDIUM,), (Boundary.RV_ENDOCARDIUM,)),
    ):
        if name not in fields:
            continue
        values = np.asarray(fields.pop(name), float)
        start, end = (_median_on(values, triangles[np.isin(labels, ends)]) for ends in (low, high))
        if not abs(end - start) > 0.5:
            fields[f"{name}_as_given"] = values
            remarks.append(f"{name} kept as given: the boundary does not tell its direction")
            continue
        fields[name] = (values - start) / (end - start)
        if name == "ventricle":
            fields[name] = np.round(np.clip(fields[name], 0, 1)).astype(np.int8)
        if not np.allclose((start, end), (0, 1)):
            remarks.append(f"{name} turned to run from 0 to 1: it was {start:.3g} to {end:.3g}")
    return fields, remarks


def _median_on(values: np.ndarray, triangles: np.ndarray) -> float:
    inside = triangles[((triangles >= 0) & (triangles < len(values))).all(axis=1)]
    return float(np.median(values[inside])) if len(inside) else float("nan")
