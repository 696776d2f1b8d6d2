"""Arrival times of a front, by the native kernel or its JAX twin, with their exact gradient."""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from twin.native import kernels
from twin.simulation.fronts import arrivals_reference
from twin.simulation.fronts.front import AnyArray, Rings

ABSENT = 1e6
"""Squared travel time along an edge that does not exist, ms2: too long for obtuse angles."""

if kernels is not None:
    for _name, _handler in kernels.handlers.items():
        jax.ffi.register_ffi_target(_name, _handler, platform="cpu")


def edge_lengths(
    spans: Float[AnyArray, "3 elements 3"],
    absent: Bool[AnyArray, "elements 6"] | None,
    speeds: Float[Array, "elements 3"],
    blocked: Bool[Array, " elements"],
) -> Float[Array, "elements 6"]:
    """Squared travel time along every edge, ms2: e' D^-1 e with D = sum of speed^2 axis axis'.

    `speeds` are mm/ms along each element's axes. A blocked element's edges take for ever (or are
    NaN, where they run along an axis), which no front crosses. `spans`, `absent`: see `Front`.
    """
    slowness = jnp.where(blocked[:, None], jnp.inf, jnp.where(blocked[:, None], 1, speeds) ** -2)
    b, c, d = (spans[..., corner] for corner in range(3))
    lengths = jnp.zeros((len(speeds), 6), spans.dtype)
    # Column by column: XLA makes several times slower loops of a stacked or contracted form.
    for column, edge in enumerate((b, c, d, c - b, d - b, d - c)):
        square = sum(edge[axis] ** 2 * slowness[:, axis] for axis in range(3))
        if absent is not None:
            square = jnp.where(absent[:, column], ABSENT, square)
        lengths = lengths.at[:, column].set(square)
    return lengths


@jax.custom_vjp
def arrival_times(
    rings: Rings, lengths: Float[Array, "elements 6"], begin: Float[Array, " points"]
) -> Float[Array, " points"]:
    """First-order solution of sqrt(grad T . D grad T) = 1 on a mesh whose edges take the square
    roots of `lengths` to travel; T is at most `begin`, infinite where no source lies.

    Every node takes the earliest arrival through the elements around it (Hopf-Lax; Bornemann and
    Rasch 2006). Infinite where no front comes.
    """
    return _solve(rings, lengths, begin)[0]


def _forward(rings, lengths, begin):
    times, winners = _solve(rings, lengths, begin)
    return times, (rings, lengths, times, winners)


def _backward(kept, by_times):
    rings, lengths, times, winners = kept
    by_times = jnp.where(jnp.isfinite(times), by_times, 0)
    by_begin, by_lengths = _adjoint(rings, lengths, times, winners, by_times)
    return None, by_lengths, by_begin


arrival_times.defvjp(_forward, _backward)


def _solve(rings, lengths, begin):
    """Times, and for each node 4 * element + its place there, of the element that its time came
    through; -1 at sources and where none came."""

    def native(rings, lengths, begin):
        outputs = (
            jax.ShapeDtypeStruct(begin.shape, begin.dtype),
            jax.ShapeDtypeStruct(begin.shape, jnp.int32),
        )
        call = _target("solve", begin.dtype, outputs)
        return tuple(call(*rings[:-1], lengths, begin))

    return _by_platform(native, arrivals_reference.solve, rings, lengths, begin)


def _adjoint(rings, lengths, times, winners, by_times):
    """Gradients by `begin` and by `lengths`, from the one by the times."""

    def native(rings, lengths, times, winners, by_times):
        outputs = (
            jax.ShapeDtypeStruct(times.shape, times.dtype),
            jax.ShapeDtypeStruct(lengths.shape, lengths.dtype),
        )
        call = _target("adjoint", times.dtype, outputs)
        return tuple(call(*rings, lengths, times, winners, by_times))

    arguments = (rings, lengths, times, winners, by_times)
    return _by_platform(native, arrivals_reference.adjoint, *arguments)


def _target(task: str, kind: np.dtype, outputs):
    name = f"twin_eikonal_{task}_{np.dtype(kind).name}"
    return jax.ffi.ffi_call(name, outputs, vmap_method="expand_dims")


def _by_platform(native, reference, *arguments):
    if kernels is None:
        return reference(*arguments)
    return jax.lax.platform_dependent(*arguments, cpu=native, default=reference)
