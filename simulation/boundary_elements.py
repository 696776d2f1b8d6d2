"""Potentials in a body of nested or neighbouring regions of constant conductivity.

With outward normals, conductivities s- inside and s+ outside of each surface, and phi_inf the
potential the sources would have in an infinite medium of the conductivity s around them
(Geselowitz, Biophys J 7:1, 1967):

    (s-(r) + s+(r)) / 2 phi(r) = s phi_inf(r)
        + 1 / (4 pi) sum over surfaces (s- - s+) PV integral of phi d Omega_r

Potentials are linear on triangles and the equation holds at their corners (collocation); each
triangle's integral is analytic (de Munck, IEEE Trans Biomed Eng 39:986, 1992).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float, Int
from scipy.linalg import lu_factor, lu_solve

from twin.meshes.surface import Surface


@dataclass(frozen=True, eq=False)
class Interface:
    """A closed surface between two conductivities, S/m."""

    surface: Surface
    inside: float
    outside: float


@dataclass(frozen=True, eq=False)
class Conductor:
    """Interfaces, the outermost first; outside of it nothing conducts."""

    interfaces: Sequence[Interface]

    @cached_property
    def points(self) -> Float[np.ndarray, "nodes 3"]:
        return np.concatenate([i.surface.points for i in self.interfaces])

    @cached_property
    def triangles(self) -> Int[np.ndarray, "faces 3"]:
        sizes = [len(i.surface.points) for i in self.interfaces]
        starts = np.cumsum([0, *sizes[:-1]])
        return np.concatenate(
            [i.surface.triangles + s for i, s in zip(self.interfaces, starts, strict=True)]
        )

    @cached_property
    def jumps(self) -> Float[np.ndarray, " faces"]:
        """s- - s+ of each triangle, S/m."""
        return np.concatenate(
            [np.full(len(i.surface.triangles), i.inside - i.outside) for i in self.interfaces]
        )

    @cached_property
    def means(self) -> Float[np.ndarray, " nodes"]:
        """(s- + s+) / 2 at each node, S/m."""
        return np.concatenate(
            [np.full(len(i.surface.points), (i.inside + i.outside) / 2) for i in self.interfaces]
        )

    @cached_property
    def _factors(self):
        matrix = np.diag(self.means) - double_layer(self)
        # A constant potential solves the equation without sources; adding the mean over the
        # outermost surface makes that mean zero and the matrix regular (deflation).
        skin = len(self.interfaces[0].surface.points)
        matrix[:, :skin] += self.means[0] / skin
        return lu_factor(matrix, overwrite_a=True)

    def potentials(
        self, sources: Float[np.ndarray, "nodes fields"]
    ) -> Float[np.ndarray, "nodes fields"]:
        """phi at the nodes, from s phi_inf at the nodes; of mean zero on the outermost surface.

        mV when s phi_inf is in mV S/m. The sources must not add up to a net current.
        """
        return lu_solve(self._factors, sources)


def double_layer(conductor: Conductor) -> Float[np.ndarray, "nodes nodes"]:
    """1 / (4 pi) (s- - s+) PV integral of each node's hat function d Omega, seen from each node."""
    points, triangles = conductor.points, conductor.triangles
    size = len(points)
    matrix = np.zeros((size, size))
    for rows in _chunks(size, 4_000_000 // len(triangles)):
        angles = solid_angles(points[rows], points[triangles]) * conductor.jumps[:, None]
        for corner in range(3):
            _scatter(matrix[rows], triangles[:, corner], angles[:, :, corner])
    matrix /= 4 * np.pi
    _close_the_angles(conductor, matrix)
    return matrix


def _scatter(rows: np.ndarray, columns: np.ndarray, values: np.ndarray) -> None:
    """rows[:, columns] += values, where a column may stand several times."""
    order = np.argsort(columns, kind="stable")
    starts = np.flatnonzero(np.diff(columns[order], prepend=-1))
    rows[:, columns[order][starts]] += np.add.reduceat(values[:, order], starts, axis=1)


def _close_the_angles(conductor: Conductor, matrix: np.ndarray) -> None:
    """Each node sees its own surface under the half space, less what its flat triangles give.

    A closed surface is seen under 0 from outside, 4 pi from inside and 2 pi from itself; what is
    missing at a corner of a polyhedron is put on the node itself, which keeps constants exact.
    """
    start = 0
    for interface in conductor.interfaces:
        own = slice(start, start + len(interface.surface.points))
        seen = matrix[own, own].sum(axis=1)
        missing = (interface.inside - interface.outside) / 2 - seen
        matrix[np.arange(own.start, own.stop), np.arange(own.start, own.stop)] += missing
        start = own.stop


def solid_angles(
    observers: Float[np.ndarray, "observers 3"], corners: Float[np.ndarray, "faces 3 3"]
) -> Float[np.ndarray, "observers faces 3"]:
    """Integral of each corner's linear hat function over a triangle d Omega, from each observer.

    Positive where the triangle turns its back (outward normal) on the observer. Zero in the
    triangle's own plane, the principal value.
    """
    y = corners[None] - observers[:, None, None]
    following, preceding = np.roll(y, -1, axis=2), np.roll(y, 1, axis=2)
    distances = np.linalg.norm(y, axis=3)
    normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    determinant = np.einsum("ofi,fi->of", y[:, :, 0], normal)
    whole = _whole_angle(y, distances, determinant)
    gamma = _edge_integrals(y, following, distances)
    edge_sum = ((np.roll(gamma, 1, axis=2) - gamma)[..., None] * y).sum(axis=2)
    opposite = np.cross(following, preceding)
    linear = np.einsum("ofki,fi->ofk", opposite, normal) * whole[..., None]
    linear -= determinant[..., None] * np.einsum("ofki,ofi->ofk", following - preceding, edge_sum)
    linear /= np.einsum("fi,fi->f", normal, normal)[None, :, None]
    scale = np.linalg.norm(normal, axis=1) ** 1.5
    return np.where(np.abs(determinant) > 1e-9 * scale, 1.0, 0.0)[..., None] * linear


def _whole_angle(y, distances, determinant):
    """van Oosterom and Strackee, IEEE Trans Biomed Eng 30:125, 1983."""
    a, b, c = np.moveaxis(distances, 2, 0)
    ab = np.einsum("ofi,ofi->of", y[:, :, 0], y[:, :, 1])
    bc = np.einsum("ofi,ofi->of", y[:, :, 1], y[:, :, 2])
    ca = np.einsum("ofi,ofi->of", y[:, :, 2], y[:, :, 0])
    return 2 * np.arctan2(determinant, a * b * c + ab * c + bc * a + ca * b)


def _edge_integrals(y, following, distances):
    """Integral of 1 / distance along each edge from its corner, divided by the edge's length."""
    edge = following - y
    length = np.linalg.norm(edge, axis=3)
    start = distances * length + np.einsum("ofki,ofki->ofk", y, edge)
    end = np.roll(distances, -1, axis=2) * length + np.einsum("ofki,ofki->ofk", following, edge)
    tiny = 1e-300
    return np.log(np.maximum(end, tiny) / np.maximum(start, tiny)) / length


def _chunks(size: int, width: int):
    width = max(1, width)
    return (slice(start, min(start + width, size)) for start in range(0, size, width))
