"""Fibre and sheet directions by rule: helix and sheet angles that turn through the wall."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

from twin.meshes.errors import InputError
from twin.meshes.fields.laplace import LinearElements, unit
from twin.meshes.heart import Coordinates, Fibres

CAP = 0.25
"""Apicobasal up to which the apex counts as round."""

_POWERS = np.array([p for p in np.ndindex(3, 3, 3) if sum(p) <= 2])
_HALF_TURNS = np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]])


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


STANDARD_RULE = FibreRule()


def rule_based_fibres(
    points: Float[np.ndarray, "points 3"],
    tetrahedra: Int[np.ndarray, "tets 4"],
    coordinates: Coordinates,
    rule: FibreRule = STANDARD_RULE,
) -> Fibres:
    """A right-handed orthonormal triad in every tetrahedron.

    Each ventricle's triads go on a little beyond its border; there a tetrahedron turns from the
    one to the other by the shortest rotation, fibre and sheet being axes without a sense.
    """
    elements = LinearElements(points, tetrahedra)
    is_right = coordinates.ventricle == 1
    if not is_right.any():
        everywhere = np.ones(len(tetrahedra), bool)
        triads = _triads(elements, coordinates, ~is_right, everywhere, rule.left_helix, rule)
    else:
        share = _share_of_right(elements.points, is_right, rule.blend)[elements.tetrahedra].mean(1)
        left, right = share < 1, share > 0
        triads, others = np.zeros((2, len(tetrahedra), 3, 3))
        triads[left] = _triads(elements, coordinates, ~is_right, left, rule.left_helix, rule)
        others[right] = _triads(elements, coordinates, is_right, right, rule.right_helix, rule)
        triads[~left] = others[~left]
        mixed = left & right
        triads[mixed] = _blend(triads[mixed], others[mixed], share[mixed])
    return Fibres(*np.ascontiguousarray(triads.transpose(2, 0, 1)))


def _axes(
    elements: LinearElements,
    coordinates: Coordinates,
    belongs: Bool[np.ndarray, " points"],
    chosen: Bool[np.ndarray, " tets"],
) -> tuple[
    Float[np.ndarray, "chosen 3"], Float[np.ndarray, "chosen 3"], Float[np.ndarray, " chosen"]
]:
    """Outward and upward directions and the depth in tetrahedra of a ventricle or just beyond it.

    Upward is the gradient of apicobasal squared, which is smooth at the apex, where apicobasal
    itself has a tip.
    """
    own = belongs[elements.tetrahedra].all(axis=1)
    if not own.any():
        own = belongs[elements.tetrahedra].any(axis=1)
    inside = LinearElements(elements.points, elements.tetrahedra[own])
    outward = inside.at_nodes(unit(inside.gradient(coordinates.transmural)))
    upward = inside.at_nodes(inside.gradient(coordinates.apicobasal**2))
    fields = np.column_stack([outward, upward, coordinates.transmural, coordinates.apicobasal])
    known = np.zeros(len(belongs), bool)
    known[inside.tetrahedra] = True
    wanted = np.zeros(len(belongs), bool)
    wanted[elements.tetrahedra[chosen]] = True
    fields = _continued(elements.points, fields, known, wanted & ~known)
    values = fields[elements.tetrahedra[chosen]].mean(axis=1)
    centres = elements.points[elements.tetrahedra[chosen]].mean(axis=1)
    cap = _upward_in_cap(elements.points[belongs], coordinates.apicobasal[belongs], centres)
    fade = np.clip(2 - 2 * values[:, 7:] / CAP, 0, 1)
    return unit(values[:, :3]), fade * cap + (1 - fade) * values[:, 3:6], values[:, 6]


def _upward_in_cap(
    points: Float[np.ndarray, "own 3"],
    apicobasal: Float[np.ndarray, " own"],
    places: Float[np.ndarray, "places 3"],
) -> Float[np.ndarray, "places 3"]:
    """Gradient of the quadratic polynomial that fits apicobasal squared around the apex.

    Around the apex a few elements see all directions: their own gradients are too coarse there.
    """
    cap = apicobasal < CAP
    if cap.sum() < 4 * len(_POWERS):
        return np.zeros_like(places)
    centre, scale = points[cap].mean(axis=0), points[cap].std()
    scaled = (points[cap] - centre) / scale
    terms = np.column_stack([np.prod(scaled**power, axis=1) for power in _POWERS])
    coefficients = np.linalg.lstsq(terms, apicobasal[cap] ** 2, rcond=None)[0]
    scaled = (places - centre) / scale
    gradient = np.zeros_like(places)
    for power, coefficient in zip(_POWERS, coefficients, strict=True):
        for axis in np.flatnonzero(power):
            lowered = power - np.eye(3, dtype=int)[axis]
            gradient[:, axis] += coefficient * power[axis] * np.prod(scaled**lowered, axis=1)
    return gradient / scale


def _triads(
    elements: LinearElements,
    coordinates: Coordinates,
    belongs: Bool[np.ndarray, " points"],
    chosen: Bool[np.ndarray, " tets"],
    helix: tuple[float, float],
    rule: FibreRule,
) -> Float[np.ndarray, "chosen 3 3"]:
    """Fibre, sheet and normal (columns) at the rule's angles to the wall's own directions."""
    outward, upward, depth = _axes(elements, coordinates, belongs, chosen)
    circumferential = unit(np.cross(upward, outward))
    longitudinal = np.cross(outward, circumferential)
    alpha, beta = (
        np.radians(np.interp(depth, (0, 1), ends))[:, None] for ends in (helix, rule.sheet)
    )
    fibre = np.cos(alpha) * circumferential + np.sin(alpha) * longitudinal
    upright = np.cos(alpha) * longitudinal - np.sin(alpha) * circumferential
    sheet = np.cos(beta) * outward + np.sin(beta) * upright
    return np.stack([fibre, sheet, np.cross(fibre, sheet)], axis=2)


def _continued(
    points: Float[np.ndarray, "points 3"],
    values: Float[np.ndarray, "points fields"],
    known: Bool[np.ndarray, " points"],
    wanted: Bool[np.ndarray, " points"],
) -> Float[np.ndarray, "points fields"]:
    """The values, and where they are wanted and not known a mean of those of the nearest nodes."""
    if not wanted.any():
        return values
    neighbours = np.arange(min(8, known.sum())) + 1
    distance, nearest = cKDTree(points[known]).query(points[wanted], neighbours)
    weights = 1 / np.maximum(distance, 1e-6) ** 2
    weights /= weights.sum(axis=1, keepdims=True)
    values = values.copy()
    values[wanted] = np.einsum("ij,ijk->ik", weights, values[known][nearest])
    return values


def _share_of_right(
    points: Float[np.ndarray, "points 3"], is_right: Bool[np.ndarray, " points"], blend: float
) -> Float[np.ndarray, " points"]:
    """0 deep in the left ventricle, 1/2 at the border, 1 deep in the right."""
    signed = np.empty(len(points))
    for side, sign in ((is_right, 1), (~is_right, -1)):
        across = cKDTree(points[~side]).query(points[side], distance_upper_bound=blend)[0]
        signed[side] = sign * np.minimum(across, blend)
    place = 0.5 + signed / (2 * blend)
    return place**2 * (3 - 2 * place)


def _rotations(matrices: Float[np.ndarray, "mixed 3 3"]) -> Rotation:
    try:
        return Rotation.from_matrix(matrices)
    except ValueError:
        raise InputError(
            "fibres: where the ventricles meet, a wall one cell thick has no direction across it; "
            "use a finer mesh"
        ) from None


def _blend(
    left: Float[np.ndarray, "mixed 3 3"],
    right: Float[np.ndarray, "mixed 3 3"],
    share: Float[np.ndarray, " mixed"],
) -> Float[np.ndarray, "mixed 3 3"]:
    """Turn each left triad towards the right one by its share, along the shortest rotation.

    Turning a triad half around one of its axes leaves the same tissue: of the four equal right
    triads the nearest is taken.
    """
    if len(share) == 0:
        return left
    overlap = np.einsum("txi,txi->ti", left, right)
    signs = _HALF_TURNS[(overlap @ _HALF_TURNS.T).argmax(axis=1)]
    between = _rotations(np.einsum("txi,ti,tyi->txy", right, signs, left))
    return Rotation.from_rotvec(between.as_rotvec() * share[:, None]).as_matrix() @ left
