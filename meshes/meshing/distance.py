"""The signed distance of a closed triangle surface."""

from functools import cached_property

import numpy as np
import pyvista
from jaxtyping import Float, Int
from pykdtree.kdtree import KDTree

from twin.meshes.errors import InputError
from twin.meshes.surface import Surface
from twin.meshes.topology import surface_components

CANDIDATES = (8, 32)
"""Nearest samples of the surface whose triangles are considered, more where fewer leave a doubt."""

NEAR = 2
"""How near the surface the distance is exact, in reaches of a sample."""

UNDIVIDED = 0.9
"""Share of the triangles that one sample is enough for; larger ones are sampled in parts."""

BATCH = 16_384
"""Points handled at once: their intermediate results stay in the processor's cache."""


class SurfaceSolid:
    """What one closed triangle surface encloses.

    Pieces that share their rims (epicardium and two endocardia) are one surface: points that
    coincide are merged and the triangles turned to face outwards.
    """

    def __init__(self, surface: Surface) -> None:
        self.surface = close(surface)
        self._corners = self.surface.corners

    @property
    def bounds(self) -> tuple[Float[np.ndarray, " 3"], Float[np.ndarray, " 3"]]:
        return self.surface.points.min(axis=0), self.surface.points.max(axis=0)

    def distance(self, points: Float[np.ndarray, "points 3"]) -> Float[np.ndarray, " points"]:
        """Signed mm, negative inside."""
        triangle, weights = self._nearest(points)
        offset = points - np.einsum("nk,nkd->nd", weights, self._corners[triangle])
        outwards = self._pseudonormals(triangle, weights)
        sign = np.where(np.einsum("nd,nd->n", offset, outwards) < 0, -1.0, 1.0)
        return sign * np.linalg.norm(offset, axis=1)

    def label(self, points: Float[np.ndarray, "points 3"]) -> Int[np.ndarray, " points"]:
        """Label of the nearest triangle; 0 where the surface carries none."""
        if self.surface.labels is None:
            return np.zeros(len(points), np.int8)
        return self.surface.labels[self._nearest(points)[0]].astype(np.int8)

    def _nearest(self, points):
        """Nearest triangle of each point and the weights of its corners in the nearest point."""
        points = np.ascontiguousarray(points, np.float64)
        triangle = np.empty(len(points), np.int64)
        weights = np.empty((len(points), 3))
        for first in range(0, len(points), BATCH):
            part = slice(first, first + BATCH)
            triangle[part] = self._nearest_triangle(points[part])
            corners = self._corners[triangle[part]]
            weights[part] = closest_weights(points[part], *np.moveaxis(corners, 1, 0))
        return triangle, weights

    def _nearest_triangle(self, points):
        """The nearest triangle, among those whose samples are nearest.

        Certain once the farthest of these samples is a sample's reach farther than the triangle;
        far from the surface, where it matters less, the first answer is taken.
        """
        _, owners, reaches = self._samples
        triangle, left = np.empty(len(points), np.int64), np.arange(len(points))
        for count in CANDIDATES:
            away, sample = self._tree.query(points[left], k=min(count, len(owners)))
            squared = np.full(away.shape, np.inf)
            squared[:, 0] = self._frames.squared_distance(points[left], owners[sample[:, 0]])
            nearest = np.sqrt(squared[:, 0])
            row, rank = np.nonzero((away - reaches[sample])[:, 1:] < nearest[:, None])
            squared[row, rank + 1] = self._frames.squared_distance(
                points[left[row]], owners[sample[row, rank + 1]]
            )
            best = squared.argmin(axis=1)
            triangle[left] = owners[sample[np.arange(len(left)), best]]
            nearest = np.sqrt(squared.min(axis=1))
            reach = reaches.max()
            left = left[(away[:, -1] < nearest + reach) & (nearest < NEAR * reach)]
            if len(left) == 0:
                break
        return triangle

    def _pseudonormals(self, triangle, weights):
        """Normal of the face, edge or corner on which the nearest point lies.

        Angle-weighted at corners: the sign is then exact (Bærentzen and Aanæs 2005).
        """
        face, edge, corner = self._normals
        on = weights > 1e-9
        count = on.sum(axis=1)
        normals = face[triangle]
        at_edge = np.flatnonzero(count == 2)
        normals[at_edge] = edge[triangle[at_edge], np.argmin(on[at_edge], axis=1)]
        at_corner = np.flatnonzero(count == 1)
        vertex = self.surface.triangles[triangle[at_corner], np.argmax(on[at_corner], axis=1)]
        normals[at_corner] = corner[vertex]
        return normals

    @cached_property
    def _normals(self):
        """Normals of faces, of the edge opposite each corner, and of corners, angle-weighted."""
        triangles, corners = self.surface.triangles, self._corners
        face = _unit(self.surface.area_vectors)
        opposite = triangles[:, [[1, 2], [2, 0], [0, 1]]].reshape(-1, 2)
        _, index = np.unique(np.sort(opposite, axis=1), axis=0, return_inverse=True)
        edge = _scatter(index.reshape(-1), np.repeat(face, 3, axis=0))[index.reshape(-1)]
        to_next = np.roll(corners, -1, axis=1) - corners
        to_last = np.roll(corners, 1, axis=1) - corners
        length = np.linalg.norm(to_next, axis=2) * np.linalg.norm(to_last, axis=2)
        cosine = np.einsum("nkd,nkd->nk", to_next, to_last) / np.maximum(length, 1e-300)
        angle = np.arccos(np.clip(cosine, -1, 1))
        weighted = (angle[:, :, None] * face[:, None]).reshape(-1, 3)
        return face, edge.reshape(-1, 3, 3), _scatter(triangles.ravel(), weighted)

    @cached_property
    def _samples(self):
        """Points spread over the triangles, their triangles, and how far these reach round them."""
        centres = self._corners.mean(axis=1, keepdims=True)
        reach = np.linalg.norm(self._corners - centres, axis=2).max(axis=1)
        parts = np.ceil(reach / np.quantile(reach, UNDIVIDED)).astype(int)
        places, triangles = [], []
        for count in np.unique(parts):
            alike = np.flatnonzero(parts == count)
            weights = _spread(int(count))
            places.append(np.einsum("sk,nkd->nsd", weights, self._corners[alike]).reshape(-1, 3))
            triangles.append(np.repeat(alike, len(weights)))
        owners = np.concatenate(triangles)
        return np.concatenate(places), owners, (reach / parts)[owners]

    @cached_property
    def _tree(self):
        return KDTree(np.ascontiguousarray(self._samples[0]))

    @cached_property
    def _frames(self):
        return _Frames(self._corners)


class _Frames:
    """Triangles laid flat: a at the origin, b on the first axis, c above it."""

    def __init__(self, corners):
        a, b, c = np.moveaxis(corners, 1, 0)
        self.origin = a
        first = _unit(b - a)
        normal = _unit(np.cross(b - a, c - a))
        self.axes = np.stack([first, np.cross(normal, first), normal], axis=1)
        self.width = _dot(b - a, self.axes[:, 0])
        self.top = np.einsum("nd,nkd->nk", c - a, self.axes[:, :2])

    def squared_distance(self, points, triangles):
        """From each point to the triangle of the same row, mm2."""
        x, y, z = np.einsum("nd,nkd->kn", points - self.origin[triangles], self.axes[triangles])
        width, (across, height) = self.width[triangles], self.top[triangles].T
        inside = (y >= 0) & (height * x >= across * y)
        inside &= height * (x - width) <= (across - width) * y
        flat = _to_segment(x, y, width, 0.0)
        flat = np.minimum(flat, _to_segment(x, y, across, height))
        flat = np.minimum(flat, _to_segment(x - width, y, across - width, height))
        return np.where(inside, 0, flat) + z * z


def _to_segment(x, y, end_x, end_y):
    """Squared distance in the plane to the segment from the origin to its end."""
    along = (x * end_x + y * end_y) / np.maximum(end_x * end_x + end_y * end_y, 1e-300)
    along = np.minimum(np.maximum(along, 0), 1)
    x, y = x - along * end_x, y - along * end_y
    return x * x + y * y


def close(surface: Surface) -> Surface:
    """The surface with coinciding points merged and all triangles facing outwards.

    An `InputError` where it does not close.
    """
    points, triangles, labels = _weld(surface)
    corner_pairs = np.sort(triangles[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), axis=1)
    _, uses = np.unique(corner_pairs, axis=0, return_counts=True)
    if len(triangles) == 0 or (uses % 2).any():
        raise InputError(
            f"surface: {int((uses % 2).sum()):,} of its {len(uses):,} edges are open, expected a "
            "closed surface; close its holes, or give all pieces that close the wall together"
        )
    return Surface(points, _outwards(points, triangles), labels, remarks=surface.remarks)


def _weld(surface):
    size = np.ptp(surface.points, axis=0).max()
    _, first, same = np.unique(
        np.round(surface.points / (1e-6 * size)).astype(np.int64),
        axis=0,
        return_index=True,
        return_inverse=True,
    )
    triangles = same.reshape(-1)[surface.triangles]
    a, b, c = triangles.T
    kept = (a != b) & (b != c) & (c != a)
    labels = None if surface.labels is None else np.asarray(surface.labels)[kept]
    return surface.points[first].astype(np.float64), triangles[kept], labels


def _outwards(points, triangles):
    """The triangles of each part turned to face out of the solid, which a part within a part bounds
    from inside.
    """
    triangles = (
        pyvista.PolyData.from_regular_faces(points, triangles)
        .compute_normals(split_vertices=False, consistent_normals=True, auto_orient_normals=False)
        .regular_faces.astype(np.int64)
    )
    part = surface_components(triangles)
    parts = [Surface(points, triangles[part == number]) for number in range(part.max() + 1)]
    for number, one in enumerate(parts):
        within = sum(_winds_round(other, one.corners[0, 0]) for other in parts if other is not one)
        if (one.enclosed_volume > 0) == bool(within % 2):
            triangles[part == number] = triangles[part == number][:, ::-1]
    return triangles


def _winds_round(surface, point):
    """Whether a closed surface goes round a point (van Oosterom and Strackee 1983)."""
    a, b, c = np.moveaxis(surface.corners - point, 1, 0)
    long_a, long_b, long_c = (np.linalg.norm(side, axis=1) for side in (a, b, c))
    triple = _dot(a, np.cross(b, c))
    scale = long_a * long_b * long_c + _dot(a, b) * long_c + _dot(b, c) * long_a
    solid_angle = 2 * np.arctan2(triple, scale + _dot(c, a) * long_b)
    return abs(solid_angle.sum()) > 2 * np.pi


def closest_weights(
    point: Float[np.ndarray, "n 3"],
    a: Float[np.ndarray, "n 3"],
    b: Float[np.ndarray, "n 3"],
    c: Float[np.ndarray, "n 3"],
) -> Float[np.ndarray, "n 3"]:
    """Barycentric weights of the point of each triangle nearest to each point.

    Ericson, Real-Time Collision Detection, 5.1.5.
    """
    ab, ac = b - a, c - a
    d1, d2 = _dot(ab, point - a), _dot(ac, point - a)
    d3, d4 = _dot(ab, point - b), _dot(ac, point - b)
    d5, d6 = _dot(ab, point - c), _dot(ac, point - c)
    va, vb, vc = d3 * d6 - d5 * d4, d5 * d2 - d1 * d6, d1 * d4 - d3 * d2
    zero, one = np.zeros_like(d1), np.ones_like(d1)
    with np.errstate(divide="ignore", invalid="ignore"):
        on_ab, on_ac = d1 / (d1 - d3), d2 / (d2 - d6)
        on_bc = (d4 - d3) / ((d4 - d3) + (d5 - d6))
        total = va + vb + vc
        v, w = vb / total, vc / total
    cases = [
        ((d1 <= 0) & (d2 <= 0), zero, zero),
        ((d3 >= 0) & (d4 <= d3), one, zero),
        ((d6 >= 0) & (d5 <= d6), zero, one),
        ((vc <= 0) & (d1 >= 0) & (d3 <= 0), on_ab, zero),
        ((vb <= 0) & (d2 >= 0) & (d6 <= 0), zero, on_ac),
        ((va <= 0) & (d4 >= d3) & (d5 >= d6), 1 - on_bc, on_bc),
    ]
    where = [case[0] for case in cases]
    v = np.select(where, [case[1] for case in cases], v)
    w = np.select(where, [case[2] for case in cases], w)
    return np.stack([1 - v - w, v, w], axis=1)


def _dot(a, b):
    return np.einsum("nd,nd->n", a, b)


def _unit(vectors):
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-300)


def _scatter(index, values):
    """Sum of the rows of `values` that share an index."""
    return np.stack([np.bincount(index, values[:, axis]) for axis in range(3)], axis=1)


def _spread(count):
    """Barycentric weights of the centroids of the count^2 equal parts of a triangle."""
    i, j = np.divmod(np.arange(count * count), count)
    up = i + j < count
    third = np.where(up, 1 / 3, -1 / 3)
    u = np.where(up, i, count - i) / count + third / count
    v = np.where(up, j, count - j) / count + third / count
    return np.stack([1 - u - v, u, v], axis=1)
