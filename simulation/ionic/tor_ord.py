"""Human ventricular myocyte ToR-ORd (Tomek et al., eLife 8:e48890, 2019), with the intracellular
chloride of its revision of 2020 (ToR-ORd-dynCl, bioRxiv 2020.06.01.127043)."""

from dataclasses import dataclass, field
from enum import Enum
from typing import ClassVar

import jax.numpy as jnp
from jax.numpy import exp, sqrt
from jax.tree_util import register_dataclass
from jaxtyping import Array, Float

from twin.simulation.ionic.formulas import boltzmann, moved
from twin.simulation.ionic.tor_ord_kinetics import (
    calcium_gates,
    fast_sodium,
    mode,
    outward_gates,
    rapid_channel,
    slow_rectifier,
)
from twin.simulation.ionic.tor_ord_transport import (
    CALCIUM_OUT,
    FARADAY,
    POTASSIUM_OUT,
    RT_F,
    SODIUM_OUT,
    TEMPERATURE,
    exchanger,
    membrane_flux,
    pump,
)

CHLORIDE_OUT = 150.0
CELL = 1000 * 3.14 * 0.0011**2 * 0.01
CYTOPLASM, RETICULUM, RELEASE, SUBSPACE = 0.68 * CELL, 0.0552 * CELL, 0.0048 * CELL, 0.02 * CELL
SURFACE = 2 * (2 * 3.14 * 0.0011**2 + 2 * 3.14 * 0.0011 * 0.01)


@dataclass(frozen=True)
class Expression:
    """How much more or less of each protein a layer has than the endocardium."""

    late_sodium: float = 1.0
    outward: float = 1.0
    calcium: float = 1.0
    rapid: float = 1.0
    slow: float = 1.0
    rectifier: float = 1.0
    exchange: float = 1.0
    pump: float = 1.0
    background: float = 1.0
    calmodulin: float = 1.0
    uptake: float = 1.0
    release: float = 1.0


class Layer(Enum):
    """Where in the wall the cell is from."""

    ENDOCARDIUM = Expression()
    EPICARDIUM = Expression(0.6, 2.0, 1.2, 1.3, 1.4, 1.2, 1.1, 0.9, 0.6, 1.3, 1.3, 1.0)
    MID_WALL = Expression(outward=2.0, calcium=2.0, rapid=0.8, rectifier=1.3, exchange=1.4,
                          pump=0.7, release=1.7)  # fmt: skip


STATES = {
    Layer.ENDOCARDIUM: (
        *(-89.74808, 6.517154e-4, 0.8473267, 0.8471657, 0.7018454, 0.8469014),
        *(1.351203e-4, 0.5566017, 0.3115491),
        *(8.899259e-4, 0.9996716, 0.5988908, 4.534165e-4, 0.9996716, 0.6620692),
        *(0.0, 1.0, 0.9401791, 1.0, 0.9999014, 0.9999846, 1.0, 1.0, 8.326009e-4, 4.899378e-4),
        *(0.243959, 1.586167e-4, 0.0, 0.0),
        *(6.532143e-4, 7.936020e-4, 0.9982511, 2.922449e-4, 9.804083e-6, 1.095026e-2),
        *(12.39736, 12.3977, 147.7115, 147.7114, 7.453481e-5, 6.497341e-5, 1.528001, 1.525693),
        *(29.20698, 29.20696),
    ),
    Layer.EPICARDIUM: (
        *(-90.74563, 5.253231e-4, 0.8645148, 0.8644571, 0.7313656, 0.8643527),
        *(1.117969e-4, 0.5916536, 0.3476812),
        *(8.320408e-4, 0.9997242, 0.9997235, 4.239121e-4, 0.9997242, 0.9997241),
        *(0.0, 1.0, 0.9510602, 1.0, 0.9999377, 0.9999886, 1.0, 1.0, 5.272668e-4, 3.049523e-4),
        *(0.2233584, 1.418247e-4, 0.0, 0.0),
        *(6.029079e-4, 7.393045e-4, 0.9984733, 1.787783e-4, 5.678255e-6, 1.273541e-2),
        *(13.40062, 13.40094, 152.3639, 152.3638, 6.621816e-5, 5.749921e-5, 1.806794, 1.805047),
        *(34.31721, 34.31719),
    ),
    Layer.MID_WALL: (
        *(-91.33918, 4.619565e-4, 0.8739077, 0.8737841, 0.7478972, 0.8735375),
        *(9.987709e-5, 0.5986118, 0.3339899),
        *(7.994042e-4, 0.9997514, 0.5702538, 4.072777e-4, 0.9997514, 0.6351927),
        *(0.0, 1.0, 0.9183587, 1.0, 0.9997540, 0.9999743, 1.0, 1.0, 1.257861e-3, 5.336520e-4),
        *(0.2642293, 1.327348e-4, 0.0, 0.0),
        *(5.910047e-4, 7.086460e-4, 0.9983451, 3.445733e-4, 1.064230e-5, 2.018820e-2),
        *(15.94867, 15.94922, 156.7131, 156.7130, 8.297576e-5, 6.642187e-5, 2.012225, 2.016415),
        *(48.91277, 48.91274),
    ),
}
"""After long pacing at 1 Hz, as the authors give them for their version of 2020."""


@register_dataclass
@dataclass(frozen=True)
class TorOrd:
    """Forty-five variables; mV, ms, mM, currents in pA/pF, conductances in nS/pF for the
    endocardium, to be multiplied by the layer's expression.

    `dynamic_chloride` false holds chloride at 24 mM: the version of 2019. `corrected_pump` mends
    what was found in the pump after publication: 1e-7 molar protons, not millimolar, and one of the
    terms of its cycle; as in the authors' notes and in Myokit's implementation.
    """

    variables: ClassVar[tuple[str, ...]] = (
        *("potential", "m", "h", "j", "h_phosphorylated", "j_phosphorylated"),
        *("m_late", "h_late", "h_late_phosphorylated"),
        *("a", "i_fast", "i_slow", "a_phosphorylated"),
        *("i_fast_phosphorylated", "i_slow_phosphorylated"),
        *("d", "f_fast", "f_slow", "f_calcium_fast", "f_calcium_slow", "j_calcium"),
        *("f_fast_phosphorylated", "f_calcium_fast_phosphorylated"),
        *("calcium_mode", "calcium_mode_subspace", "xs1", "xs2"),
        *("release", "release_phosphorylated"),
        *("c1", "c2", "c3", "o", "i", "kinase_trapped"),
        *("sodium", "sodium_subspace", "potassium", "potassium_subspace"),
        *("calcium", "calcium_subspace", "calcium_reticulum", "calcium_release"),
        *("chloride", "chloride_subspace"),
    )
    threshold: ClassVar[float] = -40.0
    native: ClassVar[str] = ""
    native_parameters: ClassVar[tuple[float, ...]] = ()

    layer: Layer = field(default=Layer.ENDOCARDIUM, metadata={"static": True})
    dynamic_chloride: bool = field(default=True, metadata={"static": True})
    corrected_pump: bool = field(default=False, metadata={"static": True})
    g_na: Float[Array, "..."] | float = 11.7802
    g_nal: Float[Array, "..."] | float = 0.0279
    g_to: Float[Array, "..."] | float = 0.16
    p_ca: Float[Array, "..."] | float = 8.3757e-5
    g_kr: Float[Array, "..."] | float = 0.0321
    g_ks: Float[Array, "..."] | float = 0.0011
    g_k1: Float[Array, "..."] | float = 0.6992

    @property
    def resting_state(self) -> tuple[float, ...]:
        state = STATES[self.layer]
        return state if self.dynamic_chloride else (*state[:43], 24.0, 24.0)

    def ionic_current(self, state: Float[Array, "variables cells"]) -> Float[Array, " cells"]:
        return sum(self.currents(state).values(), start=jnp.zeros(()))

    def step(
        self,
        state: Float[Array, "variables cells"],
        stimulus: Float[Array, " cells"] | float,
        time_step: float,
    ) -> Float[Array, "variables cells"]:
        currents = self.currents(state)
        targets, time_constants = zip(*self._kinetics(state, currents), strict=True)
        gates = moved(state[1:29], jnp.stack(targets), jnp.stack(time_constants), time_step)
        channel = rapid_channel(state[0], state[29:34], time_step)
        trapped = state[34] + time_step * _trapping(state)
        flows = self._flows(state, currents, stimulus)
        potential = state[0] + time_step * (stimulus - sum(currents.values()))
        return jnp.concatenate(
            [potential[None], gates, channel, trapped[None], state[35:] + time_step * flows]
        )

    def currents(self, state) -> dict[str, Float[Array, " cells"]]:
        """Membrane currents, pA/pF, outward positive."""
        v, more = state[0], self.layer.value
        sodium, _, potassium, _, calcium = state[35:40]
        e_na = RT_F * jnp.log(SODIUM_OUT / sodium)
        to_k = v - RT_F * jnp.log(POTASSIUM_OUT / potassium)
        mobile = POTASSIUM_OUT + 0.01833 * SODIUM_OUT
        e_ks = RT_F * jnp.log(mobile / (potassium + 0.01833 * sodium))
        activated = 1 + 0.6 / (1 + (3.8e-5 / calcium) ** 1.4)
        background = 0.0189 * more.background * boltzmann(v, 10.8968, 23.9871)
        g_k1 = self.g_k1 * more.rectifier
        return {
            **self._sodium_currents(state, v - e_na),
            "to": self.g_to * more.outward * _transient_outward(state) * to_k,
            **self._calcium_currents(state),
            "kr": self.g_kr * more.rapid * state[32] * to_k,
            "ks": self.g_ks * more.slow * activated * state[25] * state[26] * (v - e_ks),
            "k1": g_k1 * _rectification(to_k) * to_k,
            "kb": background * to_k,
            **self._transport(state),
            **_chloride_currents(state),
        }

    def _sodium_currents(self, state, driving):
        m, h, j, hp, jp, ml, hl, hlp = state[1:9]
        p = _phosphorylated(state)
        g_late = self.g_nal * self.layer.value.late_sodium
        return {
            "na": self.g_na * m**3 * ((1 - p) * h * j + p * hp * jp) * driving,
            "nal": g_late * ml * ((1 - p) * hl + p * hlp) * driving,
        }

    def _calcium_currents(self, state):
        """Of the L-type channel: calcium, sodium and potassium, in cytoplasm and subspace."""
        v = state[0]
        d, ff, fs, fcaf, fcas, jca, ffp, fcafp, nca_i, nca_ss = state[15:25]
        sodium, sodium_ss, potassium, potassium_ss, calcium, calcium_ss, _, _ = state[35:43]
        chloride, chloride_ss = state[43:]
        p = _phosphorylated(state)
        share = 0.3 + 0.6 * boltzmann(v, 10, -10)
        f, fp = 0.6 * ff + 0.4 * fs, 0.6 * ffp + 0.4 * fs
        fca = share * fcaf + (1 - share) * fcas
        fcap = share * fcafp + (1 - share) * fcas
        permeability = self.p_ca * self.layer.value.calcium * d

        def through(mode, ions, chloride):
            free = f * (1 - mode) + jca * fca * mode
            bound = fp * (1 - mode) + jca * fcap * mode
            opened = permeability * ((1 - p) * free + 1.1 * p * bound)
            calcium, sodium, potassium = ions
            strength = 0.0005 * (4 * calcium + sodium + potassium + chloride)
            inner, outer = _activity(strength), _activity(OUTER_STRENGTH)
            return (
                opened * membrane_flux(2 * v, inner**4 * calcium, outer**4 * CALCIUM_OUT) * 2,
                0.00125 * opened * membrane_flux(v, inner * sodium, outer * SODIUM_OUT),
                0.0003574 * opened * membrane_flux(v, inner * potassium, outer * POTASSIUM_OUT),
            )

        cytoplasm = through(nca_i, (calcium, sodium, potassium), chloride)
        subspace = through(nca_ss, (calcium_ss, sodium_ss, potassium_ss), chloride_ss)
        names = ("cal", "cal_sodium", "cal_potassium")
        inside = {name: 0.2 * i for name, i in zip(names, cytoplasm, strict=True)}
        return inside | {f"{n}_ss": 0.8 * i for n, i in zip(names, subspace, strict=True)}

    def _transport(self, state):
        """Exchanger, pumps, and what leaks through the membrane."""
        v, more = state[0], self.layer.value
        sodium, sodium_ss, potassium, _, calcium, calcium_ss, _, _, chloride, _ = state[35:]
        strength = 0.0005 * (4 * calcium + sodium + potassium + chloride)
        inner, outer = _activity(strength) ** 4 * calcium, _activity(OUTER_STRENGTH) ** 4
        exchange = 0.0034 * more.exchange
        return {
            "naca": 0.65 * exchange * exchanger(v / RT_F, sodium, calcium),
            "naca_ss": 0.35 * exchange * exchanger(v / RT_F, sodium_ss, calcium_ss),
            "nak": 15.4509 * more.pump * pump(v / RT_F, sodium, potassium, self.corrected_pump),
            "nab": 1.9239e-9 * membrane_flux(v, sodium, SODIUM_OUT),
            "cab": 2 * 5.9194e-8 * membrane_flux(2 * v, inner, outer * CALCIUM_OUT),
            "pca": 0.0005 * calcium / (0.0005 + calcium),
        }

    def _kinetics(self, state, currents):
        """What rows 1 to 28 tend to, and with which time constant (ms)."""
        v, calcium, calcium_ss, jca = state[0], state[39], state[40], state[20]
        return (
            *fast_sodium(v),
            *outward_gates(v, self.layer is Layer.EPICARDIUM),
            *calcium_gates(v),
            *(mode(c, jca) for c in (calcium, calcium_ss)),
            *slow_rectifier(v),
            *self._release_gates(state[42], currents["cal_ss"]),
        )

    def _release_gates(self, calcium_release, calcium_current):
        loaded = 1 / (1 + (1.7 / calcium_release) ** 8)
        target = -0.5 * 4.75 * self.layer.value.release * calcium_current * loaded
        time_constant = jnp.maximum(4.75 / (1 + 0.0123 / calcium_release), 0.001)
        return (target, time_constant), (1.25 * target, 1.25 * time_constant)

    def _flows(self, state, i, stimulus):
        """Rates of change of the concentrations, mM/ms."""
        more, p = self.layer.value, _phosphorylated(state)
        sodium, sodium_ss, potassium, potassium_ss, ca, ca_ss, ca_sr, ca_rel, cl, cl_ss = state[35:]
        to_cytoplasm, to_subspace = SURFACE / (FARADAY * CYTOPLASM), SURFACE / (FARADAY * SUBSPACE)
        mixed = SUBSPACE / CYTOPLASM
        uptake = (
            0.005425 * more.uptake * ca * ((1 - p) / (ca + 0.00092) + 2.75 * p / (ca + 0.00075))
        )
        uptake = uptake - 0.0048825 * ca_sr / 15
        release = 1.5378 * ((1 - p) * state[27] + p * state[28])
        refill = (ca_sr - ca_rel) / 60
        sodium_in = i["na"] + i["nal"] + 3 * (i["naca"] + i["nak"]) + i["cal_sodium"] + i["nab"]
        outward = i["to"] + i["kr"] + i["ks"] + i["k1"] + i["kb"]
        potassium_out = outward - 2 * i["nak"] + i["cal_potassium"] - stimulus
        calcium_in = i["cal"] + i["pca"] + i["cab"] - 2 * i["naca"]
        calcium_in_ss = i["cal_ss"] - 2 * i["naca_ss"]
        mixing = [(sodium_ss - sodium) / 2, (potassium_ss - potassium) / 2]
        mixing += [(ca_ss - ca) / 0.2, (cl_ss - cl) / 2]
        bound = 1 + _bound(ca, 0.05 * more.calmodulin, 0.00238) + _bound(ca, 0.07, 0.0005)
        bound_ss = 1 + _bound(ca_ss, 0.047, 0.00087) + _bound(ca_ss, 1.124, 0.0087)
        chloride = float(self.dynamic_chloride)
        return jnp.stack([
            -to_cytoplasm * sodium_in + mixing[0] * mixed,
            -to_subspace * (i["cal_sodium_ss"] + 3 * i["naca_ss"]) - mixing[0],
            -to_cytoplasm * potassium_out + mixing[1] * mixed,
            -to_subspace * i["cal_potassium_ss"] - mixing[1],
            (-to_cytoplasm / 2 * calcium_in - uptake * RETICULUM / CYTOPLASM
             + mixing[2] * mixed) / bound,
            (-to_subspace / 2 * calcium_in_ss + release * RELEASE / SUBSPACE
             - mixing[2]) / bound_ss,
            uptake - refill * RELEASE / RETICULUM,
            (refill - release) / (1 + _bound(ca_rel, 10.0, 0.8)),
            chloride * (to_cytoplasm * i["clb"] + mixing[3] * mixed),
            chloride * (to_subspace * i["clca"] - mixing[3]),
        ])  # fmt: skip


OUTER_STRENGTH = 0.0005 * (4 * CALCIUM_OUT + SODIUM_OUT + POTASSIUM_OUT + CHLORIDE_OUT)


def _activity(strength):
    """Of a monovalent ion at an ionic strength (M), after Davies; its fourth power is calcium's."""
    constant = 1820000 / (74 * TEMPERATURE) ** 1.5
    return exp(-constant * (sqrt(strength) / (1 + sqrt(strength)) - 0.3 * strength))


def _bound(calcium, buffer, affinity):
    """Calcium that a buffer takes up beside each that stays free."""
    return buffer * affinity / (calcium + affinity) ** 2


def _active_kinase(state):
    trapped, calcium_ss = state[34], state[40]
    bound = 0.05 * (1 - trapped) / (1 + 0.0015 / calcium_ss)
    return bound, bound + trapped


def _phosphorylated(state):
    """Share of channels that the kinase has phosphorylated."""
    return 1 / (1 + 0.15 / _active_kinase(state)[1])


def _trapping(state):
    bound, active = _active_kinase(state)
    return 0.05 * bound * active - 0.00068 * state[34]


def _transient_outward(state):
    v, (a, i_fast, i_slow, ap, ip_fast, ip_slow) = state[0], state[9:15]
    p, share = _phosphorylated(state), boltzmann(v, 213.6, -151.2)
    free = a * (share * i_fast + (1 - share) * i_slow)
    return (1 - p) * free + p * ap * (share * ip_fast + (1 - share) * ip_slow)


def _rectification(driving):
    """Open share of I_K1 at a potential `driving` mV above that of potassium."""
    a = 4.094 / (1 + exp(0.1217 * (driving - 49.934)))
    b = 15.72 * exp(0.0674 * (driving - 3.257)) + exp(0.0618 * (driving - 594.31))
    return a / (a + b / (1 + exp(-0.1629 * (driving + 14.207))))


def _chloride_currents(state):
    v, calcium_ss, chloride, chloride_ss = state[0], state[40], state[43], state[44]
    return {
        "clca": 0.2843 / (1 + 0.1 / calcium_ss) * (v + RT_F * jnp.log(CHLORIDE_OUT / chloride_ss)),
        "clb": 1.98e-3 * (v + RT_F * jnp.log(CHLORIDE_OUT / chloride)),
    }
