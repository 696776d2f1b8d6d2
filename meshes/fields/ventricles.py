"""Which part of a heart is left and which right, and where the two meet."""

from dataclasses import dataclass, fields

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy import sparse
from scipy.sparse import csgraph
from scipy.spatial import cKDTree

from twin.meshes.errors import InputError
from twin.meshes.fields.laplace import DirichletProblem, LinearElements, unit
from twin.meshes.heart import Boundary
from twin.meshes.surface import Surface
from twin.meshes.topology import triangle_edges

SHARE = 0.2
"""A node on a kind of boundary has more than this part of the angle around it in such triangles."""

SLOPE = 0.2
"""A node on a kind of boundary rises less than this, per distance, from the nearest sure ones."""


@dataclass(frozen=True)
class Walls:
    """The nodes of each kind of boundary; a node where kinds meet has all of them."""

    base: Bool[np.ndarray, " points"]
    epicardium: Bool[np.ndarray, " points"]
    left: Bool[np.ndarray, " points"]
    right: Bool[np.ndarray, " points"]
    septal: Bool[np.ndarray, " points"]
    """The part of the right endocardium that faces the left ventricle."""

    @property
    def right_free(self) -> Bool[np.ndarray, " points"]:
        return self.right & ~self.septal

    def at(self, nodes: Int[np.ndarray, " part"]) -> "Walls":
        """The same for some of the nodes."""
        return Walls(*(getattr(self, f.name)[nodes] for f in fields(self)))


def find_walls(
    elements: LinearElements,
    triangles: Int[np.ndarray, "faces 3"],
    boundary: Int[np.ndarray, " faces"],
) -> Walls:
    """Collect the boundary's nodes by kind and tell the septal from the free right endocardium.

    Septal is where the right endocardium, held at 0 between a left endocardium at 1 and an
    epicardium at -1, receives its flux from the left.
    """
    surface = _NodalSurface(elements.points, triangles)
    kinds = {label: surface.nodes(boundary == label) for label in Boundary}
    left, right = kinds[Boundary.LV_ENDOCARDIUM], kinds[Boundary.RV_ENDOCARDIUM]
    epicardium = kinds[Boundary.EPICARDIUM]
    for label in (Boundary.BASE, Boundary.EPICARDIUM, Boundary.LV_ENDOCARDIUM):
        if not kinds[label].any():
            raise InputError(
                f"no boundary triangle is labelled {label.name}; a heart needs a base, an "
                "epicardium and a left endocardium. Label the surface, or leave all of it "
                "unlabelled to have its labels found"
            )
    septal = np.zeros_like(right)
    if right.any():
        stiffness = elements.stiffness()
        problem = DirichletProblem(stiffness, left | right | epicardium)
        flux = stiffness @ problem.solve(np.where(right, 0.0, left * 1.0 - epicardium))
        septal = right & (flux < 0) & ~epicardium
        septal = _without_islands(septal, right, triangles[boundary == Boundary.RV_ENDOCARDIUM])
    return Walls(kinds[Boundary.BASE], epicardium, left, right, septal)


def interventricular(elements: LinearElements, walls: Walls) -> Float[np.ndarray, " points"]:
    """0 at the left endocardium and the septum's right side, 1 at the free right endocardium.

    Its level 1/2 leaves the insertions of the right ventricle and reaches the epicardium at a right
    angle: there the ventricles meet.
    """
    problem = DirichletProblem(elements.stiffness(), walls.left | walls.right)
    return problem.solve(walls.right_free * 1.0)


class _NodalSurface:
    """Which nodes lie on the surface that labelled triangles stand for.

    Meshes whose triangles do not follow the edges between base and endocardium have triangles that
    cut the corner: they carry one label and have nodes on both surfaces.
    """

    def __init__(
        self, points: Float[np.ndarray, "points 3"], triangles: Int[np.ndarray, "faces 3"]
    ) -> None:
        self.points, self.triangles = points, triangles
        self.angles = corner_angles(points, triangles)
        self.around = np.maximum(self._sum(self.angles), 1e-12)

    def nodes(self, chosen: Bool[np.ndarray, " faces"]) -> Bool[np.ndarray, " points"]:
        """The nodes on the surface of the chosen triangles.

        Sure are those with no other triangles around. A node that has others too must have enough
        of these, and must not stand off the surface of the triangles between sure nodes.
        """
        share = self._sum(np.where(chosen[:, None], self.angles, 0)) / self.around
        is_on = share > 1 - 1e-6
        between = self.triangles[chosen & is_on[self.triangles].all(axis=1)]
        if len(between) == 0:
            return share > SHARE
        normals = np.zeros_like(self.points)
        np.add.at(normals, between, Surface(self.points, between).area_vectors[:, None])
        doubtful = np.flatnonzero((share > SHARE) & ~is_on)
        anchors = np.unique(between)
        nearest = anchors[cKDTree(self.points[anchors]).query(self.points[doubtful])[1]]
        away = unit(self.points[doubtful] - self.points[nearest])
        is_on[doubtful] = np.abs((away * unit(normals[nearest])).sum(axis=1)) < SLOPE
        return is_on

    def _sum(self, values: Float[np.ndarray, "faces 3"]) -> Float[np.ndarray, " points"]:
        return np.bincount(self.triangles.ravel(), values.ravel(), len(self.points))


def corner_angles(
    points: Float[np.ndarray, "points 3"], triangles: Int[np.ndarray, "faces 3"]
) -> Float[np.ndarray, "faces 3"]:
    """The angle in each corner of each triangle, radians."""
    corners = points[triangles]
    ahead = unit(np.roll(corners, -1, axis=1) - corners)
    return np.arccos(np.clip(-(ahead * np.roll(ahead, 1, axis=1)).sum(axis=2), -1, 1))


def _without_islands(septal: np.ndarray, right: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """Keep the largest connected part of the septal nodes, and of the others."""
    largest = _largest_part(septal, triangles)
    return right & ~_largest_part(right & ~largest, triangles)


def _largest_part(mask: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    edges = triangle_edges(triangles)
    edges = edges[mask[edges].all(axis=1)]
    graph = sparse.coo_array((np.ones(len(edges), bool), edges.T), shape=2 * (len(mask),))
    component = csgraph.connected_components(graph, directed=False)[1]
    nodes = np.flatnonzero(mask)
    if len(nodes) == 0:
        return mask
    return mask & (component == np.bincount(component[nodes]).argmax())
