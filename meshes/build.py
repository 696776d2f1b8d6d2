"""A heart out of a tetrahedral mesh: labels, coordinates and fibres, each where it is missing."""

from dataclasses import asdict

import numpy as np

from twin.meshes.errors import InputError
from twin.meshes.fields.coordinates import compute_coordinates
from twin.meshes.fields.fibres import STANDARD_RULE, FibreRule, rule_based_fibres
from twin.meshes.fields.labels import find_boundary, with_base
from twin.meshes.fields.laplace import unit
from twin.meshes.heart import Boundary, Fibres, Heart, signed_volumes
from twin.meshes.progress import Progress, silent
from twin.meshes.topology import boundary_triangles, row_keys
from twin.meshes.volume import Volume


def build_heart(
    volume: Volume, *, rule: FibreRule = STANDARD_RULE, progress: Progress = silent
) -> Heart:
    """Complete a mesh to a heart, keeping the boundary labels and the fibres it came with.

    Tetrahedra numbered inside out are turned; a mesh that is worse than that needs `repair` first.
    """
    points, tetrahedra = _turned(volume)
    progress("labels", 0.0)
    triangles, boundary = _boundary(points, tetrahedra, volume)
    progress("coordinates", 0.1)
    coordinates = compute_coordinates(points, tetrahedra, triangles, boundary)
    progress("fibres", 0.85)
    ruled = rule_based_fibres(points, tetrahedra, coordinates, rule)
    given = _given(volume, "fibre", tetrahedra)
    fibres = ruled if given is None else _adopted(volume, tetrahedra, given, ruled)
    progress("fibres", 1.0)
    provenance = {
        **volume.provenance,
        "labels": "given" if len(volume.triangles) else "found",
        "fibres": asdict(rule) if given is None else "given",
    }
    return Heart(points, tetrahedra, triangles, boundary, coordinates, fibres, provenance)


def _turned(volume: Volume) -> tuple[np.ndarray, np.ndarray]:
    """Points in double precision, and tetrahedra numbered so that every volume is positive."""
    if len(volume.points) == 0 or len(volume.tetrahedra) == 0:
        raise InputError(
            f"the mesh has {len(volume.points):,} points and {len(volume.tetrahedra):,} "
            "tetrahedra; a heart needs both. Is it a surface? Then mesh it first"
        )
    points = np.asarray(volume.points, float)
    tetrahedra = np.array(volume.tetrahedra)
    inverted = signed_volumes(points, tetrahedra) < 0
    tetrahedra[inverted] = tetrahedra[inverted][:, [1, 0, 2, 3]]
    return points, tetrahedra


def _boundary(
    points: np.ndarray, tetrahedra: np.ndarray, volume: Volume
) -> tuple[np.ndarray, np.ndarray]:
    """All boundary triangles, with the labels that came along; the others are found."""
    triangles = boundary_triangles(tetrahedra)
    rows = np.sort(np.concatenate([triangles, volume.triangles]), axis=1)
    keys = row_keys(rows)
    own, given = keys[: len(triangles)], keys[len(triangles) :]
    order = np.argsort(given, kind="stable")
    place = np.minimum(np.searchsorted(given, own, sorter=order), max(len(given) - 1, 0))
    labels = np.zeros(len(triangles), np.int8)
    if len(given):
        match = order[place]
        labels = np.where(given[match] == own, volume.boundary[match], 0).astype(np.int8)
    if (labels == 0).any():
        triangles, found = find_boundary(points, tetrahedra)
        labels = np.where(labels == 0, found, labels)
    if not (labels == Boundary.BASE).any():
        labels = with_base(points, triangles, labels)
    return triangles, labels


def _given(volume: Volume, name: str, tetrahedra: np.ndarray) -> np.ndarray | None:
    """A direction that came with the mesh, in each tetrahedron; nodal ones are averaged as axes."""
    if name in volume.element_fields:
        return np.asarray(volume.element_fields[name], float)
    if name not in volume.point_fields:
        return None
    corners = unit(np.asarray(volume.point_fields[name], float))[tetrahedra]
    moments = np.einsum("tcx,tcy->txy", corners, corners)
    return np.where(moments.any(axis=(1, 2))[:, None], np.linalg.eigh(moments)[1][:, :, -1], 0)


def _adopted(volume: Volume, tetrahedra: np.ndarray, fibre: np.ndarray, ruled: Fibres) -> Fibres:
    """Triads along the given fibres and sheets; by the rule where these say nothing."""
    fibre = _or_else(fibre, ruled.fibre)
    given = _given(volume, "sheet", tetrahedra)
    sheet = _across(_or_else(ruled.sheet if given is None else given, ruled.sheet), fibre)
    for other in (ruled.sheet, ruled.normal):
        sheet = np.where(
            np.linalg.norm(sheet, axis=1, keepdims=True) < 0.1, _across(other, fibre), sheet
        )
    sheet = unit(sheet)
    return Fibres(fibre, sheet, np.cross(fibre, sheet))


def _or_else(directions: np.ndarray, fallback: np.ndarray) -> np.ndarray:
    usable = np.isfinite(directions).all(axis=1) & (np.linalg.norm(directions, axis=1) > 1e-6)
    return np.where(usable[:, None], unit(np.where(usable[:, None], directions, 0)), fallback)


def _across(directions: np.ndarray, fibre: np.ndarray) -> np.ndarray:
    """The part of each direction at right angles to the fibre."""
    return directions - (directions * fibre).sum(axis=1, keepdims=True) * fibre
