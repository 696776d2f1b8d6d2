"""Epicardium, left and right endocardium, each from its own file, as one closed wall."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pyvista
from jaxtyping import Float, Int
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from twin.meshes.errors import InputError
from twin.meshes.fields.labels import with_base
from twin.meshes.heart import Boundary
from twin.meshes.surface import Surface
from twin.meshes.topology import open_edges

SAME_POINT = 1e-4
"""Part of the heart's size within which points of two surfaces are one."""


def join_walls(epicardium: Surface, left: Surface, right: Surface | None = None) -> Surface:
    """One closed surface, facing out of the myocardium, with a `Boundary` on each triangle.

    The surfaces may meet at the valves, or end open at the base, where flat rings then close the
    wall; or the cavities may lie closed within the epicardium.
    """
    walls = {Boundary.EPICARDIUM: epicardium, Boundary.LV_ENDOCARDIUM: left}
    if right is not None:
        walls[Boundary.RV_ENDOCARDIUM] = right
    parts = {kind: _facing(_weld(wall), kind) for kind, wall in walls.items()}
    _check_nested(parts)
    joined = _weld(_stacked(parts))
    joined, remark = _close(joined)
    remarks = [remark for wall in walls.values() for remark in wall.remarks]
    labels = np.asarray(joined.labels)
    if Boundary.BASE not in labels:
        joined = replace(joined, labels=with_base(joined.points, joined.triangles, labels))
    return replace(joined, remarks=(*dict.fromkeys(remarks), remark))


def cavity_volume(wall: Surface) -> float:
    """mm3 within a surface whose openings are closed by cones to the centre of each rim."""
    wall = _weld(wall)
    return abs(_facing(wall, Boundary.EPICARDIUM, sealed=True).enclosed_volume)


def _weld(surface: Surface) -> Surface:
    """Coinciding points merged, collapsed triangles left out."""
    size = np.ptp(surface.points, axis=0).max()
    pairs = cKDTree(surface.points).query_pairs(SAME_POINT * size, output_type="ndarray").T
    count = len(surface.points)
    links = coo_array((np.ones(pairs.shape[1]), tuple(pairs)), (count, count))
    _, same = connected_components(links, directed=False)
    first = np.unique(same, return_index=True)[1]
    triangles = same[surface.triangles].astype(np.int64)
    a, b, c = triangles.T
    kept = (a != b) & (b != c) & (c != a)
    labels = None if surface.labels is None else surface.labels[kept]
    points = np.asarray(surface.points, np.float64)[first]
    return Surface(points, triangles[kept], labels, remarks=surface.remarks)


def _facing(surface: Surface, kind: Boundary, *, sealed: bool = False) -> Surface:
    """The surface with its triangles turned out of the wall: epicardium outwards, endocardium
    into its cavity. `sealed` leaves its openings closed."""
    caps = _cones(surface)
    corners = np.concatenate([surface.triangles, caps[1]])
    points = np.concatenate([surface.points, caps[0]])
    mesh = pyvista.PolyData.from_regular_faces(points, corners).compute_normals(
        point_normals=False, split_vertices=False, consistent_normals=True
    )
    turned = mesh.regular_faces.astype(np.int64)
    outwards = Surface(points, turned).enclosed_volume > 0
    if outwards != (kind == Boundary.EPICARDIUM):
        turned = turned[:, ::-1]
    if sealed:
        return Surface(points, turned)
    labels = np.full(len(surface.triangles), kind, np.int8)
    return Surface(surface.points, turned[: len(labels)], labels, remarks=surface.remarks)


def _rims(triangles: Int[np.ndarray, "faces 3"]) -> list[Int[np.ndarray, "edges 2"]]:
    """Open edges, sorted into closed curves."""
    edges = open_edges(triangles)
    if len(edges) == 0:
        return []
    nodes, index = np.unique(edges, return_inverse=True)
    index = index.reshape(-1, 2)
    links = coo_array((np.ones(len(index)), tuple(index.T)), (len(nodes),) * 2)
    count, curve = connected_components(links, directed=False)
    return [edges[curve[index[:, 0]] == number] for number in range(count)]


def _cones(surface):
    """New points at the centre of each opening, and triangles from them to its rim."""
    centres, triangles = [np.zeros((0, 3))], [np.zeros((0, 3), np.int64)]
    for number, rim in enumerate(_rims(surface.triangles)):
        centres.append(surface.points[np.unique(rim)].mean(axis=0)[None])
        tip = np.full(len(rim), len(surface.points) + number)
        triangles.append(np.column_stack([rim[:, ::-1], tip]))
    return np.concatenate(centres), np.concatenate(triangles)


def _check_nested(parts: dict[Boundary, Surface]) -> None:
    """Endocardia must lie in the epicardium: else the surfaces were mixed up."""
    volumes = {kind: cavity_volume(part) / 1000 for kind, part in parts.items()}
    inner = sum(volume for kind, volume in volumes.items() if kind != Boundary.EPICARDIUM)
    if inner >= volumes[Boundary.EPICARDIUM]:
        listed = ", ".join(f"{kind.name} {volume:.0f} ml" for kind, volume in volumes.items())
        raise InputError(f"the cavities are larger than the heart ({listed}); were files swapped?")


def _stacked(parts: dict[Boundary, Surface]) -> Surface:
    start = np.cumsum([0, *(len(part.points) for part in parts.values())])
    return Surface(
        np.concatenate([part.points for part in parts.values()]),
        np.concatenate(
            [part.triangles + n for part, n in zip(parts.values(), start[:-1], strict=True)]
        ),
        np.concatenate([part.labels for part in parts.values()]),
    )


def _close(surface: Surface) -> tuple[Surface, str]:
    """The openings that are left closed by flat rings of base, and what was done."""
    rims = _rims(surface.triangles)
    if not rims:
        return surface, "the surfaces close the wall together"
    outer, inner = _sides(surface, rims)
    if not outer or not inner:
        raise InputError(
            f"{len(rims)} openings remain in one wall alone; the epicardium and the endocardia "
            "must be open at the same places, or closed"
        )
    rings = [
        _ring(surface.points, rim, around) for rim, around in _pair(surface.points, outer, inner)
    ]
    base = np.concatenate(rings)
    labels = np.concatenate([surface.labels, np.full(len(base), Boundary.BASE, np.int8)])
    closed = Surface(surface.points, np.concatenate([surface.triangles, base]), labels)
    closed = _turn_base(closed)
    left_open = len(open_edges(closed.triangles))
    if left_open:
        raise InputError(f"{left_open:,} edges stay open after the base was closed; mend the rims")
    return closed, f"{len(rings)} flat rings of base put between the rims of the walls"


def _sides(surface, rims):
    """Rims of the epicardium, and rims of endocardia."""
    edges = np.sort(surface.triangles[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2), axis=1)
    kind = {
        tuple(edge): label
        for edge, label in zip(edges.tolist(), np.repeat(surface.labels, 3), strict=True)
    }
    outside = [kind[tuple(sorted(rim[0].tolist()))] == Boundary.EPICARDIUM for rim in rims]
    outer = [rim for rim, out in zip(rims, outside, strict=True) if out]
    return outer, [rim for rim, out in zip(rims, outside, strict=True) if not out]


def _pair(points, outer, inner):
    """Each rim of the epicardium with the rims of endocardia nearest to it."""
    centres = np.array([points[np.unique(rim)].mean(axis=0) for rim in outer])
    nearest = [
        int(np.linalg.norm(centres - points[np.unique(rim)].mean(axis=0), axis=1).argmin())
        for rim in inner
    ]
    for number, rim in enumerate(outer):
        within = [other for other, near in zip(inner, nearest, strict=True) if near == number]
        if not within:
            raise InputError("an opening of the epicardium has no endocardium in it")
        yield rim, within


def _ring(
    points: Float[np.ndarray, "points 3"],
    rim: Int[np.ndarray, "edges 2"],
    holes: Sequence[Int[np.ndarray, "edges 2"]],
) -> Int[np.ndarray, "faces 3"]:
    """Triangles between an outer rim and those within it, seen along the rim's normal."""
    edges = np.concatenate([rim, *holes])
    nodes, index = np.unique(edges, return_inverse=True)
    centre = points[np.unique(rim)].mean(axis=0)
    flat = np.linalg.svd(points[np.unique(rim)] - centre, full_matrices=False)[2][:2]
    plane = np.column_stack([(points[nodes] - centre) @ flat.T, np.zeros(len(nodes))])
    lines = np.column_stack([np.full(len(edges), 2), index.reshape(-1, 2)]).ravel()
    filled = pyvista.PolyData(plane, lines=lines).triangulate_contours()
    return nodes[filled.regular_faces]


def _turn_base(surface: Surface) -> Surface:
    """The new triangles turned to agree with the walls they join."""
    mesh = pyvista.PolyData.from_regular_faces(surface.points, surface.triangles).compute_normals(
        point_normals=False, split_vertices=False, consistent_normals=True
    )
    triangles = mesh.regular_faces.astype(np.int64)
    turned = Surface(surface.points, triangles, surface.labels)
    return turned if turned.enclosed_volume > 0 else replace(turned, triangles=triangles[:, ::-1])
