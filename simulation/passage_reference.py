"""The passage kernel in plain JAX: where there is no native one, and to hold that one against."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

EARLIEST_GAP = 1e-4
"""Corners closer in time than this (ms) are drawn apart, so that no divisor vanishes."""


def solve(times, weights, tetrahedra, bin_width, bins):
    """As `passage._solve`: what is passed in each bin, and the nodes' totals."""
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
    return sums, _totals(times, weights, tetrahedra)


def by_times(times, weights, tetrahedra, by_sums, bin_width):
    """As `passage._by_times`."""
    _, back = jax.vjp(lambda t: _corners(t, weights, tetrahedra), times)
    return back(_by_corners(times, weights, tetrahedra, by_sums, bin_width))[0]


def by_weights(times, weights, tetrahedra, by_sums, by_totals, bin_width):
    """As `passage._by_weights`."""
    _, back = jax.vjp(lambda w: _corners(times, w, tetrahedra), weights)
    (change,) = back(_by_corners(times, weights, tetrahedra, by_sums, bin_width))
    whole = jnp.isfinite(times)[tetrahedra].all(axis=1)[:, None, None]
    return change + jnp.where(whole, jnp.moveaxis(by_totals[tetrahedra], 1, 2), 0.0)


def _totals(times, weights, tetrahedra):
    whole = jnp.isfinite(times)[tetrahedra].all(axis=1)[:, None, None]
    corners = jnp.moveaxis(jnp.where(whole, weights, 0.0), 1, 2).reshape(-1, weights.shape[1])
    sums = jnp.zeros((len(times), weights.shape[1]), weights.dtype)
    return sums.at[tetrahedra.ravel()].add(corners)


def _by_corners(times, weights, tetrahedra, by_sums, bin_width):
    """Gradients by the sorted corner times and by the slopes."""
    knots, slopes = _corners(times, weights, tetrahedra)
    bins = len(by_sums)

    def body(carry):
        offset, knots_bar, slopes_bar = carry
        (share, back), index = _share_with_gradient(knots, offset, bin_width)
        inside = (index >= 0) & (index < bins)
        seen = jnp.where(inside[:, None], by_sums[jnp.clip(index, 0, bins - 1)], 0.0)
        (change,) = back((seen * slopes).sum(axis=1))
        return offset + 1, knots_bar + change, slopes_bar + share[:, None] * seen

    start = (0, jnp.zeros_like(knots), jnp.zeros_like(slopes))
    longest = _longest(knots, bin_width)
    _, knots_bar, slopes_bar = jax.lax.while_loop(lambda carry: carry[0] < longest, body, start)
    return knots_bar, slopes_bar


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
