"""Linear finite elements on tetrahedra or on triangles in space."""

import math
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float
from scipy import sparse

from twin.meshes.heart import Heart
from twin.meshes.shell import Shell


class Simplices:
    """The elements of a mesh, and what matrices are made of. Those `left_out` weigh nothing."""

    def __init__(self, mesh: Heart | Shell, left_out: Bool[np.ndarray, " elements"]) -> None:
        self.elements = mesh.elements
        self.nodes = len(mesh.points)
        self.corners = self.elements.shape[1]
        self.places = np.asarray(mesh.points, float)[self.elements]
        edges = self.places[:, 1:] - self.places[:, :1]
        products = edges @ edges.transpose(0, 2, 1)
        inner = np.linalg.solve(products, edges)
        self.gradients = np.concatenate([-inner.sum(axis=1, keepdims=True), inner], axis=1)
        """Of each corner's hat function, 1/mm."""
        sizes = np.sqrt(np.linalg.det(products)) / math.factorial(self.corners - 1)
        self.sizes = np.where(left_out, 0.0, sizes)
        """mm3, or mm2 on a shell."""
        f = mesh.fibres
        self.axes = np.stack([f.fibre, f.sheet, f.normal], axis=1).astype(float)

    def stiffness(
        self, diffusivities: Float[np.ndarray, "elements 3"]
    ) -> Float[np.ndarray, "elements corners corners"]:
        """Integrals of grad(i) . D grad(j), D along the three axes of the fibres."""
        slopes = self.gradients @ self.axes.transpose(0, 2, 1)
        weighted = slopes * (self.sizes[:, None] * diffusivities)[:, None]
        return weighted @ slopes.transpose(0, 2, 1)

    @property
    def consistent_mass(self) -> Float[np.ndarray, "elements corners corners"]:
        """Integrals of products of hat functions."""
        share = np.ones((self.corners, self.corners)) + np.eye(self.corners)
        return self.sizes[:, None, None] * share / (self.corners * (self.corners + 1))

    @cached_property
    def lumped_mass(self) -> Float[np.ndarray, " points"]:
        """Each node's share of the elements around it."""
        shares = np.repeat(self.sizes / self.corners, self.corners)
        return np.bincount(self.elements.ravel(), shares, self.nodes)

    @cached_property
    def extents(self) -> Float[np.ndarray, "elements 3"]:
        """Extent along each axis of the fibres, mm: the spacing h of a line on which lumping does
        to a linear function what it does in the element: h^2 / 6 = sum over edges of their squared
        component / (n (n + 1)), with n corners."""
        along = self.places @ self.axes.transpose(0, 2, 1)
        squares = sum(
            (along[:, i] - along[:, j]) ** 2 for i in range(self.corners) for j in range(i)
        )
        return np.sqrt(6 * squares / (self.corners * (self.corners + 1)))

    def gather(self, entries: Float[np.ndarray, "elements corners corners"]) -> sparse.csr_matrix:
        """One matrix of all elements'."""
        rows = np.repeat(self.elements, self.corners, axis=1).ravel()
        columns = np.tile(self.elements, (1, self.corners)).ravel()
        return sparse.csr_matrix((entries.ravel(), (rows, columns)), shape=2 * (self.nodes,))
