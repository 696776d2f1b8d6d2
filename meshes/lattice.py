"""Tetrahedral meshes of solids, from a body-centred cubic lattice."""

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from twin.meshes.errors import InputError
from twin.meshes.octree import Grid, build_lattice, find_cells
from twin.meshes.progress import Progress, silent
from twin.meshes.solid import Solid
from twin.meshes.stuffing import boundary_faces, stuff
from twin.meshes.thickness import refinement_levels
from twin.meshes.volume import Volume



def mesh_solid(
    solid: Solid,
    *,
    spacing: float | None = None,
    nodes: int | None = None,
    progress: Progress = silent,
) -> Volume:
    """Tetrahedra that fill the solid, their boundary and its labels.

    `spacing` is the side of the lattice's cubes, mm: edges are 0.87 and 1 of it. `nodes` chooses
    the spacing that gives about so many nodes.
    """
    if (spacing is None) == (nodes is None):
        raise InputError("mesh_solid: give either the spacing in mm or the number of nodes")
    if spacing is None:
        spacing = _spacing_for(solid, nodes)
    progress("lattice", 0.0)
    grid = Grid.around(solid, spacing)
    cells = find_cells(solid, grid)
    levels = refinement_levels(solid, grid, cells)
    lattice = build_lattice(solid, grid, cells, levels)
    progress("stuffing", 0.4)
    points, tetrahedra = stuff(lattice, solid.distance)
    points, tetrahedra = _largest_part(points, tetrahedra)
    points, tetrahedra = _in_order(points, tetrahedra)
    triangles, _ = boundary_faces(tetrahedra)
    labels = solid.label(points[triangles].mean(axis=1))
    progress("stuffing", 1.0)
    return Volume(points, tetrahedra, triangles, labels, provenance={"spacing": spacing})


def _spacing_for(solid, nodes):
    low, high = solid.bounds
    trial = float(np.prod(high - low) / 30_000) ** (1 / 3)
    mesh = mesh_solid(solid, spacing=trial)
    return trial * (len(mesh.points) / nodes) ** (1 / 2.85)


def _largest_part(points, tetrahedra):
    count = len(points)
    rows = np.repeat(tetrahedra[:, 0], 3)
    graph = coo_matrix(
        (np.ones(len(rows), np.int8), (rows, tetrahedra[:, 1:].ravel())), (count, count)
    )
    parts, part = connected_components(graph, directed=False)
    if parts > 1:
        kept = part[tetrahedra[:, 0]] == np.bincount(part[tetrahedra[:, 0]]).argmax()
        used, number = np.unique(tetrahedra[kept], return_inverse=True)
        return points[used], number.reshape(-1, 4)
    return points, tetrahedra


def _in_order(points, tetrahedra):
    """Points along a space-filling curve and tetrahedra by their first point, for locality."""
    order = np.argsort(_morton(points), kind="stable")
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    tetrahedra = place[tetrahedra]
    return points[order], tetrahedra[np.lexsort(np.sort(tetrahedra, axis=1).T[::-1])]


def _morton(points):
    """Position along the Z-order curve, 21 bits an axis."""
    low, size = points.min(axis=0), np.ptp(points, axis=0).max()
    cell = ((points - low) / size * (2**21 - 1)).astype(np.uint64)
    for shift, mask in (
        (32, 0x1F00000000FFFF),
        (16, 0x1F0000FF0000FF),
        (8, 0x100F00F00F00F00F),
        (4, 0x10C30C30C30C30C3),
        (2, 0x1249249249249249),
    ):
        cell = (cell | (cell << np.uint64(shift))) & np.uint64(mask)
    return cell[:, 0] | (cell[:, 1] << np.uint64(1)) | (cell[:, 2] << np.uint64(2))
