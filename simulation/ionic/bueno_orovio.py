"""Minimal model of human ventricular action potentials (Bueno-Orovio, Cherry and Fenton, J Theor
Biol 253:544, 2008)."""

from dataclasses import dataclass
from typing import ClassVar

import jax.numpy as jnp
from jax.tree_util import register_dataclass
from jaxtyping import Array, Float

from twin.simulation.ionic.formulas import moved


@register_dataclass
@dataclass(frozen=True)
class BuenoOrovio:
    """Fast inward, slow inward and slow outward currents through gates v, w and s. Times in ms;
    the paper's potential u is shown as 85.7 u - 84 mV. Made by `epicardium`, `mid_wall`,
    `endocardium` or `like_ten_tusscher` (its own fit to the epicardial cell of 2004); the paper's
    names, minus and plus spelt out.
    """

    variables: ClassVar[tuple[str, ...]] = ("potential", "v", "w", "s")
    threshold: ClassVar[float] = -40.0
    native: ClassVar[str] = ""
    native_parameters: ClassVar[tuple[float, ...]] = ()
    resting_potential: ClassVar[float] = -84.0
    amplitude: ClassVar[float] = 85.7

    u_u: Float[Array, "..."] | float = 1.55
    theta_w: Float[Array, "..."] | float = 0.13
    theta_v_minus: Float[Array, "..."] | float = 0.006
    theta_o: Float[Array, "..."] | float = 0.006
    tau_v1_minus: Float[Array, "..."] | float = 60.0
    tau_v2_minus: Float[Array, "..."] | float = 1150.0
    tau_w1_minus: Float[Array, "..."] | float = 60.0
    tau_w2_minus: Float[Array, "..."] | float = 15.0
    k_w_minus: Float[Array, "..."] | float = 65.0
    u_w_minus: Float[Array, "..."] | float = 0.03
    tau_w_plus: Float[Array, "..."] | float = 200.0
    tau_fi: Float[Array, "..."] | float = 0.11
    tau_o1: Float[Array, "..."] | float = 400.0
    tau_o2: Float[Array, "..."] | float = 6.0
    tau_so1: Float[Array, "..."] | float = 30.0181
    tau_so2: Float[Array, "..."] | float = 0.9957
    k_so: Float[Array, "..."] | float = 2.0458
    u_so: Float[Array, "..."] | float = 0.65
    tau_s2: Float[Array, "..."] | float = 16.0
    tau_si: Float[Array, "..."] | float = 1.8875
    tau_w_infinity: Float[Array, "..."] | float = 0.07
    w_infinity: Float[Array, "..."] | float = 0.94
    theta_v: Float[Array, "..."] | float = 0.3
    tau_v_plus: Float[Array, "..."] | float = 1.4506
    tau_s1: Float[Array, "..."] | float = 2.7342
    k_s: Float[Array, "..."] | float = 2.0994
    u_s: Float[Array, "..."] | float = 0.9087

    @classmethod
    def epicardium(cls) -> "BuenoOrovio":
        return cls()

    @classmethod
    def endocardium(cls) -> "BuenoOrovio":
        minus = (75.0, 10.0, 6.0, 140.0, 200.0, 0.016)
        outward = (470.0, 6.0, 40.0, 1.2, 2.0, 0.65)
        return cls(1.56, 0.13, 0.2, 0.006, *minus, 280.0, 0.1, *outward, 2.0, 2.9013, 0.0273, 0.78)

    @classmethod
    def mid_wall(cls) -> "BuenoOrovio":
        minus = (80.0, 1.4506, 70.0, 8.0, 200.0, 0.016)
        outward = (410.0, 7.0, 91.0, 0.8, 2.1, 0.6)
        return cls(1.61, 0.13, 0.1, 0.005, *minus, 280.0, 0.078, *outward, 4.0, 3.3849, 0.01, 0.5)

    @classmethod
    def like_ten_tusscher(cls) -> "BuenoOrovio":
        minus = (60.0, 1150.0, 70.0, 20.0, 65.0, 0.03)
        outward = (6.0, 6.0, 43.0, 0.2, 2.0, 0.65)
        return cls(
            1.58, 0.015, 0.015, 0.006, *minus, 280.0, 0.11, *outward, 3.0, 2.8723, 0.07, 0.94
        )

    @property
    def resting_state(self) -> tuple[float, ...]:
        return self.resting_potential, 1.0, 1.0, 0.0

    def ionic_current(self, state: Float[Array, "variables cells"]) -> Float[Array, " cells"]:
        potential, v, w, s = state
        u = (potential - self.resting_potential) / self.amplitude
        excited, plateau = u > self.theta_v, u > self.theta_w
        fast = jnp.where(excited, -v * (u - self.theta_v) * (self.u_u - u) / self.tau_fi, 0.0)
        tau_o = jnp.where(u > self.theta_o, self.tau_o2, self.tau_o1)
        late = (1 + jnp.tanh(self.k_so * (u - self.u_so))) / 2
        tau_so = self.tau_so1 + (self.tau_so2 - self.tau_so1) * late
        outward = jnp.where(plateau, 1 / tau_so, u / tau_o)
        inward = jnp.where(plateau, -w * s / self.tau_si, 0.0)
        return self.amplitude * (fast + outward + inward)

    def step(
        self,
        state: Float[Array, "variables cells"],
        stimulus: Float[Array, " cells"] | float,
        time_step: float,
    ) -> Float[Array, "variables cells"]:
        potential, v, w, s = state
        u = (potential - self.resting_potential) / self.amplitude
        v_target, tau_v = self._v_kinetics(u)
        w_target, tau_w = self._w_kinetics(u)
        v, w = moved(v, v_target, tau_v, time_step), moved(w, w_target, tau_w, time_step)
        tau_s = jnp.where(u > self.theta_w, self.tau_s2, self.tau_s1)
        s = moved(s, (1 + jnp.tanh(self.k_s * (u - self.u_s))) / 2, tau_s, time_step)
        potential = potential + time_step * (stimulus - self.ionic_current(state))
        return jnp.stack([potential, v, w, s])

    def _v_kinetics(self, u):
        """What v tends to, and with which time constant."""
        high = u > self.theta_v_minus
        closed = jnp.where(high, self.tau_v2_minus, self.tau_v1_minus)
        return jnp.where(high, 0.0, 1.0), jnp.where(u > self.theta_v, self.tau_v_plus, closed)

    def _w_kinetics(self, u):
        share = (1 + jnp.tanh(self.k_w_minus * (u - self.u_w_minus))) / 2
        closed = self.tau_w1_minus + (self.tau_w2_minus - self.tau_w1_minus) * share
        low = jnp.where(u > self.theta_o, self.w_infinity, 1 - u / self.tau_w_infinity)
        plateau = u > self.theta_w
        return jnp.where(plateau, 0.0, low), jnp.where(plateau, self.tau_w_plus, closed)
