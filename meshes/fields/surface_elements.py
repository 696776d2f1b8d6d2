"""Linear finite elements on triangles: gradients, stiffness, potentials along a surface."""

from functools import cached_property

import numpy as np
from jaxtyping import Float, Int
from scipy import sparse


class SurfaceElements:
    """The P1 elements of a triangle surface: values at nodes, gradients in triangles."""

    def __init__(
        self, points: Float[np.ndarray, "points 3"], triangles: Int[np.ndarray, "tris 3"]
    ) -> None:
        self.points = np.asarray(points, float)
        self.triangles = np.asarray(triangles)
        a, b, c = np.moveaxis(self.points[self.triangles], 1, 0)
        across = np.cross(b - a, c - a)
        double = np.linalg.norm(across, axis=1, keepdims=True)
        self.areas = double[:, 0] / 2
        """mm2"""
        self.normals = across / double
        opposite = np.stack([c - b, a - c, b - a], axis=1)
        self.gradients = np.cross(self.normals[:, None], opposite) / double[:, None]
        """Gradient of each corner's hat function, 1/mm, shape (tris, 3, 3)."""

    def gradient(self, values: Float[np.ndarray, " points"]) -> Float[np.ndarray, "tris 3"]:
        return np.einsum("tc,tcx->tx", values[self.triangles], self.gradients)

    @cached_property
    def node_areas(self) -> Float[np.ndarray, " points"]:
        """A third of the triangles around each node, mm2."""
        third = np.repeat(self.areas / 3, 3)
        return np.bincount(self.triangles.ravel(), third, minlength=len(self.points))

    def stiffness(self) -> sparse.csr_matrix:
        """Integrals of grad(i) . grad(j)."""
        entries = np.einsum("tix,tjx,t->tij", self.gradients, self.gradients, self.areas)
        rows = np.repeat(self.triangles, 3, axis=1).ravel()
        columns = np.tile(self.triangles, (1, 3)).ravel()
        size = len(self.points)
        return sparse.csr_matrix((entries.ravel(), (rows, columns)), shape=(size, size))

    def at_nodes(self, values: Float[np.ndarray, "tris ..."]) -> Float[np.ndarray, "points ..."]:
        """Mean of the values in the triangles around each node, weighted by area."""
        weighted = values * self.areas.reshape(-1, *([1] * (values.ndim - 1)))
        total = np.zeros((len(self.points), *values.shape[1:]))
        for corner in self.triangles.T:
            np.add.at(total, corner, weighted)
        around = 3 * self.node_areas
        return total / around.reshape(-1, *([1] * (values.ndim - 1)))
