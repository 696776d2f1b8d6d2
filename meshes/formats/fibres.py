"""Fibres in a file of their own, on points in another order: matched by where they stand."""

from dataclasses import replace

import numpy as np
from scipy.spatial import cKDTree

from twin.meshes.errors import InputError
from twin.meshes.formats.conventions import vectors
from twin.meshes.formats.grid import Grid

CLOSE = 1e-4
"""Points of two files are the same within this fraction of the mesh's size."""


def attach_fibres(grid: Grid, other: Grid) -> Grid:
    """The first grid with the fibres of the other, at unit length."""
    elements, nodal = vectors(other.tetrahedron_fields), vectors(other.point_fields)
    if "fibre" in elements:
        places, fibres = _centres(other), elements["fibre"]
        targets, what = _centres(grid), "tetrahedra"
    elif "fibre" in nodal:
        places, fibres = other.points, nodal["fibre"]
        targets, what = grid.points, "points"
    else:
        known = ", ".join([*other.point_fields, *other.tetrahedron_fields]) or "none"
        raise InputError(f"the file of fibres has no field named fibre or fiber (it has: {known})")
    order = _match(targets, places, what)
    lengths = np.linalg.norm(fibres, axis=1)
    unit = fibres[order] / np.where(lengths > 0, lengths, 1)[order, None]
    said = f"{len(order):,} fibres matched to {what} by position"
    if len(order) != len(places) or (order != np.arange(len(order))).any():
        said += ", which stand in another order"
    if np.abs(lengths - 1).max() > 1e-3:
        said += f"; brought from length {np.median(lengths):.4g} to 1"
    remarks = (*grid.remarks, said)
    if what == "tetrahedra":
        fields = {**grid.tetrahedron_fields, "fibre": unit}
        return replace(grid, tetrahedron_fields=fields, remarks=remarks)
    return replace(grid, point_fields={**grid.point_fields, "fibre": unit}, remarks=remarks)


def _centres(grid: Grid) -> np.ndarray:
    return grid.points[grid.tetrahedra].mean(axis=1)


def _match(targets: np.ndarray, places: np.ndarray, what: str) -> np.ndarray:
    """For each target the number of the place where it stands."""
    if not (np.isfinite(targets).all() and np.isfinite(places).all()):
        raise InputError("fibres cannot be matched: some points are not finite")
    reach = CLOSE * float(np.ptp(targets, axis=0).max())
    distance, order = cKDTree(places).query(targets)
    if (distance > reach).any():
        raise InputError(
            f"{int((distance > reach).sum()):,} of {len(targets):,} {what} have no fibre in their "
            f"place (the farthest is off by {distance.max():.3g}); do both files show one mesh, "
            "in the same unit?"
        )
    return order
