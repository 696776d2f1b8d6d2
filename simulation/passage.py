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
import numpy as np
from jaxtyping import Array, Float, Int

from twin.simulation import passage_reference
from twin.simulation.native_calls import by_platform, native_call

LEADS = 8
"""That the native kernel looks at together."""


def passage(
    times: Float[Array, " points"],
    weights: Float[Array, "tets leads 4"],
    tetrahedra: Int[Array, "tets 4"],
    bin_width: float,
    bins: int,
) -> tuple[Float[Array, "bins leads"], Float[Array, "points leads"]]:
    """Sum over tetrahedra of (weights . corner times) x share of it passed during each bin; and
    the sum around each node of its weights.

    `times` and `bin_width` in ms; bin i covers [i, i + 1) bin widths. Tetrahedra with a corner
    that is never reached contribute to neither; what is passed outside the bins is not counted.
    """
    groups = range(0, weights.shape[1], LEADS)
    times, tetrahedra = jnp.asarray(times, weights.dtype), jnp.asarray(tetrahedra, jnp.int32)
    parts = [
        _passage(times, _eight(weights[:, g : g + LEADS]), tetrahedra, float(bin_width), int(bins))
        for g in groups
    ]
    sums, totals = (jnp.concatenate(each, axis=1) for each in zip(*parts, strict=True))
    return sums[:, : weights.shape[1]], totals[:, : weights.shape[1]]


def _eight(weights):
    missing = LEADS - weights.shape[1]
    return jnp.pad(weights, ((0, 0), (0, missing), (0, 0))) if missing else weights


@partial(jax.custom_vjp, nondiff_argnums=(3, 4))
def _passage(times, weights, tetrahedra, bin_width, bins):
    return _solve(times, weights, tetrahedra, bin_width, bins)


def _forward(times, weights, tetrahedra, bin_width, bins):
    return _solve(times, weights, tetrahedra, bin_width, bins), (times, weights, tetrahedra)


def _backward(bin_width, bins, kept, upstream):
    times, weights, tetrahedra = kept
    by_sums, by_totals = upstream
    # One call each: who asks for one gradient alone does not pay for the other.
    by_times = _by_times(times, weights, tetrahedra, by_sums, bin_width)
    by_weights = _by_weights(times, weights, tetrahedra, by_sums, by_totals, bin_width)
    return by_times, by_weights, None


_passage.defvjp(_forward, _backward)


def _solve(times, weights, tetrahedra, bin_width, bins):
    """What is passed in each bin, and the nodes' totals."""

    def native(times, weights, tetrahedra):
        outputs = tuple(
            jax.ShapeDtypeStruct((rows, weights.shape[1]), times.dtype)
            for rows in (bins, len(times))
        )
        call = native_call("passage", times.dtype, outputs)
        return tuple(call(times, weights, tetrahedra, bin_width=np.float64(bin_width)))

    def reference(times, weights, tetrahedra):
        return passage_reference.solve(times, weights, tetrahedra, bin_width, bins)

    return by_platform(native, reference, times, weights, tetrahedra)


def _by_times(times, weights, tetrahedra, by_sums, bin_width):
    """Gradient by the times, from the one by what is passed in each bin."""

    def native(times, weights, tetrahedra, by_sums):
        outputs = jax.ShapeDtypeStruct(times.shape, times.dtype)
        call = native_call("passage_times", times.dtype, outputs)
        return call(times, weights, tetrahedra, by_sums, bin_width=np.float64(bin_width))

    def reference(times, weights, tetrahedra, by_sums):
        return passage_reference.by_times(times, weights, tetrahedra, by_sums, bin_width)

    return by_platform(native, reference, times, weights, tetrahedra, by_sums)


def _by_weights(times, weights, tetrahedra, by_sums, by_totals, bin_width):
    """Gradient by the weights, from those by what is passed in each bin and by the totals."""

    def native(times, weights, tetrahedra, by_sums, by_totals):
        outputs = jax.ShapeDtypeStruct(weights.shape, times.dtype)
        call = native_call("passage_weights", times.dtype, outputs)
        return call(times, tetrahedra, by_sums, by_totals, bin_width=np.float64(bin_width))

    def reference(times, weights, tetrahedra, by_sums, by_totals):
        known = times, weights, tetrahedra
        return passage_reference.by_weights(*known, by_sums, by_totals, bin_width=bin_width)

    return by_platform(native, reference, times, weights, tetrahedra, by_sums, by_totals)
