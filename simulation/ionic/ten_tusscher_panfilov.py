"""Human ventricular myocyte of ten Tusscher and Panfilov (Am J Physiol 291:H1088, 2006)."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import ClassVar

import jax.numpy as jnp
from jax.numpy import exp, sqrt
from jax.tree_util import register_dataclass
from jaxtyping import Array, Float

GAS, TEMPERATURE, FARADAY = 8314.472, 310.0, 96485.3415
RT_F = GAS * TEMPERATURE / FARADAY
POTASSIUM_OUT, SODIUM_OUT, CALCIUM_OUT = 5.4, 140.0, 2.0
CAPACITANCE = 0.185
CYTOPLASM, RETICULUM, SUBSPACE = 0.016404, 0.001094, 0.00005468


class Layer(Enum):
    """Where in the wall the cell is from: conductances (nS/pF) of I_to and I_Ks."""

    EPICARDIUM = (0.294, 0.392)
    MID_WALL = (0.294, 0.098)
    ENDOCARDIUM = (0.073, 0.392)


@register_dataclass
@dataclass(frozen=True)
class TenTusscherPanfilov:
    """Nineteen variables; mV, ms, mM, currents in pA/pF. Gates advance by Rush and Larsen.

    Conductances are in nS/pF, one for all cells or one for each. `repolarising` multiplies I_Kr
    and I_Ks together: 0.5 to 4 makes action potentials of 370 to 180 ms at 1 Hz. `g_to`, `g_ks`
    and which cells have the endocardial inactivation of I_to (1, else 0) are the layer's where
    they are not given; `layered` gives each cell its own layer.
    """

    variables: ClassVar[tuple[str, ...]] = (
        *("potential", "xr1", "xr2", "xs", "m", "h", "j", "d", "f", "f2", "f_ss", "s", "r"),
        *("calcium", "release_gate", "calcium_sr", "calcium_ss", "sodium", "potassium"),
    )
    threshold: ClassVar[float] = -40.0
    native: ClassVar[str] = "ten_tusscher_panfilov"

    layer: Layer = field(default=Layer.EPICARDIUM, metadata={"static": True})
    g_na: Float[Array, "..."] | float = 14.838
    g_cal: Float[Array, "..."] | float = 3.98e-5
    g_kr: Float[Array, "..."] | float = 0.153
    g_k1: Float[Array, "..."] | float = 5.405
    repolarising: Float[Array, "..."] | float = 1.0
    g_to: Float[Array, "..."] | float | None = None
    g_ks: Float[Array, "..."] | float | None = None
    endocardial: Float[Array, "..."] | float | None = None

    @classmethod
    def layered(cls, layers: Sequence[Layer]) -> "TenTusscherPanfilov":
        """Every cell from a layer of its own."""
        g_to, g_ks = jnp.array([layer.value for layer in layers]).T
        endocardial = jnp.array([float(layer is Layer.ENDOCARDIUM) for layer in layers])
        return cls(g_to=g_to, g_ks=g_ks, endocardial=endocardial)

    @property
    def resting_state(self) -> tuple[float, ...]:
        """The initial state of the N-version benchmark (Niederer et al. 2011)."""
        gates = (0.00621, 0.4712, 0.0095, 0.00172, 0.7444, 0.7045, 3.373e-5, 0.7888, 0.9755)
        slow = (0.9953, 0.999998, 2.42e-8)
        concentrations = (0.000126, 0.9073, 3.64, 0.00036, 8.604, 136.89)
        return (-85.23, *gates, *slow, *concentrations)

    @property
    def native_parameters(self) -> tuple[Float[Array, "..."] | float, ...]:
        g_to, g_ks = self._of_layer()
        endocardial = self.endocardial
        if endocardial is None:
            endocardial = float(self.layer is Layer.ENDOCARDIUM)
        slow, rapid = self.repolarising * g_ks, self.repolarising * self.g_kr
        return self.g_na, self.g_cal, rapid, slow, g_to, self.g_k1, endocardial

    def _of_layer(self) -> tuple[Float[Array, "..."] | float, Float[Array, "..."] | float]:
        g_to, g_ks = self.layer.value
        return g_to if self.g_to is None else self.g_to, g_ks if self.g_ks is None else self.g_ks

    def ionic_current(self, state: Float[Array, "variables cells"]) -> Float[Array, " cells"]:
        return sum(self.currents(state[0], state[1:13], state[13:]).values(), start=jnp.zeros(()))

    def step(
        self,
        state: Float[Array, "variables cells"],
        stimulus: Float[Array, " cells"] | float,
        time_step: float,
    ) -> Float[Array, "variables cells"]:
        potential = state[0]
        gates, concentrations = state[1:13], state[13:]
        # Gates first: with those of before the step currents lag behind, and fronts arrive late in
        # proportion to the step, ten times as late as so (docs/monodomain.md).
        targets, time_constants = self.gate_kinetics(potential, concentrations[3])
        gates = targets + (gates - targets) * exp(-time_step / time_constants)
        currents = self.currents(potential, gates, concentrations)
        concentrations = concentrations + time_step * _flows(concentrations, currents, stimulus)
        potential = potential + time_step * (stimulus - sum(currents.values()))
        return jnp.concatenate([potential[None], gates, concentrations])

    def currents(self, v, gates, concentrations) -> dict[str, Float[Array, " cells"]]:
        """Membrane currents, pA/pF, outward positive."""
        xr1, xr2, xs, m, h, j, d, f, f2, f_ss, s, r = gates
        calcium, _, _, calcium_ss, sodium, potassium = concentrations
        g_to, g_ks = self._of_layer()
        e_na = RT_F * jnp.log(SODIUM_OUT / sodium)
        e_k = RT_F * jnp.log(POTASSIUM_OUT / potassium)
        outside = POTASSIUM_OUT + 0.03 * SODIUM_OUT
        e_ks = RT_F * jnp.log(outside / (potassium + 0.03 * sodium))
        e_ca = 0.5 * RT_F * jnp.log(CALCIUM_OUT / calcium)
        return {
            "na": self.g_na * m**3 * h * j * (v - e_na),
            "cal": self.g_cal * d * f * f2 * f_ss * _goldman(v - 15, calcium_ss),
            "to": g_to * r * s * (v - e_k),
            "ks": self.repolarising * g_ks * xs**2 * (v - e_ks),
            "kr": self.repolarising * self.g_kr * xr1 * xr2 * (v - e_k),
            "k1": self.g_k1 * _rectification(v - e_k) * (v - e_k),
            "naca": _exchanger(v, sodium, calcium),
            "nak": _pump(v, sodium),
            "pca": 0.1238 * calcium / (0.0005 + calcium),
            "pk": 0.0146 * (v - e_k) / (1 + exp((25 - v) / 5.98)),
            "bna": 0.00029 * (v - e_na),
            "bca": 0.000592 * (v - e_ca),
        }

    def gate_kinetics(self, v, calcium_ss):
        """What each gate tends to, and with which time constant (ms)."""
        kinetics = [
            *_delayed_rectifiers(v),
            *_fast_sodium(v),
            *_calcium_channel(v, calcium_ss),
            *_transient_outward(v, self.layer, self.endocardial),
        ]
        targets, time_constants = zip(*kinetics, strict=True)
        return jnp.stack(targets), jnp.stack(time_constants)


def _boltzmann(v, half, slope):
    return 1 / (1 + exp((half - v) / slope))


def _delayed_rectifiers(v):
    xr1 = 450 * _boltzmann(v, -45, 10) * 6 * _boltzmann(v, -30, -11.5)
    xr2 = 3 * _boltzmann(v, -60, 20) * 1.12 * _boltzmann(v, 60, -20)
    xs = 1400 / sqrt(1 + exp((5 - v) / 6)) * _boltzmann(v, 35, -15) + 80
    return (
        (_boltzmann(v, -26, 7), xr1),
        (_boltzmann(v, -88, -24), xr2),
        (_boltzmann(v, -5, 14), xs),
    )


def _fast_sodium(v):
    low = v < -40
    m = _boltzmann(v, -60, 5) * (0.1 * _boltzmann(v, -35, -5) + 0.1 * _boltzmann(v, 50, -200))
    # Each branch sees only its own side of -40 mV, where its exponentials stay finite.
    below, above = jnp.minimum(v, -40), jnp.maximum(v, -40)
    a_h = 0.057 * exp(-(below + 80) / 6.8)
    b_h = 2.7 * exp(0.079 * below) + 3.1e5 * exp(0.3485 * below)
    b_h_above = 0.77 / (0.13 * (1 + exp(-(above + 10.66) / 11.1)))
    a_j = (-2.5428e4 * exp(0.2444 * below) - 6.948e-6 * exp(-0.04391 * below)) * (below + 37.78)
    a_j = a_j / (1 + exp(0.311 * (below + 79.23)))
    b_j = 0.02424 * exp(-0.01052 * below) / (1 + exp(-0.1378 * (below + 40.14)))
    b_j_above = 0.6 * exp(0.057 * above) / (1 + exp(-0.1 * (above + 32)))
    inactivation = _boltzmann(v, -71.55, -7.43) ** 2
    return (
        (_boltzmann(v, -56.86, 9.03) ** 2, m),
        (inactivation, 1 / jnp.where(low, a_h + b_h, b_h_above)),
        (inactivation, 1 / jnp.where(low, a_j + b_j, b_j_above)),
    )


def _calcium_channel(v, calcium_ss):
    d = (1.4 * _boltzmann(v, -35, 13) + 0.25) * 1.4 * _boltzmann(v, -5, -5) + _boltzmann(v, 50, 20)
    f = 1102.5 * exp(-((v + 27) ** 2) / 225) + 20
    f = f + 200 * _boltzmann(v, 13, 10) + 180 * _boltzmann(v, -30, -10)
    f2 = 562 * exp(-((v + 27) ** 2) / 240)
    f2 = f2 + 31 * _boltzmann(v, 25, 10) + 80 * _boltzmann(v, -30, -10)
    bound = 1 / (1 + (calcium_ss / 0.05) ** 2)
    return (
        (_boltzmann(v, -8, 7.5), d),
        (_boltzmann(v, -20, -7), f),
        (0.67 * _boltzmann(v, -35, -7) + 0.33, f2),
        (0.6 * bound + 0.4, 80 * bound + 2),
    )


def _transient_outward(v, layer: Layer, endocardial):
    if endocardial is None:
        s = _inner_inactivation(v) if layer is Layer.ENDOCARDIUM else _outer_inactivation(v)
    else:
        both = zip(_inner_inactivation(v), _outer_inactivation(v), strict=True)
        s = tuple(jnp.where(endocardial > 0.5, inner, outer) for inner, outer in both)
    return s, (_boltzmann(v, 20, 6), 9.5 * exp(-((v + 40) ** 2) / 1800) + 0.8)


def _inner_inactivation(v):
    return _boltzmann(v, -28, -5), 1000 * exp(-((v + 67) ** 2) / 1000) + 8


def _outer_inactivation(v):
    time_constant = 85 * exp(-((v + 45) ** 2) / 320) + 5 * _boltzmann(v, 20, -5) + 3
    return _boltzmann(v, -20, -5), time_constant


def _goldman(v, calcium_ss):
    """4 v F^2/RT (0.25 Ca e^{2vF/RT} - Ca_o) / (e^{2vF/RT} - 1), finite at v = 0."""
    x = 2 * v / RT_F
    near = jnp.abs(x) < 1e-4
    safe = jnp.where(near, 1.0, x)
    ratio = jnp.where(near, 1 - x / 2, safe / jnp.expm1(safe))
    return 2 * FARADAY * ratio * (0.25 * calcium_ss * exp(x) - CALCIUM_OUT)


def _rectification(driving):
    """Open share of I_K1 at a potential `driving` mV above that of potassium."""
    a = 0.1 / (1 + exp(0.06 * (driving - 200)))
    b = 3 * exp(0.0002 * (driving + 100)) + exp(0.1 * (driving - 10))
    return a / (a + b / (1 + exp(-0.5 * driving)))


def _exchanger(v, sodium, calcium):
    forward = exp(0.35 * v / RT_F) * sodium**3 * CALCIUM_OUT
    backward = exp(-0.65 * v / RT_F) * SODIUM_OUT**3 * calcium * 2.5
    saturation = (87.5**3 + SODIUM_OUT**3) * (1.38 + CALCIUM_OUT)
    return 1000 * (forward - backward) / (saturation * (1 + 0.1 * exp(-0.65 * v / RT_F)))


def _pump(v, sodium):
    block = 1 + 0.1245 * exp(-0.1 * v / RT_F) + 0.0353 * exp(-v / RT_F)
    return 2.724 * POTASSIUM_OUT / (POTASSIUM_OUT + 1) * sodium / ((sodium + 40) * block)


def _flows(concentrations, i, stimulus):
    """Rates of change of the concentrations and of the release gate, mM/ms."""
    calcium, release_gate, calcium_sr, calcium_ss, _, _ = concentrations
    per_charge = CAPACITANCE / (CYTOPLASM * FARADAY)
    opening = 2.5 - 1.5 / (1 + (1.5 / calcium_sr) ** 2)
    k1, k2 = 0.15 / opening, 0.045 * opening
    release = 0.102 * k1 * calcium_ss**2 * release_gate / (0.06 + k1 * calcium_ss**2)
    release = release * (calcium_sr - calcium_ss)
    uptake = 0.006375 / (1 + (0.00025 / calcium) ** 2)
    leak = 0.00036 * (calcium_sr - calcium)
    transfer = 0.0038 * (calcium_ss - calcium)
    membrane = -(i["bca"] + i["pca"] - 2 * i["naca"]) * per_charge / 2
    sodium_in = i["na"] + i["bna"] + 3 * i["nak"] + 3 * i["naca"]
    potassium_out = i["k1"] + i["to"] + i["kr"] + i["ks"] - 2 * i["nak"] + i["pk"] - stimulus
    store = (leak - uptake) * RETICULUM / CYTOPLASM
    through_channel = -i["cal"] * CAPACITANCE / (2 * SUBSPACE * FARADAY)
    subspace = release * RETICULUM / SUBSPACE - transfer * CYTOPLASM / SUBSPACE
    return jnp.stack(
        [
            _free(calcium, 0.2, 0.001) * (membrane + store + transfer),
            -k2 * calcium_ss * release_gate + 0.005 * (1 - release_gate),
            _free(calcium_sr, 10.0, 0.3) * (uptake - release - leak),
            _free(calcium_ss, 0.4, 0.00025) * (through_channel + subspace),
            -sodium_in * per_charge,
            -potassium_out * per_charge,
        ]
    )


def _free(calcium, buffer, affinity):
    """Share of a calcium flow that stays free of its buffer."""
    return 1 / (1 + buffer * affinity / (calcium + affinity) ** 2)
