"""Integrals of linear functions over triangles, over the distance and over the solid angle.

Vectors are lists of their three components here. All are for pairs of a place and a triangle, of
few enough at once (`PAIRS`) for intermediate results to stay in the processor's cache: as fast as
a compiled program then, and nothing to compile.
"""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float

PAIRS = 1 << 12


def of_pairs(
    integrals: Callable,
    places: Float[np.ndarray, "places 3"],
    corners: Float[np.ndarray, "faces 3 3"],
    place: np.ndarray,
    face: np.ndarray,
) -> Float[np.ndarray, "3 pairs"]:
    """A function's three integrals for each pair of a place and a triangle, given by number."""
    found = np.empty((3, len(place)), places.dtype)
    for some in blocks(len(place), PAIRS):
        found[:, some] = integrals(places[place[some]], corners[face[some]])
    return found


def blocks(size: int, width: int) -> list[slice]:
    return [slice(start, min(start + width, size)) for start in range(0, size, width)]


def solid_angle_shares(
    places: Float[np.ndarray, "pairs 3"], corners: Float[np.ndarray, "pairs 3 3"]
) -> Float[np.ndarray, "3 pairs"]:
    """Integral of each corner's hat function over a triangle d Omega, from a place.

    Zero in the triangle's own plane, the principal value. de Munck, IEEE Trans Biomed Eng 39:986,
    1992.
    """
    first, second, third = y = [
        [corners[:, k, i] - places[:, i] for i in range(3)] for k in range(3)
    ]
    normal = cross(minus(second, first), minus(third, first))
    square = dot(normal, normal)
    distances = [np.sqrt(dot(v, v)) for v in y]
    determinant = dot(y[0], normal)
    whole = whole_angle(y, distances, determinant)
    gamma = [edge_integral(y[k], y[k - 2], distances[k], distances[k - 2]) for k in range(3)]
    edge_sum = [sum((gamma[k - 1] - gamma[k]) * y[k][i] for k in range(3)) for i in range(3)]
    linear = [
        dot(cross(y[k - 2], y[k - 1]), normal) * whole
        - determinant * dot(minus(y[k - 2], y[k - 1]), edge_sum)
        for k in range(3)
    ]
    apart = np.abs(determinant) > 1e-9 * square**0.75
    return np.where(apart, np.stack(linear) / np.where(apart, square, 1.0), 0.0)


def hat_potentials(
    places: Float[np.ndarray, "pairs 3"], corners: Float[np.ndarray, "pairs 3 3"]
) -> tuple[Float[np.ndarray, "3 pairs"], Float[np.ndarray, " pairs"]]:
    """Integral of each corner's hat function / distance over a triangle, mm; and its area, mm2."""
    first, second, third = y = [
        [corners[:, k, i] - places[:, i] for i in range(3)] for k in range(3)
    ]
    normal = cross(minus(second, first), minus(third, first))
    double = np.sqrt(dot(normal, normal))
    normal = [n / double for n in normal]
    height = dot(first, normal)
    distances = [np.sqrt(dot(v, v)) for v in y]
    flat = -height * whole_angle(y, distances, height * double)
    opposite = [
        _edge(y[k - 2], y[k - 1], distances[k - 2], distances[k - 1], normal) for k in range(3)
    ]
    moment = [0.0, 0.0, 0.0]
    for outwards, away, _, integral, rise in opposite:
        flat = flat + away * integral
        half = ((away**2 + height**2) * integral + rise) / 2
        moment = [sum_ + half * out for sum_, out in zip(moment, outwards, strict=True)]
    hats = [
        (away * flat - dot(out, moment)) * length / double for out, away, length, *_ in opposite
    ]
    return np.stack(hats), double / 2


def _edge(start, end, to_start, to_end, normal):
    """Outward direction in the plane, distance outwards, length, and integrals along the edge:
    of 1 / distance, and the rise of (way along it) x distance."""
    edge = minus(end, start)
    length = np.sqrt(dot(edge, edge))
    along = [e / length for e in edge]
    outwards = cross(along, normal)
    integral = length * edge_integral(start, end, to_start, to_end)
    rise = dot(end, along) * to_end - dot(start, along) * to_start
    return outwards, dot(start, outwards), length, integral, rise


def whole_angle(y, distances, determinant):
    """van Oosterom and Strackee, IEEE Trans Biomed Eng 30:125, 1983."""
    a, b, c = distances
    below = a * b * c + dot(y[0], y[1]) * c + dot(y[1], y[2]) * a + dot(y[2], y[0]) * b
    return 2 * np.arctan2(determinant, below)


def edge_integral(start, end, to_start, to_end):
    """Integral of 1 / distance along an edge, divided by its length."""
    edge = minus(end, start)
    length = np.sqrt(dot(edge, edge))
    both = to_start + to_end
    return np.log((both + length) / np.maximum(both - length, 1e-14 * length)) / length


def minus(a, b):
    return [p - q for p, q in zip(a, b, strict=True)]


def dot(a, b):
    return sum(p * q for p, q in zip(a, b, strict=True))


def cross(a, b):
    return [a[k - 2] * b[k - 1] - a[k - 1] * b[k - 2] for k in range(3)]
