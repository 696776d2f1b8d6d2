"""Fibre and sheet directions by rule: helix and sheet angles that turn through the wall."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

from twin.meshes.heart import Coordinates, Fibres
from twin.meshes.laplace import LinearElements, unit


@dataclass(frozen=True)
class FibreRule:
    """Angles in degrees at the endocardium and the epicardium; linear in the transmural coordinate.

    Helix: from the circumferential direction (counter-clockwise seen from the base) towards the
    base. Sheet: from the outward transmural direction, about the fibre (Bayer et al., Ann. Biomed.
    Eng. 40:2243, 2012, with their angle beta).
    blend: over how many mm on either side of the border between the ventricles their directions
    pass into each other.
    """

    left_helix: tuple[float, float] = (60.0, -60.0)
    right_helix: tuple[float, float] = (90.0, -25.0)
    sheet: tuple[float, float] = (-65.0, 25.0)
    blend: float = 3.0


def rule_based_fibres(
    points: Float[np.ndarray, "points 3"],
    tetrahedra: Int[np.ndarray, "tets 4"],
    triangles: Int[np.ndarray, "faces 3"],
    boundary: Int[np.ndarray, " faces"],
    coordinates: Coordinates,
    rule: FibreRule = FibreRule(),
) -> Fibres:
    """A right-handed orthonormal triad in every tetrahedron.

    Each ventricle's triads go on a little beyond its border; there a tetrahedron turns from the
    one to the other by the shortest rotation, fibre and sheet being axes without a sense.
    """
    elements = LinearElements(points, tetrahedra)
    is_right = coordinates.ventricle == 1
    left = _triads(elements, coordinates, ~is_right, rule.left_helix, rule)
    if is_right.any():
        right = _triads(elements, coordinates, is_right, rule.right_helix, rule)
        share = _share_of_right(elements.points, is_right, rule.blend)
        left = _blend(left, right, share[elements.tetrahedra].mean(axis=1))
    return Fibres(*np.ascontiguousarray(left.transpose(2, 0, 1)))


def _triads(
    elements: LinearElements,
    coordinates: Coordinates,
    belongs: Bool[np.ndarray, " points"],
    helix: tuple[float, float],
    rule: FibreRule,
) -> Float[np.ndarray, "tets 3 3"]:
    """One ventricle's fibre, sheet and normal (columns) in each tetrahedron, by continuation outside.

    The longitudinal direction is that of the gradient of apicobasal squared, which is smooth at
    the apex, where apicobasal itself has a tip.
    """
    pure = belongs[elements.tetrahedra].all(axis=1, keepdims=True)
    across = elements.at_nodes(unit(elements.gradient(coordinates.transmural)) * pure)
    upwards = elements.at_nodes(elements.gradient(coordinates.apicobasal**2) * pure)
    known = np.column_stack([unit(across), upwards, coordinates.transmural])
    has_value = belongs & (np.abs(across).sum(axis=1) > 0)
    values = _continued(elements.points, known, has_value)[elements.tetrahedra].mean(axis=1)
    outward = unit(values[:, :3])
    circumferential = unit(np.cross(values[:, 3:6], outward))
    longitudinal = np.cross(outward, circumferential)
    depth = values[:, 6]
    alpha, beta = (np.radians(np.interp(depth, (0, 1), ends)) for ends in (helix, rule.sheet))
    fibre = _combine(np.cos(alpha), circumferential, np.sin(alpha), longitudinal)
    upright = _combine(-np.sin(alpha), circumferential, np.cos(alpha), longitudinal)
    sheet = _combine(np.cos(beta), outward, np.sin(beta), upright)
    return np.stack([fibre, sheet, np.cross(fibre, sheet)], axis=2)


def _combine(a, first, b, second):
    return a[:, None] * first + b[:, None] * second


def _continued(
    points: Float[np.ndarray, "points 3"],
    values: Float[np.ndarray, "points fields"],
    known: Bool[np.ndarray, " points"],
) -> Float[np.ndarray, "points fields"]:
    """The values, and where they are not known those of the nearest nodes that know them."""
    if known.all():
        return values
    values = values.copy()
    distance, nearest = cKDTree(points[known]).query(points[~known], k=min(8, int(known.sum())))
    distance, nearest = distance.reshape(len(distance), -1), nearest.reshape(len(nearest), -1)
    weights = 1 / np.maximum(distance, 1e-6) ** 2
    weights /= weights.sum(axis=1, keepdims=True)
    values[~known] = np.einsum("ij,ijk->ik", weights, values[known][nearest])
    return values


def _share_of_right(
    points: Float[np.ndarray, "points 3"], is_right: Bool[np.ndarray, " points"], blend: float
) -> Float[np.ndarray, " points"]:
    """0 deep in the left ventricle, 1/2 at the border, 1 deep in the right."""
    signed = np.empty(len(points))
    signed[is_right] = cKDTree(points[~is_right]).query(points[is_right])[0]
    signed[~is_right] = -cKDTree(points[is_right]).query(points[~is_right])[0]
    place = np.clip(0.5 + signed / (2 * blend), 0, 1)
    return place**2 * (3 - 2 * place)


def _blend(
    left: Float[np.ndarray, "tets 3 3"],
    right: Float[np.ndarray, "tets 3 3"],
    share: Float[np.ndarray, " tets"],
) -> Float[np.ndarray, "tets 3 3"]:
    """Turn each left triad towards the right one by its share, along the shortest rotation.

    Turning a triad half around one of its axes leaves the same tissue: of the four equal right
    triads the nearest is taken.
    """
    mixed = (share > 0) & (share < 1)
    result = np.where((share >= 1)[:, None, None], right, left)
    overlap = np.einsum("txi,txi->ti", left[mixed], right[mixed])
    half_turns = np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]])
    signs = half_turns[(overlap @ half_turns.T).argmax(axis=1)]
    turned = right[mixed] * signs[:, None, :]
    between = Rotation.from_matrix(np.einsum("txi,tyi->txy", turned, left[mixed]))
    partly = Rotation.from_rotvec(between.as_rotvec() * share[mixed, None])
    result[mixed] = partly.as_matrix() @ left[mixed]
    return result
