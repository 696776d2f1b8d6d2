"""How much of the heart the front passes in each time bin, weighted by what each lead sees.

The arrival time T is linear in a tetrahedron, so the share of it that the front has passed by
time t is a cubic spline in t with the four corners' times as knots (Hermite and Genocchi; the
tetrahedron method of Bloechl, Phys Rev B 49:16223, 1994). Binning that spline exactly, instead of
sampling the front at nodes, makes the QRS independent of the mesh: the front is thinner than an
element.
"""

from functools import partial

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

EARLIEST_GAP = 1e-4
"""Corners closer in time than this (ms) are drawn apart, so that no divisor vanishes."""


def passage(
    times: Float[Array, " points"],
    weights: Float[Array, "tets leads 4"],
    tetrahedra: Int[Array, "tets 4"],
    bin_width: float,
    bins: int,
) -> Float[Array, "bins leads"]:
    """Sum over tetrahedra of (weights . corner times) x share of it passed during each bin.

    `times` and `bin_width` in ms; bin i covers [i, i + 1) bin widths. Tetrahedra with a corner
    that is never reached contribute nothing; what is passed outside the bins is not counted.
    """
    return _passage(times, weights, tetrahedra, float(bin_width), int(bins))


@partial(jax.custom_vjp, nondiff_argnums=(3, 4))
def _passage(times, weights, tetrahedra, bin_width, bins):
    corners, slopes = _corners(times, weights, tetrahedra)

    def body(carry):
        offset, sums = carry
        index, share = _share(corners, offset, bin_width)
        inside = (index >= 0) & (index < bins)
        part = jnp.where(inside, share, 0.0)[:, None] * slopes
        return offset + 1, sums.at[jnp.clip(index, 0, bins - 1)].add(part)

    sums = jnp.zeros((bins, weights.shape[1]), times.dtype)
    longest = _longest(corners, bin_width)
    _, sums = jax.lax.while_loop(lambda carry: carry[0] < longest, body, (0, sums))
    return sums


def _forward(times, weights, tetrahedra, bin_width, bins):
    sums = _passage(times, weights, tetrahedra, bin_width, bins)
    return sums, (times, weights, tetrahedra)


def _backward(bin_width, bins, saved, upstream):
    times, weights, tetrahedra = saved
    corners, back_to_inputs = jax.vjp(lambda t, w: _corners(t, w, tetrahedra), times, weights)
    knots, slopes = corners

    def body(carry):
        offset, knots_bar, slopes_bar = carry
        (share, back), index = _share_with_gradient(knots, offset, bin_width)
        inside = (index >= 0) & (index < bins)
        seen = jnp.where(inside[:, None], upstream[jnp.clip(index, 0, bins - 1)], 0.0)
        (change,) = back((seen * slopes).sum(axis=1))
        return offset + 1, knots_bar + change, slopes_bar + share[:, None] * seen

    start = (0, jnp.zeros_like(knots), jnp.zeros_like(slopes))
    longest = _longest(knots, bin_width)
    _, knots_bar, slopes_bar = jax.lax.while_loop(lambda carry: carry[0] < longest, body, start)
    return *back_to_inputs((knots_bar, slopes_bar)), None


_passage.defvjp(_forward, _backward)


def _corners(times, weights, tetrahedra):
    """Sorted corner times of each tetrahedron, and its weights times its corner times."""
    corners = times[tetrahedra]
    reached = jnp.isfinite(corners).all(axis=1, keepdims=True)
    corners = jnp.where(reached, corners, 0.0)
    slopes = jnp.where(reached, jnp.einsum("elk,ek->el", weights, corners), 0.0)
    return _apart(jnp.sort(corners, axis=1)), slopes


def _apart(corners):
    return corners + EARLIEST_GAP * jnp.arange(4, dtype=corners.dtype)


def _longest(corners, bin_width):
    """The largest number of bins that one tetrahedron touches."""
    first, last = jnp.floor(corners[:, 0] / bin_width), jnp.floor(corners[:, 3] / bin_width)
    return (last - first).max().astype(int) + 1


def _share(corners, offset, bin_width):
    index = jnp.floor(corners[:, 0] / bin_width).astype(int) + offset
    start = index * bin_width
    return index, passed(corners, start + bin_width) - passed(corners, start)


def _share_with_gradient(corners, offset, bin_width):
    index = jnp.floor(corners[:, 0] / bin_width).astype(int) + offset
    start = index * bin_width
    return (
        jax.vjp(lambda c: passed(c, start + bin_width) - passed(c, start), corners),
        index,
    )


def passed(corners: Float[Array, "tets 4"], time: Float[Array, " tets"]) -> Float[Array, " tets"]:
    """Share of each tetrahedron that the front has passed, from its four sorted corner times."""
    a, b, c, d = corners.T
    rising = (jnp.clip(time, a, b) - a) ** 3 / ((b - a) * (c - a) * (d - a))
    falling = (d - jnp.clip(time, c, d)) ** 3 / ((d - a) * (d - b) * (d - c))
    x = jnp.clip(time, b, c) - b
    ba, cb, db = b - a, c - b, d - b
    middle = ba**2 + 3 * ba * x + 3 * x**2 - (c - a + db) / (cb * db) * x**3
    middle = middle / ((c - a) * (d - a))
    return jnp.where(time < b, rising, jnp.where(time < c, middle, 1 - falling))
