"""How faults of points and tetrahedra are mended: each function takes a volume to a better one.

Each says in a few words what it did. None moves, drops or renumbers what is not faulty, except
that points nobody uses any more go with the tetrahedra that used them.
"""

from dataclasses import replace

import numpy as np

from twin.meshes import topology
from twin.meshes.checking.examination import FLAT, Examination
from twin.meshes.meshing.quality import scaled_jacobian
from twin.meshes.volume import Volume

ROUNDS = 20
MOST_FLAT = 500
"""More flat tetrahedra than this are a mesh to make anew, not to mend."""

MIRROR = [0, 1, 3, 2]
EDGES = np.array([[0, 1], [0, 2], [0, 3], [1, 2], [1, 3], [2, 3]])

Mended = tuple[Volume, str]


def keep_tetrahedra(volume: Volume, kept: np.ndarray) -> Volume:
    """The volume of some tetrahedra; the points that only the others used go with them."""
    dropped, remaining = volume.tetrahedra[~kept], volume.tetrahedra[kept]
    inside = (dropped >= 0) & (dropped < len(volume.points))
    orphaned = np.zeros(len(volume.points), bool)
    orphaned[dropped[inside]] = True
    orphaned[remaining] = False
    fields = {name: _subset(field, kept) for name, field in volume.element_fields.items()}
    volume = replace(volume, tetrahedra=remaining, element_fields=fields)
    return keep_points(volume, ~orphaned)


def keep_points(volume: Volume, kept: np.ndarray) -> Volume:
    """The volume without points that no tetrahedron uses, nor the triangles that use them."""
    if kept.all():
        return volume
    number = np.cumsum(kept) - 1
    triangles, labels = volume.triangles, volume.boundary
    exists = (triangles >= 0) & (triangles < len(kept))
    inside = (exists & kept[np.where(exists, triangles, 0)]).all(axis=1)
    if len(labels) == len(triangles):
        labels = labels[inside]
    fields = {name: _subset(field, kept) for name, field in volume.point_fields.items()}
    return replace(
        volume,
        points=volume.points[kept],
        tetrahedra=number[volume.tetrahedra].astype(volume.tetrahedra.dtype),
        triangles=number[triangles[inside]].astype(triangles.dtype),
        boundary=labels,
        point_fields=fields,
    )


def _subset(field, kept):
    return field[kept] if len(field) == len(kept) else field


def place_points(volume: Volume) -> Mended:
    """A point without a place goes amid its neighbours if they all have one, else it is dropped."""
    points, corners = np.array(volume.points), volume.tetrahedra
    lost = ~np.isfinite(points).all(axis=1)
    number_lost = lost[corners].sum(axis=1)
    alone = lost.copy()
    alone[corners[number_lost > 1].ravel()] = False
    alone[np.setdiff1d(np.arange(len(points)), corners[number_lost == 1])] = False
    mesh = Examination(volume)
    for node in np.flatnonzero(alone):
        points[node] = _amid(mesh, node)
    kept = ~(lost & ~alone)[corners].any(axis=1)
    volume = keep_tetrahedra(replace(volume, points=points), kept)
    volume = keep_points(volume, np.isfinite(volume.points).all(axis=1))
    placed, gone = int(alone.sum()), int((lost & ~alone).sum())
    return volume, f"placed {placed:,} amid their neighbours, dropped {gone:,}"


def drop_outside(volume: Volume) -> Mended:
    corners = volume.tetrahedra
    kept = ((corners >= 0) & (corners < len(volume.points))).all(axis=1)
    return _keep(volume, kept)


def drop_collapsed(volume: Volume) -> Mended:
    return _keep(volume, ~Examination(volume).collapsed)


def drop_repeated(volume: Volume) -> Mended:
    return _keep(volume, ~Examination(volume).repeated)


def drop_unreferenced(volume: Volume) -> Mended:
    referenced = Examination(volume).referenced
    return keep_points(volume, referenced), f"dropped {int((~referenced).sum()):,} points"


def keep_largest(volume: Volume) -> Mended:
    return _keep(volume, Examination(volume).components == 0)


def _keep(volume, kept):
    """Drop tetrahedra and say how many and what share of all they were."""
    count = int((~kept).sum())
    if count == 0:
        return volume, ""
    share = count / max(len(kept), 1)
    said = f"dropped {count:,} tetrahedra, {share:.2g} of all"
    return keep_tetrahedra(volume, kept), said


def merge_points(volume: Volume) -> Mended:
    """Points that coincide become the first of them; a tetrahedron of two of them collapses."""
    mesh = Examination(volume)
    first = mesh.representative
    volume = replace(
        volume,
        tetrahedra=first[volume.tetrahedra].astype(volume.tetrahedra.dtype),
        triangles=first[volume.triangles].astype(volume.triangles.dtype),
    )
    kept = first == np.arange(len(first))
    return keep_points(volume, kept), f"merged {int((~kept).sum()):,} points into earlier ones"


def flip_inverted(volume: Volume) -> Mended:
    inverted = Examination(volume).quality <= -FLAT
    if not inverted.any():
        return volume, ""
    tetrahedra = np.array(volume.tetrahedra)
    tetrahedra[inverted] = tetrahedra[inverted][:, MIRROR]
    return replace(volume, tetrahedra=tetrahedra), f"renumbered {int(inverted.sum()):,} tetrahedra"


def untangle(volume: Volume) -> Mended:
    """The node in most overlapping tetrahedra moves amid its neighbours, until none is left."""
    mesh = Examination(volume)
    tried: list[int] = []
    moved = 0
    while len(mesh.overlapping) and len(tried) < ROUNDS:
        count = np.bincount(mesh.tetrahedra[mesh.overlapping].ravel(), minlength=len(mesh.points))
        count[tried] = 0
        node = int(count.argmax())
        tried.append(node)
        points = np.array(mesh.volume.points)
        points[node] = _amid(mesh, node)
        better = Examination(replace(mesh.volume, points=points))
        if len(better.overlapping) < len(mesh.overlapping):
            mesh, moved = better, moved + 1
    return mesh.volume, f"moved {moved:,} nodes back amid their neighbours" if moved else ""


def _amid(mesh, node):
    """Mean of a node's neighbours; on the boundary, of its neighbours there."""
    around = mesh.boundary[(mesh.boundary == node).any(axis=1)]
    if len(around) == 0:
        around = mesh.tetrahedra[(mesh.tetrahedra == node).any(axis=1)]
    return mesh.points[np.setdiff1d(around, node)].mean(axis=0)


def mend_flat(volume: Volume) -> Mended:
    """For each flat tetrahedron: drop it at the boundary, else move a node, else collapse an edge.

    A move or collapse counts only if all tetrahedra around come out sound.
    """
    done = {"dropped": 0, "moved": 0, "collapsed": 0}
    for _ in range(MOST_FLAT):
        mesh = Examination(volume)
        flat = np.flatnonzero(mesh.flat)
        if len(flat) == 0 or len(flat) > MOST_FLAT:
            break
        for way, attempt in (("dropped", _drop), ("moved", _move), ("collapsed", _collapse)):
            better = next((b for row in flat if (b := attempt(mesh, row)) is not None), None)
            if better is not None:
                volume, done[way] = better, done[way] + 1
                break
        else:
            break
    return volume, ", ".join(f"{way} {count:,}" for way, count in done.items() if count)


def _move(mesh, row):
    """Move a node of the tetrahedron amid its neighbours."""
    for node in mesh.tetrahedra[row]:
        star = mesh.tetrahedra[(mesh.tetrahedra == node).any(axis=1)]
        points = np.array(mesh.volume.points)
        points[node] = _amid(mesh, node)
        if scaled_jacobian(points, star).min() >= FLAT:
            return replace(mesh.volume, points=points)
    return None


def _collapse(mesh, row):
    """Move one end of an edge onto the other, shortest edge first."""
    on_boundary = np.zeros(len(mesh.points), bool)
    on_boundary[mesh.boundary] = True
    edges = mesh.tetrahedra[row][EDGES]
    length = np.linalg.norm(mesh.points[edges[:, 0]] - mesh.points[edges[:, 1]], axis=1)
    for edge in edges[np.argsort(length)]:
        for gone, kept in (edge, edge[::-1]):
            if not on_boundary[gone] and _can_collapse(mesh, gone, kept):
                tetrahedra = np.where(mesh.tetrahedra == gone, kept, mesh.tetrahedra)
                tetrahedra = tetrahedra.astype(mesh.volume.tetrahedra.dtype)
                volume = replace(mesh.volume, tetrahedra=tetrahedra)
                return keep_tetrahedra(volume, ~Examination(volume).collapsed)
    return None


def _can_collapse(mesh, gone, kept):
    """The link condition, and no tetrahedron around becomes flat or inverted."""
    at_gone = (mesh.tetrahedra == gone).any(axis=1)
    at_kept = (mesh.tetrahedra == kept).any(axis=1)
    common = np.intersect1d(mesh.tetrahedra[at_gone], mesh.tetrahedra[at_kept])
    if len(common) != len(np.unique(mesh.tetrahedra[at_gone & at_kept])):
        return False
    star = mesh.tetrahedra[at_gone & ~at_kept]
    points = np.array(mesh.points)
    points[gone] = points[kept]
    return bool(scaled_jacobian(points, star).min(initial=np.inf) >= FLAT)


def _drop(mesh, row):
    """Drop the tetrahedron if it lies at the boundary and leaves that a manifold."""
    corners = mesh.tetrahedra[row]
    faces = np.sort(topology.tetrahedron_faces(corners[None]), axis=1)
    at_boundary = topology.repeated_rows(np.vstack([np.sort(mesh.boundary, axis=1), faces]))[-4:]
    inner = faces[~at_boundary]
    if len(inner) == 4 or (len(inner) == 3 and (mesh.boundary == corners[at_boundary][0]).any()):
        return None
    if len(inner) == 2:
        edge = np.intersect1d(*inner)
        if (np.isin(mesh.boundary, edge).sum(axis=1) == 2).any():
            return None
    return keep_tetrahedra(mesh.volume, np.arange(len(mesh.tetrahedra)) != row)


def part_touching_walls(volume: Volume) -> Mended:
    """Where walls touch along an edge or in a node, the smaller side's tetrahedra there go."""
    dropped = 0
    for _ in range(ROUNDS):
        mesh = Examination(volume)
        edges = topology.non_manifold_edges(mesh.boundary)
        nodes = topology.non_manifold_nodes(mesh.boundary)
        places = [*edges, *nodes[~np.isin(nodes, edges)].reshape(-1, 1)]
        drop = np.zeros(len(mesh.tetrahedra), bool)
        for place in places:
            drop[_smaller_sides(mesh.tetrahedra, place)] = True
        if not drop.any():
            break
        dropped += int(drop.sum())
        volume = keep_tetrahedra(volume, ~drop)
    return volume, f"dropped {dropped:,} tetrahedra" if dropped else ""


def _smaller_sides(tetrahedra, place):
    """The tetrahedra at some nodes that shared faces at these nodes do not join to the most."""
    rows = np.flatnonzero(np.isin(tetrahedra, place).sum(axis=1) == len(place))
    faces = topology.tetrahedron_faces(tetrahedra[rows])
    one, other = topology.shared_faces(tetrahedra[rows])
    at_place = np.isin(faces[one], place).sum(axis=1) == len(place)
    sides = topology.label_components(one[at_place] // 4, other[at_place] // 4, len(rows))
    return rows[sides > 0]


def fill_voids(volume: Volume) -> Mended:
    """A void of four faces on four nodes is a tetrahedron that is missing."""
    mesh = Examination(volume)
    component = topology.surface_components(mesh.boundary)
    missing = []
    for label in np.flatnonzero(np.bincount(component) == 4):
        faces = mesh.boundary[component == label]
        nodes = np.unique(faces)
        if len(nodes) == 4:
            missing.append([*faces[0], *np.setdiff1d(nodes, faces[0])])
    if not missing:
        return volume, ""
    added = np.array(missing, volume.tetrahedra.dtype)
    kept = scaled_jacobian(mesh.points, added) > FLAT
    added = added[kept]
    source = [np.flatnonzero(np.isin(mesh.tetrahedra, row).sum(axis=1) == 3)[0] for row in added]
    fields = {
        name: np.concatenate([field, field[source]])
        for name, field in volume.element_fields.items()
        if len(field) == len(volume.tetrahedra)
    }
    tetrahedra = np.vstack([volume.tetrahedra, added])
    filled = replace(volume, tetrahedra=tetrahedra, element_fields=fields)
    return filled, f"filled {len(added):,} voids of one tetrahedron"
