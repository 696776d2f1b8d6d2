"""Every fault of a mesh, made on purpose in a sound one whose walls and fibres are known."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from twin.benchmarks.ellipsoid import TruncatedEllipsoid
from twin.meshes import topology
from twin.meshes.heart import Boundary
from twin.meshes.meshing.quality import scaled_jacobian
from twin.meshes.volume import Volume


@cache
def sound(layers: int = 3) -> Volume:
    """A left ventricle without a fault: labels, and fibres along the circumference."""
    ellipsoid = TruncatedEllipsoid()
    volume = ellipsoid.volume(layers)
    axes = ellipsoid.axes(volume.points[volume.tetrahedra].mean(axis=1))
    fields = {name: axes[:, i].copy() for i, name in enumerate(("fibre", "sheet", "normal"))}
    return replace(volume, element_fields=fields)


@dataclass(frozen=True)
class Broken:
    """`make` puts `count` faults called `name` into a sound volume, the first one at `first`."""

    name: str
    make: Callable[[Volume], Volume]
    count: int
    first: tuple[int, ...] = ()
    mendable: bool = True
    unit: str | None = None


def interior_nodes(volume: Volume) -> np.ndarray:
    return np.setdiff1d(volume.tetrahedra, topology.boundary_triangles(volume.tetrahedra))


def _field(volume, name, change):
    """The volume with one field of its elements changed in place."""
    field = np.array(volume.element_fields[name])
    changed = change(field)
    field = field if changed is None else changed
    return replace(volume, element_fields={**volume.element_fields, name: field})


def _row(index, value):
    def change(array):
        array[index] = value

    return change


def _array(name, change):
    """A maker that changes one of the volume's arrays in place."""

    def make(volume):
        array = np.array(getattr(volume, name))
        change(array)
        return replace(volume, **{name: array})

    return make


def _fibre(name, change):
    return lambda volume: _field(volume, name, change)


def _append(volume, tetrahedra, points=()):
    """The volume with more tetrahedra, whose fibres are those of tetrahedron 0, and points."""
    tetrahedra = np.array(tetrahedra).reshape(-1, 4)
    fields = {
        name: np.concatenate([field, np.repeat(field[:1], len(tetrahedra), axis=0)])
        for name, field in volume.element_fields.items()
    }
    return replace(
        volume,
        points=np.vstack([volume.points, *points]),
        tetrahedra=np.vstack([volume.tetrahedra, tetrahedra]),
        element_fields=fields,
    )


def _without(volume, rows):
    kept = np.ones(len(volume.tetrahedra), bool)
    kept[rows] = False
    fields = {name: field[kept] for name, field in volume.element_fields.items()}
    return replace(volume, tetrahedra=volume.tetrahedra[kept], element_fields=fields)


def _invert(volume):
    tetrahedra = np.array(volume.tetrahedra)
    tetrahedra[[3, 7]] = tetrahedra[[3, 7]][:, [1, 0, 2, 3]]
    return replace(volume, tetrahedra=tetrahedra)


def _push_through(volume):
    """An interior node pushed through the opposite face of a tetrahedron."""
    return _move_towards_face(volume, -0.5)


def _flatten_boundary(volume):
    """A tetrahedron of no height laid onto a boundary face."""
    face = topology.boundary_triangles(volume.tetrahedra)[0]
    middle = volume.points[face].mean(axis=0)
    return _append(volume, [*face[[0, 2, 1]], len(volume.points)], [middle])


def _flatten_interior(volume):
    """An interior node moved almost into the opposite face of a tetrahedron."""
    return _move_towards_face(volume, 1e-4)


def _squeeze(volume):
    """An interior node moved close to the opposite face of a tetrahedron."""
    return _move_towards_face(volume, 0.05)


def _move_towards_face(volume, share):
    """An interior node left with a share of its distance from the opposite face."""
    node = interior_nodes(volume)[300]
    row = np.flatnonzero((volume.tetrahedra == node).any(axis=1))[0]
    opposite = volume.points[np.setdiff1d(volume.tetrahedra[row], node)].mean(axis=0)
    points = np.array(volume.points)
    points[node] = opposite + share * (points[node] - opposite)
    return replace(volume, points=points)


def _tear(volume):
    """A node that is two for the tetrahedra on its two sides."""
    node = interior_nodes(volume)[0]
    star = np.flatnonzero((volume.tetrahedra == node).any(axis=1))
    tetrahedra = np.array(volume.tetrahedra)
    side = tetrahedra[star[: len(star) // 2]]
    tetrahedra[star[: len(star) // 2]] = np.where(side == node, len(volume.points), side)
    points = np.vstack([volume.points, volume.points[node]])
    return replace(volume, points=points, tetrahedra=tetrahedra)


def _beside(volume):
    """A second body of one tetrahedron."""
    corners = volume.points[volume.tetrahedra[0]] + [0.0, 0.0, 40.0]
    return _append(volume, len(volume.points) + np.arange(4), [corners])


def _groove(volume):
    """A boundary edge that loses the middle one of the tetrahedra around it."""
    edges = topology.triangle_edges(topology.boundary_triangles(volume.tetrahedra))
    neighbours = topology.face_neighbours(volume.tetrahedra)
    for edge in edges:
        around = np.flatnonzero(np.isin(volume.tetrahedra, edge).sum(axis=1) == 2)
        faces = np.sort(topology.tetrahedron_faces(volume.tetrahedra[around]), axis=1)
        at_edge = np.isin(faces, edge).sum(axis=1) == 2
        shared = neighbours[around].reshape(-1)
        between = (shared[at_edge] >= 0).reshape(-1, 2).all(axis=1)
        if between.sum() >= 2:
            return _without(volume, around[between][0])
    raise AssertionError("no boundary edge has four tetrahedra")


def _spike(volume):
    """A tetrahedron that shares its boundary node with others, but no edge there."""
    neighbours = topology.face_neighbours(volume.tetrahedra)
    on_boundary = ~np.isin(volume.tetrahedra, interior_nodes(volume))
    for row in np.flatnonzero((on_boundary.sum(axis=1) == 1) & (neighbours >= 0).all(axis=1)):
        node = volume.tetrahedra[row][on_boundary[row]]
        star = (volume.tetrahedra == node).any(axis=1)
        star &= np.isin(volume.tetrahedra, volume.tetrahedra[row]).sum(axis=1) > 1
        spiked = _without(volume, np.setdiff1d(np.flatnonzero(star), row))
        faces = topology.boundary_triangles(spiked.tetrahedra)
        if len(topology.non_manifold_edges(faces)) == 0:
            return spiked
    raise AssertionError("every tetrahedron that is freed touches others along an edge")


def _hollow(volume):
    """A tetrahedron missing amid the others."""
    inside = (topology.face_neighbours(volume.tetrahedra) >= 0).all(axis=1)
    interior = np.isin(volume.tetrahedra, interior_nodes(volume)).sum(axis=1) >= 1
    on_boundary = ~np.isin(volume.tetrahedra, interior_nodes(volume))
    return _without(volume, np.flatnonzero(inside & interior & (on_boundary.sum(axis=1) <= 1))[0])


def _add_inner_triangle(volume):
    row = np.flatnonzero((topology.face_neighbours(volume.tetrahedra) >= 0).all(axis=1))[0]
    return replace(
        volume,
        triangles=np.vstack([volume.triangles, volume.tetrahedra[row, :3]]),
        boundary=np.append(volume.boundary, Boundary.EPICARDIUM).astype(np.int8),
    )


def _pierce(volume):
    """A hole of 12 mm through the wall, its side taken for epicardium."""
    centroids = volume.points[volume.tetrahedra].mean(axis=1)
    hole = (np.hypot(centroids[:, 1], centroids[:, 2] + 15) < 6) & (centroids[:, 0] > 0)
    pierced = _without(volume, hole)
    faces = topology.boundary_triangles(pierced.tetrahedra)
    rows = zip(volume.triangles.tolist(), volume.boundary, strict=True)
    known = {frozenset(triangle): label for triangle, label in rows}
    labels = [known.get(frozenset(face), Boundary.EPICARDIUM) for face in faces.tolist()]
    used, tetrahedra = np.unique(pierced.tetrahedra, return_inverse=True)
    return replace(
        pierced,
        points=volume.points[used],
        tetrahedra=tetrahedra.reshape(-1, 4),
        triangles=np.searchsorted(used, faces),
        boundary=np.array(labels, np.int8),
    )


def _collapse(volume):
    """An interior node that lies on its neighbour and bears its number."""
    node = interior_nodes(volume)[300]
    star = volume.tetrahedra[(volume.tetrahedra == node).any(axis=1)]
    for neighbour in np.setdiff1d(star, node):
        tetrahedra = np.where(volume.tetrahedra == node, neighbour, volume.tetrahedra)
        sound_ones = (np.diff(np.sort(tetrahedra, axis=1), axis=1) > 0).all(axis=1)
        if scaled_jacobian(volume.points, tetrahedra[sound_ones]).min() > 0.05:
            return replace(volume, tetrahedra=tetrahedra)
    raise AssertionError("no neighbour can take the place of the node")


def _mirror(volume):
    return replace(volume, tetrahedra=volume.tetrahedra[:, [0, 2, 1, 3]])


def _add_points(volume):
    return replace(volume, points=np.vstack([volume.points, [[0, 0, 0], [1, 1, 1]]]))


def _lose_values(volume):
    values = np.zeros(len(volume.points))
    values[3] = np.nan
    return replace(volume, point_fields={"potential": values})


def _drop_triangles(volume):
    return replace(volume, triangles=volume.triangles[40:], boundary=volume.boundary[40:])


def _turn(triangles):
    triangles[10:13] = triangles[10:13, ::-1]


def _speckle(volume):
    """One triangle of the epicardium amid the endocardium."""
    height = volume.points[volume.triangles].mean(axis=1)[:, 2]
    inner = volume.boundary == Boundary.LV_ENDOCARDIUM
    labels = np.array(volume.boundary)
    labels[np.flatnonzero(inner & (height < 0))[0]] = Boundary.EPICARDIUM
    return replace(volume, boundary=labels)


def _forget_base(volume):
    labels = np.where(volume.boundary == Boundary.BASE, Boundary.EPICARDIUM, volume.boundary)
    return replace(volume, boundary=labels)


def _skew(field):
    field[[4, 9]] += [0.1, 0.2, 0.0]
    field[[4, 9]] /= np.linalg.norm(field[[4, 9]], axis=1, keepdims=True)


NODE = 2000
NOWHERE = 10**6

BROKEN = (
    Broken("empty mesh", lambda v: replace(v, tetrahedra=v.tetrahedra[:0]), 1, mendable=False),
    Broken("points not finite", _array("points", _row((NODE, 1), np.nan)), 1, (NODE,)),
    Broken("node numbers out of range", _array("tetrahedra", _row((5, 2), NOWHERE)), 1, (5,)),
    Broken("node numbers out of range", _array("tetrahedra", _row((6, 0), -1)), 1, (6,)),
    Broken("collapsed tetrahedra", _collapse, 6),
    Broken("overlapping tetrahedra", _push_through, 16),
    Broken("inverted tetrahedra", _invert, 2, (3,)),
    Broken("inverted tetrahedra", _mirror, 21600, (0,)),
    Broken("flat tetrahedra", _flatten_boundary, 1, (21600,)),
    Broken("flat tetrahedra", _flatten_interior, 1),
    Broken("slivers", _squeeze, 2, mendable=False),
    Broken("duplicate points", _tear, 1, (5044,)),
    Broken("duplicate tetrahedra", lambda v: _append(v, v.tetrahedra[7]), 1, (21600,)),
    Broken("unreferenced points", _add_points, 2, (5044,)),
    Broken("separate tetrahedra", _beside, 1, (21600,)),
    Broken("non-manifold edges", _groove, 1),
    Broken("non-manifold nodes", _spike, 1),
    Broken("enclosed voids", _hollow, 1),
    Broken("wrong scale", lambda v: replace(v, points=v.points / 10), 1, unit="cm"),
    Broken("wrong scale", lambda v: replace(v, points=v.points * 1000), 1, unit="um"),
    Broken("wrong number of fibres", _fibre("fibre", lambda f: f[:-1]), 1),
    Broken("fibres not finite", _fibre("sheet", _row(11, np.nan)), 1, (11,)),
    Broken("fibres without direction", _fibre("fibre", _row([4, 9], 0.0)), 2, (4,)),
    Broken("unnormalised fibres", _fibre("fibre", lambda f: f * 20), 21600, (0,)),
    Broken("skewed fibres", _fibre("sheet", _skew), 2, (4,)),
    Broken("left-handed fibres", _fibre("normal", lambda f: -f), 21600, (0,)),
    Broken("field values not finite", _lose_values, 1, mendable=False),
    Broken("wrong number of labels", lambda v: replace(v, boundary=v.boundary[:-1]), 1),
    Broken(
        "triangle node numbers out of range", _array("triangles", _row((8, 1), NOWHERE)), 1, (8,)
    ),
    Broken("triangles off the boundary", _add_inner_triangle, 1, (5520,)),
    Broken("boundary faces without triangle", _drop_triangles, 40),
    Broken("triangles facing inwards", _array("triangles", _turn), 3, (10,)),
    Broken("impossible labels", _array("boundary", _row([12, 13], 9)), 2, (12,)),
    Broken("unlabelled triangles", _array("boundary", _row([12, 13], 0)), 2, (12,)),
    Broken("label islands", _speckle, 1),
    Broken("walls without triangles", _forget_base, 1, (1,), mendable=False),
    Broken("endocardium open to the outside", _pierce, 24, mendable=False),
)
