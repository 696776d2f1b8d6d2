"""Mitchell and Schaeffer's two-current membrane (Bull Math Biol 65:767, 2003)."""

import math
from dataclasses import dataclass
from typing import ClassVar

import jax.numpy as jnp
from jax.tree_util import register_dataclass
from jaxtyping import Array, Float


@register_dataclass
@dataclass(frozen=True)
class MitchellSchaeffer:
    """dv/dt = h v^2 (1 - v) / tau_in - v / tau_out; dh/dt = (1 - h) / tau_open below the gate,
    -h / tau_close above it. Times in ms; v runs from 0 to 1 and is shown as -85 to 35 mV.
    """

    variables: ClassVar[tuple[str, ...]] = ("potential", "h")
    threshold: ClassVar[float] = -40.0
    native: ClassVar[str] = ""
    native_parameters: ClassVar[tuple[float, ...]] = ()

    tau_in: float = 0.3
    tau_out: float = 5.4
    tau_open: float = 80.0
    tau_close: float = 185.0
    gate: float = 0.1
    resting_potential: float = -85.0
    amplitude: float = 120.0

    @property
    def resting_state(self) -> tuple[float, ...]:
        return self.resting_potential, 1.0

    def ionic_current(self, state: Float[Array, "variables cells"]) -> Float[Array, " cells"]:
        potential, h = state
        v = (potential - self.resting_potential) / self.amplitude
        return self.amplitude * (v / self.tau_out - h * v**2 * (1 - v) / self.tau_in)

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

    def closing_time(self, duration: float) -> float:
        """tau_close (ms) that gives the action potential `duration` (ms) from full rest.

        From their asymptotic formula: duration = tau_close log(h_max / h_min) with
        h_min = 4 tau_in / tau_out and h_max = 1.
        """
        return duration / math.log(self.tau_out / (4 * self.tau_in))
