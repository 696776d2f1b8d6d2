"""Potentials in a body of nested or neighbouring regions of constant conductivity.

With outward normals, conductivities s- inside and s+ outside of each surface, and phi_inf the
potential the sources would have in an infinite medium of the conductivity s around them
(Geselowitz, Biophys J 7:1, 1967):

    (s-(r) + s+(r)) / 2 phi(r) = s phi_inf(r)
        + 1 / (4 pi) sum over surfaces (s- - s+) PV integral of phi d Omega_r

Potentials are linear on triangles and the equation holds at their corners (collocation); each
triangle's integral is analytic where it is near (de Munck, IEEE Trans Biomed Eng 39:986, 1992).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float, Int
from scipy import sparse
from scipy.linalg import lu_factor, lu_solve

from twin.meshes.surface import Surface
from twin.simulation.conductor.solid_angles import OBSERVERS, solid_angles
from twin.simulation.conductor.triangle_integrals import blocks

PASSES = 3
"""Of solving with factors in single precision, which take half the time of double ones."""


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
    def areas(self) -> Float[np.ndarray, " faces"]:
        """mm2."""
        areas = [np.linalg.norm(i.surface.area_vectors, axis=1) for i in self.interfaces]
        return np.concatenate(areas)

    @cached_property
    def node_areas(self) -> Float[np.ndarray, " nodes"]:
        """Integral of each node's hat function, mm2."""
        return np.bincount(self.triangles.ravel(), np.repeat(self.areas / 3, 3))

    @cached_property
    def _system(self):
        """The matrix, and its factors in single precision."""
        matrix = double_layer(self)
        np.negative(matrix, out=matrix)
        matrix[np.diag_indices(len(matrix))] += self.means
        # A constant potential solves the equation without sources; adding the mean over the
        # outermost surface makes that mean zero and the matrix regular (deflation).
        skin = len(self.interfaces[0].surface.points)
        matrix[:, :skin] += self.means[0] / skin
        return matrix, lu_factor(matrix.astype(np.float32), overwrite_a=True)

    def potentials(
        self, sources: Float[np.ndarray, "nodes fields"]
    ) -> Float[np.ndarray, "nodes fields"]:
        """phi at the nodes, from s phi_inf at the nodes; of mean zero on the outermost surface.

        mV when s phi_inf is in mV S/m. The sources must not add up to a net current.
        """
        matrix, factors = self._system
        return _refined(matrix, factors, sources, transposed=0)

    def charges(
        self, functionals: Float[np.ndarray, "nodes fields"]
    ) -> Float[np.ndarray, "nodes fields"]:
        """y with y . sources = functional . potentials(sources), whatever the sources."""
        matrix, factors = self._system
        return _refined(matrix.T, factors, functionals, transposed=1)


def _refined(matrix, factors, right, transposed):
    """The solution in double precision: each pass gains the digits that the factors have."""
    solution, missing = np.zeros_like(right), right
    for _ in range(PASSES):
        solution += lu_solve(factors, missing.astype(np.float32), trans=transposed)
        missing = right - matrix @ solution
    return solution


def double_layer(conductor: Conductor) -> Float[np.ndarray, "nodes nodes"]:
    """1 / (4 pi) (s- - s+) PV integral of each node's hat function d Omega, seen from each node."""
    matrix = seen_from(conductor, conductor.points)
    _close_the_angles(conductor, matrix)
    return matrix


def seen_from(
    conductor: Conductor, observers: Float[np.ndarray, "observers 3"]
) -> Float[np.ndarray, "observers nodes"]:
    """1 / (4 pi) (s- - s+) PV integral of each node's hat function d Omega, seen from observers."""
    triangles = conductor.triangles
    gather = sparse.coo_array(
        (
            np.tile(conductor.jumps / (4 * np.pi), 3).astype(np.float32),
            (triangles.T.ravel(), np.arange(triangles.size)),
        ),
        shape=(len(conductor.points), triangles.size),
    ).tocsr()
    corners = conductor.points[triangles]
    rows = np.empty((len(observers), len(conductor.points)))
    for some in blocks(len(observers), OBSERVERS):
        angles = solid_angles(observers[some], corners)
        rows[some] = (gather @ angles.reshape(triangles.size, -1)).T
    return rows


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
