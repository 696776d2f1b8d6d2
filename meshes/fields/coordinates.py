"""Where each node is in the heart: apicobasal, transmural, rotational, and which ventricle.

The definitions are in docs/coordinates.md. Each coordinate grows evenly along the trajectories
that carry it from one end to the other; the meaning is Cobiveco's (Schuler et al., Med. Image
Anal. 74:102247, 2021), with the whole septum left.
"""

import numpy as np
from jaxtyping import Bool, Float, Int

from twin.meshes.fields.apex import Apex, farthest, mouth_centre
from twin.meshes.fields.laplace import LinearElements, unit
from twin.meshes.fields.rotation import LongAxis, find_insertions, long_axis, right_rotational
from twin.meshes.fields.trajectories import even_coordinate
from twin.meshes.fields.ventricles import Walls, find_walls, interventricular
from twin.meshes.heart import Boundary, Coordinates
from twin.meshes.topology import triangle_edges


def compute_coordinates(
    points: Float[np.ndarray, "points 3"],
    tetrahedra: Int[np.ndarray, "tets 4"],
    triangles: Int[np.ndarray, "faces 3"],
    boundary: Int[np.ndarray, " faces"],
) -> Coordinates:
    """The coordinates of every node of a labelled heart, or of a labelled left ventricle alone."""
    elements = LinearElements(points, tetrahedra)
    walls = find_walls(elements, triangles, boundary)
    is_right = np.zeros(len(points), bool)
    if walls.right.any():
        is_right = interventricular(elements, walls) > 0.5
    insertion = _insertion(walls, triangles[boundary == Boundary.RV_ENDOCARDIUM])
    apicobasal, transmural, rotational = np.zeros((3, len(points)))
    coordinates = Coordinates(apicobasal, transmural, rotational, is_right.astype(np.int8))

    left = _Ventricle(elements, walls, ~is_right, walls.left)
    mouth = mouth_centre(elements.points, triangles[boundary == Boundary.LV_ENDOCARDIUM])
    axis = _fill_left(coordinates, left, mouth, insertion)
    if walls.right.any():
        right = _Ventricle(elements, walls, is_right, walls.right)
        mouth = mouth_centre(elements.points, triangles[boundary == Boundary.RV_ENDOCARDIUM])
        _fill_right(coordinates, right, mouth, insertion, axis)
    return coordinates


class _Ventricle:
    """One ventricle's tetrahedra, with those across the border that share a node, renumbered."""

    def __init__(
        self,
        elements: LinearElements,
        walls: Walls,
        belongs: Bool[np.ndarray, " points"],
        endocardium: Bool[np.ndarray, " points"],
    ) -> None:
        tetrahedra = elements.tetrahedra[belongs[elements.tetrahedra].any(axis=1)]
        self.nodes, tetrahedra = np.unique(tetrahedra, return_inverse=True)
        self.elements = LinearElements(elements.points[self.nodes], tetrahedra.reshape(-1, 4))
        self.walls = walls.at(self.nodes)
        self.belongs = belongs[self.nodes]
        self.endocardium = endocardium[self.nodes]

    @property
    def points(self) -> Float[np.ndarray, "part 3"]:
        return self.elements.points

    def store(
        self, field: Float[np.ndarray, " points"], values: Float[np.ndarray, " part"]
    ) -> None:
        """Write the values into the whole heart's field where the ventricle's own nodes are."""
        field[self.nodes[self.belongs]] = values[self.belongs]

    def transmural(self) -> Float[np.ndarray, " part"]:
        outside = (self.walls.epicardium | self.walls.left | self.walls.right) & ~self.endocardium
        inside = self.endocardium & ~self.walls.epicardium
        return even_coordinate(self.elements, inside | outside, outside * 1.0)

    def layers(self, transmural: Float[np.ndarray, " part"]) -> Float[np.ndarray, "tets 3"]:
        """Unit normals of the layers of equal depth, smoothed over neighbouring tetrahedra."""
        gradient = self.elements.at_nodes(unit(self.elements.gradient(transmural)))
        return unit(gradient[self.elements.tetrahedra].mean(axis=1))

    def apicobasal(
        self, apex: Apex, layers: Float[np.ndarray, "tets 3"], mouth: Float[np.ndarray, " 3"]
    ) -> Float[np.ndarray, " part"]:
        """Nodes at the apex get their distance from it over a typical length of wall."""
        tip = np.zeros(len(self.points), bool)
        tip[apex.nodes(self.points)] = True
        length = 1.15 * np.linalg.norm(mouth - apex.inner)
        values = np.where(self.walls.base, 1.0, apex.distance(self.points) / length)
        return even_coordinate(self.elements, tip | self.walls.base, values, layers)


def _fill_left(
    coordinates: Coordinates,
    left: _Ventricle,
    mouth: Float[np.ndarray, " 3"],
    insertion: Int[np.ndarray, " nodes"],
) -> LongAxis:
    """Compute the left ventricle's coordinates in place; return the axis that angles are about."""
    transmural = left.transmural()
    layers = left.layers(transmural)
    apex = _left_apex(left, layers, mouth)
    apicobasal = left.apicobasal(apex, layers, mouth)
    axis = long_axis(
        apex,
        mouth,
        left.points[left.endocardium],
        apicobasal[left.endocardium],
        left.points[left.walls.septal],
    )
    angle = axis.angle(left.points, apicobasal, transmural)
    at_insertion = np.isin(left.nodes, insertion)
    insertions = find_insertions(angle[at_insertion], apicobasal[at_insertion])
    left.store(coordinates.transmural, transmural)
    left.store(coordinates.apicobasal, apicobasal)
    left.store(coordinates.rotational, insertions.rotational(angle, apicobasal))
    return axis


def _left_apex(
    left: _Ventricle, layers: Float[np.ndarray, "tets 3"], mouth: Float[np.ndarray, " 3"]
) -> Apex:
    """From the endocardium's place farthest from the mouth, across the layers."""
    inner = farthest(left.points[left.endocardium], mouth)
    epicardium = left.points[left.walls.epicardium]
    thickness = np.linalg.norm(epicardium - inner, axis=1).min()
    centres = left.points[left.elements.tetrahedra].mean(axis=1)
    nearby = np.linalg.norm(centres - inner, axis=1) < thickness
    across = unit((layers[nearby] * left.elements.volumes[nearby, None]).sum(axis=0))
    aside = np.linalg.norm(np.cross(epicardium - inner, across), axis=1)
    opposite = epicardium[np.argsort(aside + 1e3 * ((epicardium - inner) @ across < 0))[:6]]
    return Apex(inner, inner + across * ((opposite - inner) @ across).mean())


def _fill_right(
    coordinates: Coordinates,
    right: _Ventricle,
    mouth: Float[np.ndarray, " 3"],
    insertion: Int[np.ndarray, " nodes"],
    axis: LongAxis,
) -> None:
    """Compute the right ventricle's coordinates in place.

    Its apex is the place on the insertion farthest from its mouth; on either side of it the
    border with the left ventricle is anterior or inferior.
    """
    transmural = right.transmural()
    layers = right.layers(transmural)
    rim = right.points[np.isin(right.nodes, insertion)]
    inner = rim[np.linalg.norm(rim - mouth, axis=1).argmax()]
    epicardium = right.points[right.walls.epicardium]
    apex = Apex(inner, epicardium[np.linalg.norm(epicardium - inner, axis=1).argmin()])
    border = ~right.belongs
    is_inferior = axis.side(right.points, apex.inner) > 0
    rotational = right_rotational(
        right.elements, border & ~is_inferior, border & is_inferior, layers
    )
    right.store(coordinates.transmural, transmural)
    right.store(coordinates.apicobasal, right.apicobasal(apex, layers, mouth))
    right.store(coordinates.rotational, rotational)


def _insertion(walls: Walls, endocardium: Int[np.ndarray, "faces 3"]) -> Int[np.ndarray, " nodes"]:
    """Nodes on either side of where the right endocardium leaves the septum."""
    edges = triangle_edges(endocardium)
    return np.unique(edges[walls.septal[edges[:, 0]] != walls.septal[edges[:, 1]]])
