"""Tetrahedral meshes of solids, from a body-centred cubic lattice."""

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from twin.meshes.errors import InputError
from twin.meshes.progress import Progress, silent
from twin.meshes.solid import Solid
from twin.meshes.stuffing import boundary_faces, stuff
from twin.meshes.volume import Volume

BLOCKS = (8, 4, 2, 1)
CAUTION = 1.5


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
    points, tetrahedra, values = _lattice(solid, spacing)
    progress("stuffing", 0.4)
    points, tetrahedra = stuff(points, tetrahedra, values, solid.distance)
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


def _lattice(solid, spacing):
    """Points, tetrahedra and distances of the lattice wherever it touches the solid."""
    low, high = solid.bounds
    low = low - 2 * spacing
    shape = (np.ceil((high - low) / spacing).astype(int) + 2 + 7) // 8 * 8
    centres = _centre_values(solid, spacing, low, shape)
    corners = _corner_values(solid, spacing, low, shape, centres)
    tetrahedra = _tetrahedra(centres, corners)
    grid = np.concatenate([
        np.moveaxis(np.indices(centres.shape), 0, -1).reshape(-1, 3) + 0.5,
        np.moveaxis(np.indices(corners.shape), 0, -1).reshape(-1, 3),
    ])  # fmt: skip
    values = np.concatenate([centres.ravel(), corners.ravel()])
    used, number = np.unique(tetrahedra, return_inverse=True)
    return low + spacing * grid[used], number.reshape(-1, 4), values[used]


def _centre_values(solid, spacing, low, shape):
    values = np.full(shape, np.inf)
    cells = np.stack(np.meshgrid(*(np.arange(0, n, 8) for n in shape), indexing="ij"), -1)
    cells = cells.reshape(-1, 3)
    for size in BLOCKS:
        distance = solid.distance(low + spacing * (cells + size / 2))
        reach = CAUTION * (0.87 * size + 1) * spacing
        deep = cells[distance < -reach]
        near = np.abs(distance) <= reach
        if size == 1:
            values[tuple(cells.T)] = distance
            break
        offsets = np.moveaxis(np.indices((size,) * 3), 0, -1).reshape(-1, 3)
        inside = (deep[:, None] + offsets).reshape(-1, 3)
        values[tuple(inside.T)] = -np.inf
        halves = np.moveaxis(np.indices((2, 2, 2)), 0, -1).reshape(-1, 3) * (size // 2)
        cells = (cells[near][:, None] + halves).reshape(-1, 3)
    return values


def _corner_values(solid, spacing, low, shape, centres):
    reach = CAUTION * 1.87 * spacing
    near = np.zeros(np.array(shape) + 1, bool)
    values = np.full(near.shape, np.inf)
    close = np.abs(centres) <= reach
    deep = centres < -reach
    n = centres.shape
    for i, j, k in np.ndindex(2, 2, 2):
        at = (slice(i, n[0] + i), slice(j, n[1] + j), slice(k, n[2] + k))
        near[at] |= close
        values[at][deep] = -np.inf
    values[near] = solid.distance(low + spacing * np.argwhere(near))
    return values


def _tetrahedra(centres, corners):
    """Two neighbouring centres and each edge of the face between them."""
    number = np.arange(centres.size).reshape(centres.shape)
    corner = np.arange(corners.size).reshape(corners.shape) + centres.size
    found = []
    for axis in range(3):
        to = [slice(None)] * 3
        to[axis] = slice(1, None)
        fro = [slice(None)] * 3
        fro[axis] = slice(None, -1)
        a, b = number[tuple(fro)], number[tuple(to)]
        others = [x for x in range(3) if x != axis]
        ring = []
        for u, v in ((0, 0), (1, 0), (1, 1), (0, 1)):
            at = [slice(None)] * 3
            at[axis] = slice(1, -1)
            at[others[0]] = slice(u, u + a.shape[others[0]])
            at[others[1]] = slice(v, v + a.shape[others[1]])
            ring.append(corner[tuple(at)])
        value = np.minimum(centres[tuple(fro)], centres[tuple(to)])
        flat = corners.ravel()
        for r in ring:
            value = np.minimum(value, flat[r - centres.size])
        used = value < 0
        for one, two in zip(ring, ring[1:] + ring[:1], strict=True):
            found.append(np.stack([a[used], b[used], one[used], two[used]], axis=1))
    return np.concatenate(found)


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
