"""Arrival times of a front, by the native kernel or its JAX twin, with their exact gradient."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from twin.simulation.fronts import arrivals_reference
from twin.simulation.fronts.front import Metric, Rings
from twin.simulation.native_calls import by_platform, native_call


@jax.custom_vjp
def arrival_times(
    rings: Rings,
    metric: Metric,
    speeds: Float[Array, "elements 3"],
    blocked: Bool[Array, " elements"],
    begin: Float[Array, " points"],
) -> Float[Array, " points"]:
    """First-order solution of sqrt(grad T . D grad T) = 1, D = sum of speed^2 axis axis', ms.

    Every node takes the earliest arrival through the elements around it (Hopf-Lax; Bornemann and
    Rasch 2006). T is at most `begin`, infinite where no source lies; it stays infinite where no
    front comes. No front crosses a blocked element.
    """
    return _solve(rings, metric, speeds, blocked, begin)[0]


def _forward(rings, metric, speeds, blocked, begin):
    times, winners = _solve(rings, metric, speeds, blocked, begin)
    return times, (rings, metric, speeds, blocked, times, winners)


def _backward(kept, by_times):
    rings, metric, speeds, blocked, times, winners = kept
    by_times = jnp.where(jnp.isfinite(times), by_times, 0)
    by_begin, by_speeds = _adjoint(rings, metric, speeds, blocked, times, winners, by_times)
    return None, None, by_speeds, None, by_begin


arrival_times.defvjp(_forward, _backward)


def _solve(rings, metric, speeds, blocked, begin):
    """Times, and for each node 4 * element + its place there, of the element that its time came
    through; -1 at sources and where none came."""

    def native(rings, metric, speeds, blocked, begin):
        outputs = (
            jax.ShapeDtypeStruct(begin.shape, begin.dtype),
            jax.ShapeDtypeStruct(begin.shape, jnp.int32),
        )
        call = native_call("eikonal_solve", begin.dtype, outputs)
        return tuple(call(*rings, *metric, speeds, blocked, begin))

    arguments = (rings, metric, speeds, blocked, begin)
    return by_platform(native, arrivals_reference.solve, *arguments)


def _adjoint(rings, metric, speeds, blocked, times, winners, by_times):
    """Gradients by `begin` and by the speeds, from the one by the times."""

    def native(rings, metric, speeds, blocked, times, winners, by_times):
        outputs = (
            jax.ShapeDtypeStruct(times.shape, times.dtype),
            jax.ShapeDtypeStruct(speeds.shape, speeds.dtype),
        )
        call = native_call("eikonal_adjoint", times.dtype, outputs)
        return tuple(call(*rings, *metric, speeds, blocked, times, winners, by_times))

    arguments = (rings, metric, speeds, blocked, times, winners, by_times)
    return by_platform(native, arrivals_reference.adjoint, *arguments)
