"""Mitchell and Schaeffer's membrane made robust against pacemaking (Corrado and Niederer, Math
Biosci 281:46, 2016)."""

import math
from dataclasses import dataclass
from typing import ClassVar

import jax.numpy as jnp
from jax.tree_util import register_dataclass
from jaxtyping import Array, Float


@register_dataclass
@dataclass(frozen=True)
class ModifiedMitchellSchaeffer:
    """dv/dt = h v (v - gate) (1 - v) / tau_in - (1 - h) v / tau_out; dh/dt = (1 - h) / tau_open
    below the gate, -h / tau_close above it. Times in ms; v runs from 0 to 1 and is shown as -85 to
    35 mV. At rest no parameters make it fire by itself: below the gate both currents repolarise.
    """

    variables: ClassVar[tuple[str, ...]] = ("potential", "h")
    threshold: ClassVar[float] = -40.0
    native: ClassVar[str] = "modified_mitchell_schaeffer"

    tau_in: Float[Array, "..."] | float = 0.3
    tau_out: Float[Array, "..."] | float = 6.0
    tau_open: Float[Array, "..."] | float = 120.0
    tau_close: Float[Array, "..."] | float = 150.0
    gate: Float[Array, "..."] | float = 0.1
    resting_potential: float = -85.0
    amplitude: float = 120.0

    @property
    def resting_state(self) -> tuple[float, ...]:
        return self.resting_potential, 1.0

    @property
    def native_parameters(self) -> tuple[Float[Array, "..."] | float, ...]:
        gates = (self.tau_in, self.tau_out, self.tau_open, self.tau_close, self.gate)
        return *gates, self.resting_potential, self.amplitude

    def ionic_current(self, state: Float[Array, "variables cells"]) -> Float[Array, " cells"]:
        potential, h = state
        v = (potential - self.resting_potential) / self.amplitude
        inward = h * v * (v - self.gate) * (1 - v) / self.tau_in
        return self.amplitude * ((1 - h) * v / self.tau_out - inward)

    def step(
        self,
        state: Float[Array, "variables cells"],
        stimulus: Float[Array, " cells"] | float,
        time_step: float,
    ) -> Float[Array, "variables cells"]:
        potential, h = state
        v = (potential - self.resting_potential) / self.amplitude
        # Each branch of the gate is linear in h, so its step is exact.
        opening = 1 - (1 - h) * jnp.exp(-time_step / self.tau_open)
        closing = h * jnp.exp(-time_step / self.tau_close)
        h = jnp.where(v < self.gate, opening, closing)
        potential = potential + time_step * (stimulus - self.ionic_current(state))
        return jnp.stack([potential, h])

    @property
    def lowest_open(self) -> Float[Array, "..."] | float:
        """h at which the excited branch ends: the largest for which v still falls everywhere.

        h (v - gate) (1 - v) tau_out = (1 - h) tau_in has its last solution at v = (1 + gate) / 2.
        """
        steepest = (1 - self.gate) ** 2 / 4 * self.tau_out / self.tau_in
        return 1 / (1 + steepest)

    def closing_time(self, duration: float) -> float:
        """tau_close (ms) that gives the action potential `duration` (ms) from full rest, to
        leading order: duration = tau_close log(1 / lowest_open)."""
        return duration / math.log(1 / float(self.lowest_open))
