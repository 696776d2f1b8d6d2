"""Linear finite elements on tetrahedra: gradients, stiffness, and potentials between given values."""

from functools import cached_property

import numpy as np
import pyamg
from jaxtyping import Bool, Float, Int
from scipy import sparse

from twin.meshes.errors import TwinError


class LinearElements:
    """The P1 elements of a tetrahedral mesh: a value at each node, a gradient in each tetrahedron."""

    def __init__(
        self, points: Float[np.ndarray, "points 3"], tetrahedra: Int[np.ndarray, "tets 4"]
    ) -> None:
        self.points = np.asarray(points, float)
        self.tetrahedra = np.asarray(tetrahedra)
        edges = self.points[self.tetrahedra[:, 1:]] - self.points[self.tetrahedra[:, :1]]
        a, b, c = np.moveaxis(edges, 1, 0)
        cofactors = np.stack([np.cross(b, c), np.cross(c, a), np.cross(a, b)], axis=1)
        determinant = np.einsum("ij,ij->i", a, cofactors[:, 0])
        self.volumes = np.abs(determinant) / 6
        """mm3"""
        inner = cofactors / determinant[:, None, None]
        self.gradients = np.concatenate([-inner.sum(axis=1, keepdims=True), inner], axis=1)
        """Gradient of each corner's hat function, 1/mm, shape (tets, 4, 3)."""

    def gradient(self, values: Float[np.ndarray, " points"]) -> Float[np.ndarray, "tets 3"]:
        return np.einsum("tc,tcx->tx", values[self.tetrahedra], self.gradients)

    def at_nodes(self, values: Float[np.ndarray, "tets ..."]) -> Float[np.ndarray, "points ..."]:
        """Mean of the values in the tetrahedra around each node, weighted by volume."""
        return self._averaging @ values

    def stiffness(self, tensor: Float[np.ndarray, "tets 3 3"] | None = None) -> sparse.csr_matrix:
        """Integrals of grad(i) . tensor grad(j), mm times the tensor's unit; identity if None."""
        flux = self.gradients if tensor is None else self.gradients @ tensor
        entries = flux @ self.gradients.transpose(0, 2, 1) * self.volumes[:, None, None]
        slots, indices, pointers = self._pattern
        data = np.bincount(slots, entries.ravel(), minlength=len(indices))
        return sparse.csr_matrix((data, indices, pointers), shape=2 * (len(self.points),))

    @cached_property
    def _pattern(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Where each of an element's sixteen entries goes in the matrix."""
        nodes = len(self.points)
        keys = self.tetrahedra[:, :, None].astype(np.int64) * nodes + self.tetrahedra[:, None]
        unique, slots = np.unique(keys, return_inverse=True)
        pointers = np.searchsorted(unique, np.arange(nodes + 1) * nodes)
        return slots.ravel(), (unique % nodes).astype(np.int32), pointers.astype(np.int32)

    @cached_property
    def _averaging(self) -> sparse.csr_matrix:
        rows = self.tetrahedra.ravel()
        columns = np.repeat(np.arange(len(self.tetrahedra)), 4)
        weights = sparse.csr_matrix(
            (np.repeat(self.volumes, 4), (rows, columns)),
            shape=(len(self.points), len(self.tetrahedra)),
        )
        total = np.maximum(np.bincount(rows, np.repeat(self.volumes, 4), len(self.points)), 1e-300)
        return sparse.diags_array(1 / total) @ weights


class DirichletProblem:
    """div(tensor grad u) = 0 with u given at some nodes and no flux through the rest of the boundary.

    The multigrid hierarchy is made once and serves every set of values at the same nodes.
    """

    def __init__(self, stiffness: sparse.csr_matrix, fixed: Bool[np.ndarray, " points"]) -> None:
        self.free, self.fixed = np.flatnonzero(~fixed), np.flatnonzero(fixed)
        rows = stiffness[self.free]
        self._coupling = rows[:, self.fixed]
        self._hierarchy = pyamg.smoothed_aggregation_solver(
            rows[:, self.free].tocsr(), strength=("symmetric", {"theta": 0.05}), max_coarse=500
        )

    def solve(
        self, values: Float[np.ndarray, " points"], tolerance: float = 1e-6
    ) -> Float[np.ndarray, " points"]:
        """The potential at every node; of `values` only those at the fixed nodes count."""
        solution = np.array(values, float)
        residuals: list[float] = []
        right = -self._coupling @ solution[self.fixed]
        solution[self.free] = self._hierarchy.solve(
            right, tol=tolerance, accel="cg", maxiter=300, residuals=residuals
        )
        self.iterations = len(residuals) - 1
        if not residuals[-1] <= 100 * tolerance * max(residuals[0], 1e-300):
            raise TwinError(
                f"a Laplace solve stalled at a residual of {residuals[-1] / residuals[0]:.1e}; "
                "the mesh has degenerate or disconnected tetrahedra: check and repair it first"
            )
        return solution


def unit(vectors: Float[np.ndarray, "vectors 3"]) -> Float[np.ndarray, "vectors 3"]:
    """The same directions, length 1; zero stays zero."""
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return vectors / np.where(length > 0, length, 1)
