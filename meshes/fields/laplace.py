"""Linear finite elements on tetrahedra: gradients, stiffness, potentials between given values."""

from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy import sparse

from twin.meshes.errors import TwinError

MOST_ITERATIONS = 10_000


class LinearElements:
    """The P1 elements of a tetrahedral mesh: values at nodes, gradients in tetrahedra."""

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
    """div(tensor grad u) = 0, u given at some nodes, no flux through the rest of the boundary.

    Conjugate gradients on the diagonally scaled matrix: in a thin wall with values given on most
    of its surface, multigrid costs more than the iterations it saves.
    """

    def __init__(self, stiffness: sparse.csr_matrix, fixed: Bool[np.ndarray, " points"]) -> None:
        self.free, self.fixed = np.flatnonzero(~fixed), np.flatnonzero(fixed)
        rows = stiffness[self.free]
        self._coupling = rows[:, self.fixed]
        inner = rows[:, self.free].tocsr()
        self._scale = 1 / np.sqrt(np.maximum(inner.diagonal(), 1e-300))
        diagonal = sparse.diags_array(self._scale)
        self._matrix = (diagonal @ inner @ diagonal).tocsr()

    def solve(
        self,
        values: Float[np.ndarray, " points"],
        tolerance: float = 1e-6,
        guess: Float[np.ndarray, " points"] | None = None,
    ) -> Float[np.ndarray, " points"]:
        """The potential at every node; of `values` only those at the fixed nodes count.

        The residual is brought below the tolerance times what the fixed values demand.
        """
        solution = np.array(values, float)
        demand = -self._scale * (self._coupling @ solution[self.fixed])
        start = np.zeros(len(demand)) if guess is None else guess[self.free] / self._scale
        scaled = conjugate_gradients(self._matrix, demand, start, tolerance)
        solution[self.free] = scaled * self._scale
        return solution


def conjugate_gradients(
    matrix: sparse.csr_matrix,
    right: Float[np.ndarray, " unknowns"],
    solution: Float[np.ndarray, " unknowns"],
    tolerance: float,
) -> Float[np.ndarray, " unknowns"]:
    """Solve a symmetric positive definite system until the residual falls below tolerance |right|.

    scipy's takes its scalar products from a BLAS whose threads wait for each other in every
    iteration, and whose last bits depend on their number; these do neither.
    """
    residual = right - matrix @ solution
    direction = residual
    square = _dot(residual, residual)
    goal = tolerance**2 * _dot(right, right)
    for _ in range(MOST_ITERATIONS):
        if square <= goal:
            return solution
        image = matrix @ direction
        step = square / _dot(direction, image)
        solution = solution + step * direction
        residual = residual - step * image
        before, square = square, _dot(residual, residual)
        direction = residual + (square / before) * direction
    raise TwinError(
        f"a Laplace solve did not settle in {MOST_ITERATIONS:,} iterations; the mesh has "
        "degenerate or disconnected tetrahedra: check and repair it first"
    )


def _dot(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.einsum("i,i", one, other))


def unit(vectors: Float[np.ndarray, "vectors 3"]) -> Float[np.ndarray, "vectors 3"]:
    """The same directions, length 1; zero stays zero."""
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return vectors / np.where(length > 0, length, 1)
