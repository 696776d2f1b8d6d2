"""Left ventricles whose coordinates and fibre directions are known in closed form."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from scipy.spatial import Delaunay

from twin.meshes.heart import Boundary, signed_volumes
from twin.meshes.topology import boundary_triangles
from twin.meshes.volume import Volume


@dataclass(frozen=True)
class TruncatedEllipsoid:
    """Wall between two ellipsoids of revolution about z, cut off at z = `base`; apex downwards. mm.

    The point at depth t, polar angle u from the apex and azimuth v is
    (r_s(t) sin u cos v, r_s(t) sin u sin v, -r_l(t) cos u), with r_s = short + wall t and
    r_l = long + wall t. Land et al., Proc. R. Soc. A 471:20150641 (2015), problems 2 and 3, three
    times as large: the size of a human left ventricle.
    """

    short: float = 21.0
    long: float = 51.0
    wall: float = 9.0
    base: float = 15.0

    def volume(self, layers: int) -> Volume:
        """Prisms over a disc of triangles, three tetrahedra each; `layers` through the wall."""
        return _shell(layers, self._at)

    def _at(self, depth, radius, azimuth):
        return self.point(
            depth, radius * np.arccos(-self.base / (self.long + self.wall * depth)), azimuth
        )

    @property
    def bounds(self) -> tuple[Float[np.ndarray, " 3"], Float[np.ndarray, " 3"]]:
        short, long = self.short + self.wall, self.long + self.wall
        return np.array([-short, -short, -long]), np.array([short, short, self.base])

    def distance(self, points: Float[np.ndarray, "points 3"]) -> Float[np.ndarray, " points"]:
        """Signed mm to the boundary, to first order near it; negative in the wall."""
        return self._distances(points).max(axis=0)

    def label(self, points: Float[np.ndarray, "points 3"]) -> Int[np.ndarray, " points"]:
        """`Boundary` of the piece of boundary nearest to each point."""
        pieces = np.array([Boundary.LV_ENDOCARDIUM, Boundary.EPICARDIUM, Boundary.BASE])
        return pieces[self._distances(points).argmax(axis=0)]

    def _distances(self, points):
        """Beyond the endocardium, the epicardium and the base."""
        inner = _outside_ellipsoid(points, self.short, self.long)
        outer = _outside_ellipsoid(points, self.short + self.wall, self.long + self.wall)
        return np.stack([-inner, outer, points[:, 2] - self.base])

    def point(self, depth, polar, azimuth) -> Float[np.ndarray, "... 3"]:
        short, long = self.short + self.wall * depth, self.long + self.wall * depth
        ring = short * np.sin(polar)
        return np.stack([ring * np.cos(azimuth), ring * np.sin(azimuth), -long * np.cos(polar)], -1)

    def depth(self, points: Float[np.ndarray, "points 3"]) -> Float[np.ndarray, " points"]:
        """The transmural coordinate t, by Newton's method."""
        ring, z = np.hypot(points[:, 0], points[:, 1]), points[:, 2]
        t = np.full(len(points), 0.5)
        for _ in range(60):
            short, long = self.short + self.wall * t, self.long + self.wall * t
            excess = (ring / short) ** 2 + (z / long) ** 2 - 1
            slope = -2 * self.wall * (ring**2 / short**3 + z**2 / long**3)
            t = t - excess / slope
        return t

    def polar(self, points: Float[np.ndarray, "points 3"]) -> Float[np.ndarray, " points"]:
        t = self.depth(points)
        return np.arctan2(
            np.hypot(points[:, 0], points[:, 1]) / (self.short + self.wall * t),
            -points[:, 2] / (self.long + self.wall * t),
        )

    def apicobasal(self, points: Float[np.ndarray, "points 3"]) -> Float[np.ndarray, " points"]:
        """Arc length from the apex at the same depth, over that of the whole meridian."""
        t, polar = self.depth(points), self.polar(points)
        whole = np.arccos(-self.base / (self.long + self.wall * t))
        return self._meridian(t, polar) / self._meridian(t, whole)

    def _meridian(self, t, polar):
        short, long = (self.short + self.wall * t)[:, None], (self.long + self.wall * t)[:, None]
        return _integral(lambda u: np.hypot(short * np.cos(u), long * np.sin(u)), 0.0, polar)

    def axes(self, points: Float[np.ndarray, "points 3"]) -> Float[np.ndarray, "points 3 3"]:
        """Rows: circumferential, longitudinal (to the base), transmural (outwards) unit vectors."""
        t, polar = self.depth(points), self.polar(points)
        azimuth = np.arctan2(points[:, 1], points[:, 0])
        short, long = self.short + self.wall * t, self.long + self.wall * t
        circumferential = np.stack([-np.sin(azimuth), np.cos(azimuth), 0 * azimuth], -1)
        longitudinal = np.stack(
            [
                short * np.cos(polar) * np.cos(azimuth),
                short * np.cos(polar) * np.sin(azimuth),
                long * np.sin(polar),
            ],
            -1,
        )
        longitudinal /= np.linalg.norm(longitudinal, axis=1, keepdims=True)
        outward = np.cross(circumferential, longitudinal)
        return np.stack([circumferential, longitudinal, outward], axis=1)


@dataclass(frozen=True)
class ConfocalShell:
    """Wall between two confocal ellipsoids of revolution, cut off by a hyperboloid with their foci.

    In its prolate spheroidal coordinates xi (depth) and eta (angle from the apex) the Laplace
    equation between the walls has the solution of xi alone, and that along the wall one of eta
    alone: the trajectories are the coordinate lines, and lengths along them single integrals.
    """

    focus: float = 46.5
    inner: float = 0.438
    outer: float = 0.608
    base: float = 1.85

    def volume(self, layers: int) -> Volume:
        return _shell(layers, self._at)

    def _at(self, depth, radius, azimuth):
        xi, eta = self.inner + depth * (self.outer - self.inner), radius * self.base
        ring = self.focus * np.sinh(xi) * np.sin(eta)
        return np.stack(
            [
                ring * np.cos(azimuth),
                ring * np.sin(azimuth),
                -self.focus * np.cosh(xi) * np.cos(eta),
            ],
            axis=-1,
        )

    def transmural(self, points: Float[np.ndarray, "points 3"]) -> Float[np.ndarray, " points"]:
        """Length of the hyperbola from the endocardium, over its whole length in the wall."""
        xi, eta = self._spheroidal(points)
        part, whole = (
            _integral(lambda x: np.hypot(np.sinh(x), np.sin(eta)[:, None]), self.inner, end)
            for end in (xi, self.outer)
        )
        return part / whole

    def apicobasal(self, points: Float[np.ndarray, "points 3"]) -> Float[np.ndarray, " points"]:
        """Length of the ellipse from the apex, over its whole length to the base."""
        xi, eta = self._spheroidal(points)
        part, whole = (
            _integral(lambda x: np.hypot(np.sinh(xi)[:, None], np.sin(x)), 0.0, end)
            for end in (eta, self.base)
        )
        return part / whole

    def _spheroidal(self, points):
        far, near = (
            np.linalg.norm(points - np.array([0, 0, z]), axis=1) for z in (self.focus, -self.focus)
        )
        cosh, cos = (far + near) / (2 * self.focus), (far - near) / (2 * self.focus)
        return np.arccosh(cosh), np.arccos(np.clip(cos, -1, 1))


def _integral(speed, start, end):
    """Integrals of the speed from start to each end, by Gauss-Legendre quadrature."""
    nodes, weights = np.polynomial.legendre.leggauss(24)
    half = np.atleast_1d((end - start) / 2)
    return (speed(start + half[:, None] * (nodes + 1)) * weights).sum(axis=1) * half


def _shell(layers, place):
    """Mesh of a wall; `place` makes points of depth, way from the apex (0 to 1) and azimuth."""
    disc, triangles = _disc(round(layers * 6.5))
    depth = np.repeat(np.linspace(0, 1, layers + 1)[:, None], len(disc), axis=1)
    points = place(depth, np.linalg.norm(disc, axis=1), np.arctan2(disc[:, 1], disc[:, 0]))
    points = points.reshape(-1, 3)
    tetrahedra = _split_prisms(triangles, len(disc), layers)
    inverted = signed_volumes(points, tetrahedra) < 0
    tetrahedra[inverted] = tetrahedra[inverted][:, [1, 0, 2, 3]]
    faces = boundary_triangles(tetrahedra)
    layer = faces // len(disc)
    labels = np.full(len(faces), Boundary.BASE, np.int8)
    labels[(layer == 0).all(axis=1)] = Boundary.LV_ENDOCARDIUM
    labels[(layer == layers).all(axis=1)] = Boundary.EPICARDIUM
    return Volume(points, tetrahedra, faces, labels)


def _outside_ellipsoid(points, short, long):
    """Distance to an ellipsoid of revolution to first order: k0 (k0 - 1) / k1 (Quilez)."""
    axes = np.array([short, short, long])
    stretched = np.linalg.norm(points / axes, axis=1)
    slope = np.linalg.norm(points / axes**2, axis=1)
    return stretched * (stretched - 1) / np.maximum(slope, 1e-12)


def _disc(rings: int):
    """A unit disc of concentric rings, with six more nodes on each than on the one inside it."""
    points = [np.zeros((1, 2))]
    for ring in range(1, rings + 1):
        angle = 2 * np.pi * np.arange(6 * ring) / (6 * ring)
        points.append(ring / rings * np.column_stack([np.cos(angle), np.sin(angle)]))
    nodes = np.concatenate(points)
    triangles = Delaunay(nodes).simplices
    first, second = nodes[triangles[:, 1:]].transpose(1, 0, 2) - nodes[triangles[:, 0]]
    return nodes, triangles[np.abs(first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0]) > 1e-9]


def _split_prisms(triangles, nodes: int, layers: int):
    """Split prisms along diagonals that leave the lower node number: neighbours then agree."""
    corners = np.sort(triangles, axis=1)
    tetrahedra = []
    for layer in range(layers):
        low, high = corners + layer * nodes, corners + (layer + 1) * nodes
        tetrahedra += [
            np.c_[low[:, 0], low[:, 1], low[:, 2], high[:, 2]],
            np.c_[low[:, 0], low[:, 1], high[:, 2], high[:, 1]],
            np.c_[low[:, 0], high[:, 1], high[:, 2], high[:, 0]],
        ]
    return np.concatenate(tetrahedra)
