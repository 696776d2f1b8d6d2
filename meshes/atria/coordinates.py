"""Universal atrial coordinates of a left atrium, and the potentials that its fibres follow.

After Roney et al., Med Image Anal 2019;55:65 (coordinates) and Piersanti et al., Comput Methods
Appl Mech Eng 2021;373:113468 (the potentials of the Laplace-Dirichlet rule).
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from scipy.spatial import cKDTree

from twin.meshes.atria.lines import Lines, find_lines
from twin.meshes.atria.openings import Rims
from twin.meshes.atria.regions import LEFT_VEINS, RIGHT_VEINS, Region
from twin.meshes.fields.laplace import DirichletProblem
from twin.meshes.fields.surface_elements import SurfaceElements

TIP_RADIUS = 3.0
"""Of the patch that counts as the tip of a closed appendage, mm."""


@dataclass(frozen=True, eq=False)
class AtrialCoordinates:
    """Where a node is on a left atrium, in terms that mean the same on every one.

    septal_lateral: 0 on the way from the right superior vein to the mitral ring, 1 on that from the
        left superior vein.
    posterior_anterior: 0 at the back of the mitral ring, 1/2 over the roof between both superior
        veins, 1 at the front of the ring. It jumps across those two ways, whose own nodes count
        to the front.
    """

    septal_lateral: Float[np.ndarray, " points"]
    posterior_anterior: Float[np.ndarray, " points"]


@dataclass(frozen=True, eq=False)
class Potentials:
    """Harmonic functions on the surface.

    across: appendage -1, left veins 0, mitral ring 1, right veins 2. between_veins: left 0, right
    1. from_openings: veins and appendage 0, mitral ring 1. from_veins: veins 0, mitral ring 1.
    """

    across: Float[np.ndarray, " points"]
    between_veins: Float[np.ndarray, " points"]
    from_openings: Float[np.ndarray, " points"]
    from_veins: Float[np.ndarray, " points"]


def find_coordinates(
    elements: SurfaceElements, regions: Int[np.ndarray, " tris"], openings: Rims
) -> AtrialCoordinates:
    points, triangles = elements.points, elements.triangles
    lines = find_lines(points, triangles, regions, openings)
    ends = [(lines.septal, 0.0), (lines.lateral, 1.0)]
    across = _harmonic(elements, ends)
    ring = openings[Region.MITRAL_VESTIBULE]
    height = np.zeros(len(points))
    for front, far in ((False, 0.0), (True, 1.0)):
        nodes, values = _half(elements, lines, front, ring, far)
        height[nodes] = values
    return AtrialCoordinates(across, np.clip(height, 0, 1))


def _half(elements: SurfaceElements, lines: Lines, front: bool, ring, far: float):
    """The second coordinate in front of the lines, or behind them, and the nodes there."""
    own = elements.triangles[lines.anterior == front]
    nodes, triangles = np.unique(own, return_inverse=True)
    part = SurfaceElements(elements.points[nodes], triangles.reshape(-1, 3))
    number = np.full(len(elements.points), -1)
    number[nodes] = np.arange(len(nodes))
    ends = [(number[ring], far), (number[lines.roof], 0.5)]
    return nodes, _harmonic(part, [(some[some >= 0], value) for some, value in ends])


def find_potentials(
    elements: SurfaceElements, regions: Int[np.ndarray, " tris"], openings: Rims
) -> Potentials:
    left = _rim_nodes(openings, (*LEFT_VEINS, Region.LEFT_COMMON_TRUNK))
    right = _rim_nodes(openings, RIGHT_VEINS)
    veins = np.concatenate([left, right])
    ring = openings[Region.MITRAL_VESTIBULE]
    tip = appendage_tip(elements, regions, openings)
    return Potentials(
        across=_harmonic(elements, [(tip, -1), (left, 0), (ring, 1), (right, 2)]),
        between_veins=_harmonic(elements, [(left, 0), (right, 1)]),
        from_openings=_harmonic(elements, [(veins, 0), (tip, 0), (ring, 1)]),
        from_veins=_harmonic(elements, [(veins, 0), (ring, 1)]),
    )


def _rim_nodes(openings: Rims, regions) -> Int[np.ndarray, " nodes"]:
    return np.concatenate([openings[region] for region in regions if region in openings])


def appendage_tip(
    elements: SurfaceElements, regions: Int[np.ndarray, " tris"], openings: Rims
) -> Int[np.ndarray, " nodes"]:
    """Nodes about the point of the appendage farthest from its mouth, or its rim if it is open."""
    if Region.APPENDAGE in openings:
        return openings[Region.APPENDAGE]
    own = regions == Region.APPENDAGE
    inside = np.unique(elements.triangles[own])
    mouth = np.intersect1d(inside, elements.triangles[~own])
    points = elements.points
    distance = cKDTree(points[mouth]).query(points[inside])[0]
    tip = points[inside[distance.argmax()]]
    return inside[np.linalg.norm(points[inside] - tip, axis=1) < TIP_RADIUS]


def _harmonic(elements: SurfaceElements, ends) -> Float[np.ndarray, " points"]:
    values, fixed = np.zeros(len(elements.points)), np.zeros(len(elements.points), bool)
    for nodes, value in ends:
        values[nodes], fixed[nodes] = value, True
    return DirichletProblem(elements.stiffness(), fixed).solve(values)
