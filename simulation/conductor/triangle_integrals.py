"""Integrals of linear functions over triangles, over the distance and over the solid angle.

Vectors are lists of their three components here, so that everything fuses into one loop.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float


@jax.jit
def solid_angle_shares(
    observers: Float[Array, "observers 3"], corners: Float[Array, "faces 3 3"]
) -> Float[Array, "3 faces observers"]:
    """Integral of each corner's hat function over a triangle d Omega, from each observer.

    Zero in the triangle's own plane, the principal value. de Munck, IEEE Trans Biomed Eng 39:986,
    1992.
    """
    first, second, third = ([corners[:, k, i, None] for i in range(3)] for k in range(3))
    place = [observers[:, i] for i in range(3)]
    y = [
        [at - here for at, here in zip(corner, place, strict=True)]
        for corner in (first, second, third)
    ]
    normal = cross(minus(second, first), minus(third, first))
    square = dot(normal, normal)
    distances = [jnp.sqrt(dot(v, v)) for v in y]
    determinant = dot(y[0], normal)
    whole = whole_angle(y, distances, determinant)
    gamma = [edge_integral(y[k], y[k - 2], distances[k], distances[k - 2]) for k in range(3)]
    edge_sum = [sum((gamma[k - 1] - gamma[k]) * y[k][i] for k in range(3)) for i in range(3)]
    linear = [
        dot(cross(y[k - 2], y[k - 1]), normal) * whole
        - determinant * dot(minus(y[k - 2], y[k - 1]), edge_sum)
        for k in range(3)
    ]
    apart = jnp.abs(determinant) > 1e-9 * square**0.75
    return jnp.where(apart, jnp.stack(linear) / square, 0.0)


def hat_potentials(
    places: Float[Array, "pairs 3"], corners: Float[Array, "pairs 3 3"]
) -> tuple[Float[Array, "pairs 3"], Float[Array, " pairs"]]:
    """Integral of each corner's hat function / distance over a triangle, mm; and its area, mm2."""
    first, second, third = y = [
        [corners[:, k, i] - places[:, i] for i in range(3)] for k in range(3)
    ]
    normal = cross(minus(second, first), minus(third, first))
    double = jnp.sqrt(dot(normal, normal))
    normal = [n / double for n in normal]
    height = dot(first, normal)
    distances = [jnp.sqrt(dot(v, v)) for v in y]
    flat = -height * whole_angle(y, distances, height * double)
    opposite = [
        _edge(y[k - 2], y[k - 1], distances[k - 2], distances[k - 1], normal) for k in range(3)
    ]
    moment = [0.0, 0.0, 0.0]
    for outwards, away, _, integral, rise in opposite:
        flat += away * integral
        half = ((away**2 + height**2) * integral + rise) / 2
        moment = [sum_ + half * out for sum_, out in zip(moment, outwards, strict=True)]
    hats = [
        (away * flat - dot(out, moment)) * length / double for out, away, length, *_ in opposite
    ]
    return jnp.stack(hats, axis=1), double / 2


def _edge(start, end, to_start, to_end, normal):
    """Outward direction in the plane, distance outwards, length, and integrals along the edge:
    of 1 / distance, and the rise of (way along it) x distance."""
    edge = minus(end, start)
    length = jnp.sqrt(dot(edge, edge))
    along = [e / length for e in edge]
    outwards = cross(along, normal)
    integral = length * edge_integral(start, end, to_start, to_end)
    rise = dot(end, along) * to_end - dot(start, along) * to_start
    return outwards, dot(start, outwards), length, integral, rise


def whole_angle(y, distances, determinant):
    """van Oosterom and Strackee, IEEE Trans Biomed Eng 30:125, 1983."""
    a, b, c = distances
    below = a * b * c + dot(y[0], y[1]) * c + dot(y[1], y[2]) * a + dot(y[2], y[0]) * b
    return 2 * jnp.arctan2(determinant, below)


def edge_integral(start, end, to_start, to_end):
    """Integral of 1 / distance along an edge, divided by its length."""
    edge = minus(end, start)
    length = jnp.sqrt(dot(edge, edge))
    both = to_start + to_end
    return jnp.log((both + length) / jnp.maximum(both - length, 1e-14 * length)) / length


def minus(a, b):
    return [p - q for p, q in zip(a, b, strict=True)]


def dot(a, b):
    return sum(p * q for p, q in zip(a, b, strict=True))


def cross(a, b):
    return [a[k - 2] * b[k - 1] - a[k - 1] * b[k - 2] for k in range(3)]
