"""Which part of a heart is left and which right: the septum's right side, and where the two meet."""

from dataclasses import dataclass, fields

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy import sparse
from scipy.sparse import csgraph

from twin.meshes.errors import InputError
from twin.meshes.heart import Boundary
from twin.meshes.laplace import DirichletProblem, LinearElements
from twin.meshes.topology import triangle_edges


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
    kinds = {
        label: _nodes(len(elements.points), triangles[boundary == label]) for label in Boundary
    }
    left, right = kinds[Boundary.LV_ENDOCARDIUM], kinds[Boundary.RV_ENDOCARDIUM]
    epicardium = kinds[Boundary.EPICARDIUM]
    for label in (Boundary.BASE, Boundary.EPICARDIUM, Boundary.LV_ENDOCARDIUM):
        if not kinds[label].any():
            raise InputError(
                f"no boundary triangle is labelled {label.name}; a heart needs a base, an epicardium "
                "and a left endocardium: label the surface, or leave it unlabelled to be labelled here"
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


def _nodes(count: int, triangles: np.ndarray) -> np.ndarray:
    mask = np.zeros(count, bool)
    mask[triangles] = True
    return mask


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
