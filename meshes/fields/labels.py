"""Which part of a heart's surface is base, epicardium, left and right endocardium."""

from dataclasses import replace

import numpy as np
from jaxtyping import Float, Int
from scipy import ndimage, sparse
from scipy.sparse import csgraph
from scipy.spatial import ConvexHull, cKDTree

from twin.meshes.errors import InputError
from twin.meshes.fields.laplace import unit
from twin.meshes.fields.sky import Sky, look_around
from twin.meshes.heart import Boundary
from twin.meshes.surface import Surface
from twin.meshes.topology import boundary_triangles, open_edges, row_keys, triangle_edges

CAVITY_SHARE = 0.25
"""Voxels that see less open sky than this are the core of a cavity; in its mouth it is a half."""

ENDOCARDIAL_SKY = 0.65
"""Endocardium faces less open sky: a half at the rim, where base and epicardium face all of it."""

BASE_TILT = np.cos(np.radians(45))
"""Base faces out of the mouth within this angle."""

_REACH = 12
"""How many voxels a cavity's wall is at most from its core; an eightieth of the heart each."""

_VALVE = 0.1
"""Least width of a valve, relative to the heart's extent."""

_OTHER_CAVITY = 0.05
"""A cavity smaller than this part of the largest is a groove or a pit."""


def find_boundary(
    points: Float[np.ndarray, "points 3"], tetrahedra: Int[np.ndarray, "tets 4"]
) -> tuple[Int[np.ndarray, "faces 3"], Int[np.ndarray, " faces"]]:
    """The boundary triangles of a mesh, facing outwards, and the `Boundary` of each."""
    triangles = boundary_triangles(tetrahedra)
    return triangles, _label(np.asarray(points, float), triangles)


def label_surface(surface: Surface) -> Surface:
    """The same closed surface, its triangles facing outwards, with the `Boundary` of each."""
    triangles = surface.triangles
    gaps = len(open_edges(triangles))
    if gaps:
        raise InputError(
            f"the surface is not closed: {gaps:,} of its edges belong to one triangle alone; join "
            "its parts or mend it with `twin mesh repair`"
        )
    if surface.enclosed_volume < 0:
        triangles = triangles[:, ::-1]
    labels = _label(np.asarray(surface.points, float), triangles)
    return replace(surface, triangles=triangles, labels=labels)


def _label(points: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    extent = np.ptp(points[np.unique(triangles)], axis=0).max()
    sky = look_around(points, triangles, extent / 80)
    cavity = _cavity_of_triangles(points, triangles, sky)
    labels = np.full(len(triangles), Boundary.EPICARDIUM, np.int8)
    labels[cavity > 0] = np.array([0, Boundary.LV_ENDOCARDIUM, Boundary.RV_ENDOCARDIUM])[
        cavity[cavity > 0]
    ]
    labels = _without_islands(triangles, labels)
    _refuse_holes(points, triangles, labels, extent)
    return with_base(points, triangles, labels)


def with_base(
    points: Float[np.ndarray, "points 3"],
    triangles: Int[np.ndarray, "faces 3"],
    labels: Int[np.ndarray, " faces"],
) -> Int[np.ndarray, " faces"]:
    """Labels in which epicardium turns to base around the rims where endocardium ends.

    For walls whose base is not told from the epicardium, or that end in the bare rims of valves.
    """
    return np.where(_is_base(points, triangles, labels), Boundary.BASE, labels).astype(np.int8)


def _cavity_of_triangles(points: np.ndarray, triangles: np.ndarray, sky: Sky) -> np.ndarray:
    """1 on the left ventricle's endocardium, 2 on the right's, 0 elsewhere."""
    cavities = _cavities(sky)
    distance, nearest = ndimage.distance_transform_edt(cavities == 0, return_indices=True)
    at = sky.voxels(sky.eyes)
    cavity = cavities[tuple(nearest)][at]
    cavity[(sky.facing > ENDOCARDIAL_SKY) | (distance[at] > _REACH)] = 0
    if cavities.max() == 2:
        larger, smaller = (
            _leftness(points, triangles, cavity, which, np.argwhere(cavities == which))
            for which in (1, 2)
        )
        if smaller > larger:
            cavity = np.array([0, 2, 1])[cavity]
    return cavity


def _cavities(sky: Sky) -> np.ndarray:
    """The one or two cavities of a heart on the grid, 1 the larger."""
    parts, count = ndimage.label((sky.share < CAVITY_SHARE) & ~sky.tissue)
    volumes = np.bincount(parts.ravel(), minlength=count + 1)[1:] * sky.pitch**3 / 1000
    order = np.argsort(-volumes)
    total = sky.tissue.sum() * sky.pitch**3 / 1000
    large = [i for i in order if volumes[i] > _OTHER_CAVITY * volumes[order[0]]]
    if not len(order) or volumes[order[0]] < 0.02 * total:
        raise InputError(
            "found no cavity in the surface, expected one or two: is it the wall of a heart, with "
            "cavities open at the base only? Label its triangles by hand, or mend it with "
            "`twin mesh repair`"
        )
    if len(large) > 2:
        found = ", ".join(f"{volumes[i]:.0f} ml" for i in large)
        raise InputError(
            f"found {len(large)} cavities in the surface ({found}), expected a left and a right "
            "ventricle's: cut off the atria and vessels, or label the triangles by hand"
        )
    rank = np.zeros(count + 1, int)
    rank[np.array(large) + 1] = np.arange(len(large)) + 1
    return rank[parts]


def _refuse_holes(
    points: np.ndarray, triangles: np.ndarray, labels: np.ndarray, extent: float
) -> None:
    """A ventricle opens at its two valves, or at one cut through both; else it has a hole."""
    for cavity in (Boundary.LV_ENDOCARDIUM, Boundary.RV_ENDOCARDIUM):
        edges = open_edges(triangles[labels == cavity])
        if len(edges) == 0 and (labels == cavity).any():
            raise InputError(
                f"{cavity.name}: the cavity is closed, so that nothing tells the base from the "
                "apex; open it at the valves"
            )
        centres, widths = _openings(points, edges)
        if len(widths) > 2 or (widths < _VALVE * extent).any():
            place = ", ".join(f"{x:.0f}" for x in centres[widths.argmin()])
            raise InputError(
                f"{cavity.name}: the endocardium is open to the outside in {len(widths)} places; "
                f"the smallest, at ({place}) mm, is {widths.min():.0f} mm wide. Expected one or "
                f"two valves of over {_VALVE * extent:.0f} mm: close the hole in the wall"
            )


def _openings(points: np.ndarray, edges: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Centre and mean width, mm, of each opening that the rim edges go around."""
    graph = sparse.coo_array((np.ones(len(edges), bool), edges.T), shape=2 * (len(points),))
    parts = csgraph.connected_components(graph, directed=False)[1][edges[:, 0]]
    rims = [points[edges[parts == part, 0]] for part in np.unique(parts)]
    centres = np.array([rim.mean(axis=0) for rim in rims]).reshape(-1, 3)
    pairs = zip(rims, centres, strict=True)
    widths = [2 * np.linalg.norm(rim - centre, axis=1).mean() for rim, centre in pairs]
    return centres, np.array(widths)


def _leftness(
    points: np.ndarray, triangles: np.ndarray, cavity: np.ndarray, which: int, core: np.ndarray
) -> float:
    """How round a cavity is, times the thickness of the wall around it, mm.

    Round: the volume of its core over that of the core's convex hull, where the right ventricle
    is a crescent.
    """
    own = np.unique(triangles[cavity == which])
    outside = np.unique(triangles[cavity == 0])
    roundness = len(core) / ConvexHull(core).volume
    thickness = np.median(cKDTree(points[outside]).query(points[own])[0])
    return float(roundness * thickness)


def _is_base(points: np.ndarray, triangles: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Triangles around the rims of the cavities that face out of the mouth, level with the rim.

    Where endocardium and epicardium meet in an edge, the base is the epicardial triangles there.
    """
    reach = np.ptp(points[np.unique(triangles)], axis=0).max() / 12
    rims = [
        _rim(points, triangles[labels == cavity], reach)
        for cavity in (Boundary.LV_ENDOCARDIUM, Boundary.RV_ENDOCARDIUM)
        if (labels == cavity).any()
    ]
    nodes, outwards = (np.concatenate(part) for part in zip(*rims, strict=True))
    centres = points[triangles].mean(axis=1)
    distance, nearest = cKDTree(points[nodes]).query(centres)
    outward = outwards[nearest]
    level = ((centres - points[nodes[nearest]]) * outward).sum(axis=1)
    outside = labels == Boundary.EPICARDIUM
    touching = outside & np.isin(triangles, nodes).any(axis=1)
    flat = (unit(_area_vectors(points, triangles)) * outward).sum(axis=1) > BASE_TILT
    candidates = touching | (outside & flat & (np.abs(level) < 0.2 * reach + 0.5 * distance))
    return _connected_to(triangles, candidates, touching)


def _rim(
    points: np.ndarray, endocardium: np.ndarray, reach: float
) -> tuple[np.ndarray, np.ndarray]:
    """The nodes of an endocardium's rim, and at each the direction in which the endocardium would
    go on, out of the mouth; averaged over the reach, mm."""
    edges = open_edges(endocardium)
    start, vectors = edges[:, 0], np.diff(points[edges], axis=1)[:, 0]
    along = cKDTree(points[start])
    normals = _area_vectors(points, endocardium)
    near_rim = along.query_ball_tree(cKDTree(points[endocardium].mean(axis=1)), reach)
    near_edges = along.query_ball_tree(along, reach)
    inward = np.array([normals[near].sum(axis=0) for near in near_rim])
    tangent = np.array([vectors[near].sum(axis=0) for near in near_edges])
    return start, unit(np.cross(tangent, inward))


def _area_vectors(points: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    return Surface(points, triangles).area_vectors


def _connected_to(triangles: np.ndarray, candidates: np.ndarray, seeds: np.ndarray) -> np.ndarray:
    """The candidates that other candidates connect, edge by edge, to a seed."""
    part = _parts(triangles, candidates)
    return candidates & np.isin(part, part[seeds])


def _without_islands(triangles: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Give all but the largest part of each label to the label around it."""
    pairs = adjacent_triangles(triangles)
    for _ in range(10):
        main = np.zeros(len(triangles), bool)
        for label in np.unique(labels):
            part = _parts(triangles, labels == label)
            largest = np.bincount(part[labels == label]).argmax()
            main |= (labels == label) & (part == largest)
        if main.all():
            break
        one, other = np.concatenate([pairs, pairs[:, ::-1]]).T
        border = ~main[one] & main[other]
        labels = labels.copy()
        labels[one[border]] = labels[other[border]]
    return labels


def _parts(triangles: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """The connected component that each triangle of the mask is in; others are alone."""
    pairs = adjacent_triangles(triangles)
    pairs = pairs[mask[pairs].all(axis=1)]
    graph = sparse.coo_array(
        (np.ones(len(pairs), bool), pairs.T), shape=(len(triangles), len(triangles))
    )
    return csgraph.connected_components(graph, directed=False)[1]


def adjacent_triangles(triangles: np.ndarray) -> np.ndarray:
    """Pairs of triangles that share an edge."""
    keys = row_keys(np.sort(triangle_edges(triangles), axis=1))
    order = np.argsort(keys, kind="stable")
    same = np.flatnonzero(keys[order[1:]] == keys[order[:-1]])
    return np.column_stack([order[same], order[same + 1]]) // 3
