"""Under which solid angles triangles are seen: near ones in closed form, distant ones by points.

At some distance the integral of n . r / |r|^3 over a triangle is a sum over a few points of it, of
nothing but products and a root: in single precision without loss, since nothing cancels there as
it does in the closed form, and some ten times cheaper.
"""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from twin.simulation.conductor.triangle_integrals import (
    blocks,
    dot,
    of_pairs,
    solid_angle_shares,
)

FACES, OBSERVERS = 1024, 512
"""Computed at once, filled up to so many: one compiled program serves conductors of all sizes."""


@dataclass(frozen=True, eq=False)
class Rule:
    """Points of a triangle by the shares of its corners, and each integral's weights for them.

    For observers farther from the triangle's centre than `reach`, in its longest edges.
    """

    points: Float[np.ndarray, "points 3"]
    weights: Float[np.ndarray, "integrals points"]
    reach: float


def _hats_at_seven_points() -> Rule:
    """Of degree 5: Radon, Monatsh Math 52:286, 1948; each weight times the hat function there."""
    root = np.sqrt(15)
    inner, outer = ((6 - root) / 21, (6 + root) / 21)
    turned = [np.full((3, 3), share) + (1 - 3 * share) * np.eye(3) for share in (inner, outer)]
    points = np.concatenate([np.full((1, 3), 1 / 3), *turned])
    weights = np.repeat([9 / 40, (155 - root) / 1200, (155 + root) / 1200], [1, 3, 3])
    return Rule(points, weights * points.T, reach=2.0)


HATS = _hats_at_seven_points()
WHOLE = Rule(np.full((1, 3), 1 / 3), np.ones((1, 1)), reach=1.0)
"""All of a triangle at its centre: enough to tell how often a surface goes round a point."""


def solid_angles(
    observers: Float[np.ndarray, "observers 3"], corners: Float[np.ndarray, "faces 3 3"]
) -> Float[np.ndarray, "3 faces observers"]:
    """Integral of each corner's linear hat function over a triangle d Omega, from each observer.

    Positive where the triangle turns its back (outward normal) on the observer. Zero in the
    triangle's own plane, the principal value.
    """
    angles = _distant(observers, corners, HATS)
    face, place = np.nonzero(np.isnan(angles[0]))
    # The closed form is a small difference of large terms: in double precision.
    angles[:, face, place] = of_pairs(solid_angle_shares, observers, corners, place, face)
    return angles


def winding_numbers(
    points: Float[np.ndarray, "points 3"], corners: Float[np.ndarray, "faces 3 3"]
) -> Float[np.ndarray, " points"]:
    """How often a closed surface goes round each point, its solid angle over 4 pi; to 0.03."""
    (angles,) = _distant(points, corners, WHOLE)
    face, place = np.nonzero(np.isnan(angles))
    angles[face, place] = of_pairs(solid_angle_shares, points, corners, place, face).sum(axis=0)
    return angles.sum(axis=0) / (4 * np.pi)


def _distant(observers, corners, rule) -> Float[np.ndarray, "integrals faces observers"]:
    """Each integral over the triangles; not a number where the observer is too near."""
    angles = np.empty((len(rule.weights), len(corners), len(observers)), np.float32)
    weights = np.asarray(rule.weights, np.float32)
    seen = [
        (some, _single(observers[some], OBSERVERS)) for some in blocks(len(observers), OBSERVERS)
    ]
    for faces in blocks(len(corners), FACES):
        triangles = _sampled(filled_up(corners[faces], FACES), rule)
        for some, places in seen:
            for integral, weight in zip(angles, weights, strict=True):
                found = np.asarray(_sum_over_points(places, *triangles, weight))
                rows, columns = faces.stop - faces.start, some.stop - some.start
                integral[faces, some] = found[:rows, :columns]
    return angles


def _sampled(corners, rule):
    """Points of the triangles, half of the product of two sides, and squares of their reaches."""
    sides = np.roll(corners, -1, axis=1) - corners
    longest = (sides**2).sum(axis=2).max(axis=1)
    points = np.einsum("qk,fkd->qfd", rule.points, corners)
    arrays = points, np.cross(sides[:, 0], sides[:, 1]) / 2, rule.reach**2 * longest
    return [jnp.asarray(array, jnp.float32) for array in arrays]


@jax.jit
def _sum_over_points(
    observers: Float[Array, "observers 3"],
    points: Float[Array, "points faces 3"],
    normals: Float[Array, "faces 3"],
    reaches: Float[Array, " faces"],
    weights: Float[Array, " points"],
) -> Float[Array, "faces observers"]:
    """Sum of weight n . r / |r|^3 over a triangle's points, the first of which is its centre.

    One integral at a time: XLA would compute a common part once for each of several results.
    """
    away = [[point[:, i, None] - observers[:, i] for i in range(3)] for point in points]
    squares = [dot(a, a) for a in away]
    normal = [normals[:, i, None] for i in range(3)]
    total = sum(
        weight * dot(normal, a) / (square * jnp.sqrt(square))
        for weight, a, square in zip(weights, away, squares, strict=True)
    )
    return jnp.where(squares[0] < reaches[:, None], jnp.nan, total)


def _single(rows, count):
    return jnp.asarray(filled_up(rows, count), jnp.float32)


def filled_up(rows: Float[np.ndarray, "rows ..."], count: int) -> Float[np.ndarray, "count ..."]:
    """With the first row again until they are so many."""
    return np.concatenate([rows, np.repeat(rows[:1], count - len(rows), axis=0)])
