"""Human atrial myocyte of Courtemanche, Ramirez and Nattel (Am J Physiol 275:H301, 1998)."""

from dataclasses import dataclass
from typing import ClassVar

import jax.numpy as jnp
from jax.numpy import exp, sqrt
from jax.tree_util import register_dataclass
from jaxtyping import Array, Float

from twin.simulation.ionic.formulas import boltzmann, moved, softened

RT_F = 8.3143 * 310.0 / 96.4867
FARADAY, CAPACITANCE = 96.4867, 100.0
POTASSIUM_OUT, SODIUM_OUT, CALCIUM_OUT = 5.4, 140.0, 1.8
CYTOPLASM, UPTAKE, RELEASE = 0.68 * 20100.0, 0.0552 * 20100.0, 0.0048 * 20100.0
PER_CHARGE = CAPACITANCE / (CYTOPLASM * FARADAY)


@register_dataclass
@dataclass(frozen=True)
class Courtemanche:
    """Twenty-one variables; mV, ms, mM, currents in pA/pF, conductances in nS/pF. Digits beyond
    the paper's are its authors' code's, as their model in the CellML repository has them; so is
    the sign in the time constant of `ui`, which the paper's figure confirms. The stimulus carries
    potassium, so that concentrations settle.

    `ultrarapid` multiplies I_Kur, whose conductance depends on the potential.
    """

    variables: ClassVar[tuple[str, ...]] = (
        *("potential", "m", "h", "j", "oa", "oi", "ua", "ui", "xr", "xs", "d", "f", "f_calcium"),
        *("u", "v", "w", "sodium", "potassium", "calcium", "calcium_up", "calcium_release"),
    )
    threshold: ClassVar[float] = -40.0
    native: ClassVar[str] = "courtemanche"

    g_na: Float[Array, "..."] | float = 7.8
    g_k1: Float[Array, "..."] | float = 0.09
    g_to: Float[Array, "..."] | float = 0.1652
    ultrarapid: Float[Array, "..."] | float = 1.0
    g_kr: Float[Array, "..."] | float = 0.029411765
    g_ks: Float[Array, "..."] | float = 0.12941176
    g_cal: Float[Array, "..."] | float = 0.12375

    @classmethod
    def remodelled(cls) -> "Courtemanche":
        """After long fibrillation: half of I_to and I_Kur, 30 % of I_CaL (Courtemanche, Ramirez
        and Nattel, Cardiovasc Res 42:477, 1999)."""
        return cls(g_to=0.5 * cls.g_to, ultrarapid=0.5, g_cal=0.3 * cls.g_cal)

    @classmethod
    def pulmonary_vein(cls) -> "Courtemanche":
        """Of a pulmonary vein's sleeve, by its current densities against the left atrium's in dogs
        (Ehrlich et al., J Physiol 551:801, 2003)."""
        return cls(
            g_k1=0.58 * cls.g_k1,
            g_to=0.75 * cls.g_to,
            g_cal=0.7 * cls.g_cal,
            g_kr=1.5 * cls.g_kr,
            g_ks=1.6 * cls.g_ks,
        )

    @property
    def native_parameters(self) -> tuple[Float[Array, "..."] | float, ...]:
        conductances = self.g_na, self.g_k1, self.g_to, self.ultrarapid
        return (*conductances, self.g_kr, self.g_ks, self.g_cal)

    @property
    def resting_state(self) -> tuple[float, ...]:
        """The paper's initial state."""
        sodium = (2.908e-3, 9.649e-1, 9.775e-1)
        outward = (3.043e-2, 9.992e-1, 4.966e-3, 9.986e-1, 3.296e-5, 1.869e-2)
        calcium = (1.367e-4, 9.996e-1, 7.755e-1, 0.0, 1.0, 9.992e-1)
        return (-81.18, *sodium, *outward, *calcium, 11.17, 139.0, 1.013e-4, 1.488, 1.488)

    def ionic_current(self, state: Float[Array, "variables cells"]) -> Float[Array, " cells"]:
        return sum(self.currents(state).values(), start=jnp.zeros(()))

    def step(
        self,
        state: Float[Array, "variables cells"],
        stimulus: Float[Array, " cells"] | float,
        time_step: float,
    ) -> Float[Array, "variables cells"]:
        potential, gates, concentrations = state[0], state[1:16], state[16:]
        currents = self.currents(state)
        release = _release(state)
        targets, time_constants = zip(*_kinetics(state, release, currents), strict=True)
        gates = moved(gates, jnp.stack(targets), jnp.stack(time_constants), time_step)
        flows = _flows(concentrations, currents, release, stimulus)
        potential = potential + time_step * (stimulus - sum(currents.values()))
        return jnp.concatenate([potential[None], gates, concentrations + time_step * flows])

    def currents(self, state) -> dict[str, Float[Array, " cells"]]:
        """Membrane currents, pA/pF, outward positive."""
        v, m, h, j, oa, oi, ua, ui, xr, xs, d, f, f_calcium = state[:13]
        sodium, potassium, calcium = state[16:19]
        e_na = RT_F * jnp.log(SODIUM_OUT / sodium)
        to_k = v - RT_F * jnp.log(POTASSIUM_OUT / potassium)
        e_ca = 0.5 * RT_F * jnp.log(CALCIUM_OUT / calcium)
        g_kur = self.ultrarapid * (0.005 + 0.05 * boltzmann(v, 15, 13))
        return {
            "na": self.g_na * m**3 * h * j * (v - e_na),
            "k1": self.g_k1 * to_k * boltzmann(v, -80, -1 / 0.07),
            "to": self.g_to * oa**3 * oi * to_k,
            "kur": g_kur * ua**3 * ui * to_k,
            "kr": self.g_kr * xr * to_k * boltzmann(v, -15, -22.4),
            "ks": self.g_ks * xs**2 * to_k,
            "cal": self.g_cal * d * f * f_calcium * (v - 65),
            "nak": _pump(v, sodium),
            "naca": _exchanger(v, sodium, calcium),
            "pca": 0.275 * calcium / (0.0005 + calcium),
            "bna": 0.0006744375 * (v - e_na),
            "bca": 0.001131 * (v - e_ca),
        }


def _kinetics(state, release, currents):
    """What each gate tends to, and with which time constant (ms), in the order of the state."""
    v = state[0]
    return (
        *_fast_sodium(v),
        *_outward(v),
        *_delayed_rectifiers(v),
        *_calcium_channel(v, state[18]),
        *_release_gates(v, release, currents),
    )


def _opening(v, centre: float, slope: float):
    """(v - centre) / (1 - exp(-(v - centre) / slope)), finite at the centre."""
    return slope * softened(-(v - centre) / slope)


def _of_rates(opening, closing):
    return opening / (opening + closing), 1 / (opening + closing)


def _fast_sodium(v):
    low = v < -40
    # Each branch sees only its own side of -40 mV, where its exponentials stay finite.
    below, above = jnp.minimum(v, -40), jnp.maximum(v, -40)
    a_h = jnp.where(low, 0.135 * exp(-(below + 80) / 6.8), 0.0)
    b_h = 3.56 * exp(0.079 * below) + 3.1e5 * exp(0.35 * below)
    b_h_above = 1 / (0.13 * (1 + exp(-(above + 10.66) / 11.1)))
    a_j = -1.2714e5 * exp(0.2444 * below) - 3.474e-5 * exp(-0.04391 * below)
    a_j = a_j * (below + 37.78) / (1 + exp(0.311 * (below + 79.23)))
    b_j = 0.1212 * exp(-0.01052 * below) / (1 + exp(-0.1378 * (below + 40.14)))
    b_j_above = 0.3 * exp(-2.535e-7 * above) / (1 + exp(-0.1 * (above + 32)))
    return (
        _of_rates(0.32 * _opening(v, -47.13, 10), 0.08 * exp(-v / 11)),
        _of_rates(a_h, jnp.where(low, b_h, b_h_above)),
        _of_rates(jnp.where(low, a_j, 0.0), jnp.where(low, b_j, b_j_above)),
    )


def _outward(v):
    """Transient outward and ultrarapid currents; kinetics sped up threefold to 37 degrees."""
    activation = 0.65 / (exp(-(v + 10) / 8.5) + exp(-(v - 30) / 59)) + 0.65 / (
        2.5 + exp((v + 82) / 17)
    )
    oi = 1 / (18.53 + exp((v + 113.7) / 10.95)) + 1 / (35.56 + exp(-(v + 1.26) / 7.44))
    ui = 1 / (21 + exp(-(v - 185) / 28)) + exp((v - 158) / 16)
    return (
        (boltzmann(v, -20.47, 17.54), 1 / (3 * activation)),
        (boltzmann(v, -43.1, -5.3), 1 / (3 * oi)),
        (boltzmann(v, -30.3, 9.6), 1 / (3 * activation)),
        (boltzmann(v, 99.45, -27.48), 1 / (3 * ui)),
    )


def _delayed_rectifiers(v):
    closing = 7.3898e-5 * 5.1237 * softened((v - 3.3328) / 5.1237)
    xr = 0.0003 * _opening(v, -14.1, 5) + closing
    xs = 4e-5 * _opening(v, 19.9, 17) + 3.5e-5 * 9 * softened((v - 19.9) / 9)
    return (
        (boltzmann(v, -14.1, 6.5), 1 / xr),
        (sqrt(boltzmann(v, 19.9, 12.7)), 0.5 / xs),
    )


def _calcium_channel(v, calcium):
    x = -(v + 10) / 6.24
    d = 1 / (0.035 * 6.24 * softened(x) * (1 + exp(x)))
    f = 9 / (0.0197 * exp(-((0.0337 * (v + 10)) ** 2)) + 0.02)
    return (
        (boltzmann(v, -10, 8), d),
        (boltzmann(v, -28, -6.9), f),
        (1 / (1 + calcium / 0.00035), jnp.full_like(v, 2.0)),
    )


def _release(state):
    """Calcium out of its store, mM/ms of the store's volume."""
    u, v, w, _, _, calcium, _, calcium_release = state[13:]
    return 30 * u**2 * v * w * (calcium_release - calcium)


def _release_gates(v, release, i):
    # The paper's flux in units of 1e-15 umol/ms, so that single precision holds it.
    charge = 0.5 * i["cal"] - 0.2 * i["naca"]
    flux = 1e3 * RELEASE * release - 500 / FARADAY * CAPACITANCE * charge
    opening = boltzmann(flux, 341.75, 1.367)
    x = -(v - 7.9) / 5
    w = 6 / (5 * softened(x) * (1 + 0.3 * exp(x)))
    return (
        (opening, jnp.full_like(v, 8.0)),
        (1 - boltzmann(flux, 68.35, 1.367), 1.91 + 2.09 * opening),
        (1 - boltzmann(v, 40, 17), w),
    )


def _pump(v, sodium):
    sigma = (jnp.exp(SODIUM_OUT / 67.3) - 1) / 7
    block = 1 + 0.1245 * exp(-0.1 * v / RT_F) + 0.0365 * sigma * exp(-v / RT_F)
    share = POTASSIUM_OUT / (POTASSIUM_OUT + 1.5) / (1 + (10 / sodium) ** 1.5)
    return 0.59933874 * share / block


def _exchanger(v, sodium, calcium):
    forward = exp(0.35 * v / RT_F) * sodium**3 * CALCIUM_OUT
    backward = exp(-0.65 * v / RT_F) * SODIUM_OUT**3 * calcium
    saturation = (87.5**3 + SODIUM_OUT**3) * (1.38 + CALCIUM_OUT)
    return 1600 * (forward - backward) / (saturation * (1 + 0.1 * exp(-0.65 * v / RT_F)))


def _flows(concentrations, i, release, stimulus):
    """Rates of change of the concentrations, mM/ms."""
    _, _, calcium, calcium_up, calcium_release = concentrations
    uptake = 0.005 / (1 + 0.00092 / calcium)
    leak = 0.005 * calcium_up / 15
    transfer = (calcium_up - calcium_release) / 180
    membrane = PER_CHARGE / 2 * (2 * i["naca"] - i["pca"] - i["cal"] - i["bca"])
    stores = (UPTAKE * (leak - uptake) + RELEASE * release) / CYTOPLASM
    bound = 1 + _bound(calcium, 0.07, 0.0005) + _bound(calcium, 0.05, 0.00238)
    potassium_out = i["k1"] + i["to"] + i["kur"] + i["kr"] + i["ks"] - 2 * i["nak"] - stimulus
    return jnp.stack(
        [
            -PER_CHARGE * (3 * (i["nak"] + i["naca"]) + i["bna"] + i["na"]),
            -PER_CHARGE * potassium_out,
            (membrane + stores) / bound,
            uptake - leak - transfer * RELEASE / UPTAKE,
            (transfer - release) / (1 + _bound(calcium_release, 10.0, 0.8)),
        ]
    )


def _bound(calcium, buffer, affinity):
    """Calcium that a buffer takes up beside each that stays free."""
    return buffer * affinity / (calcium + affinity) ** 2
