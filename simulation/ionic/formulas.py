"""Formulas that membranes share."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float


def boltzmann(v, half: float, slope: float) -> Float[Array, " cells"]:
    """Share of channels in one of two states at `v` mV; half of them at `half`."""
    return jax.nn.sigmoid((v - half) / slope)


def moved(gate, target, time_constant, time_step: float) -> Float[Array, " cells"]:
    """A gate `time_step` ms later, exact while its target stays (Rush and Larsen 1978)."""
    return gate - (target - gate) * jnp.expm1(-time_step / time_constant)


def softened(x) -> Float[Array, " cells"]:
    """x / (e^x - 1), finite and smooth at 0."""
    near = jnp.abs(x) < 1e-3
    safe = jnp.where(near, 1.0, x)
    return jnp.where(near, 1 - x / 2 + x**2 / 12, safe / jnp.expm1(safe))
