"""What carries ions through the membrane of ToR-ORd besides channels with gates. All of it is
O'Hara's and Rudy's (PLoS Comput Biol 7:e1002061, 2011), scaled anew."""

from jax.numpy import exp
from jaxtyping import Array, Float

from twin.simulation.ionic.formulas import softened

TEMPERATURE, FARADAY = 310.0, 96485.0
RT_F = 8314.0 * TEMPERATURE / FARADAY
SODIUM_OUT, POTASSIUM_OUT, CALCIUM_OUT = 140.0, 5.0, 1.8


def membrane_flux(potential, inside, outside) -> Float[Array, " cells"]:
    """F z u (c_i e^(z u) - c_o) / (e^(z u) - 1) for z u = `potential` in units of RT/F (Goldman,
    Hodgkin and Katz), where `potential` is the ion's charge number times the membrane's, mV."""
    x = potential / RT_F
    return FARADAY * softened(x) * (inside * exp(x) - outside)


def exchanger(x, sodium, calcium) -> Float[Array, " cells"]:
    """Charge that the sodium-calcium exchanger moves out, per ms, from the four states of its
    cycle; `x` is the potential in units of RT/F."""
    calcium_shift, sodium_shift = exp(0.167 * x), exp(0.5224 * x)
    h1 = 1 + sodium / 88.12 * (1 + sodium_shift)
    h2 = sodium * sodium_shift / (88.12 * h1)
    h4 = 1 + sodium / 15 * (1 + sodium / 5)
    h5 = sodium**2 / (h4 * 15 * 5)
    h7 = 1 + SODIUM_OUT / 88.12 * (1 + 1 / sodium_shift)
    h8 = SODIUM_OUT / (88.12 * sodium_shift * h7)
    h10 = 12.5 + 1 + SODIUM_OUT / 15 * (1 + SODIUM_OUT / 5)
    h11 = SODIUM_OUT**2 / (h10 * 15 * 5)
    k1, k2, k5, k6 = 1.5e6 * CALCIUM_OUT / h10, 5e3, 5e3, 1.5e6 * calcium / h4
    k3_sodium, k4_sodium = 5e3 * h8, 5e3 * h2
    k3, k4 = 6e4 / h7 + k3_sodium, 6e4 / h1 / calcium_shift + k4_sodium
    k7, k8 = 6e4 * h5 * h2, 6e4 * h8 * h11
    x1 = k2 * k4 * (k7 + k6) + k5 * k7 * (k2 + k3)
    x2 = k1 * k7 * (k4 + k5) + k4 * k6 * (k1 + k8)
    x3 = k1 * k3 * (k7 + k6) + k8 * k6 * (k2 + k3)
    x4 = k2 * k8 * (k4 + k5) + k3 * k5 * (k1 + k8)
    sodium_out = 3 * (x4 * k7 - x1 * k8) + x3 * k4_sodium - x2 * k3_sodium
    calcium_out = x2 * k2 - x1 * k1
    active = 1 / (1 + (150e-6 / calcium) ** 2)
    return active * (sodium_out + 2 * calcium_out) / (x1 + x2 + x3 + x4)


def pump(x, sodium, potassium, corrected: bool) -> Float[Array, " cells"]:
    """Charge that the sodium-potassium pump moves out, per ms, as `exchanger` does."""
    protons = 1e-4 if corrected else 1e-7
    sodium_in = sodium / (9.073 * exp(-0.155 * x / 3))
    sodium_out = SODIUM_OUT / (27.78 * exp(1.155 * x / 3))
    potassium_in, potassium_out = potassium / 0.5, POTASSIUM_OUT / 0.3582
    inner = (1 + sodium_in) ** 3 + (1 + potassium_in) ** 2 - 1
    outer = (1 + sodium_out) ** 3 + (1 + potassium_out) ** 2 - 1
    phosphate = 4.2 / (1 + protons / 1.698e-7 + sodium / 224 + potassium / 292)
    energy = 9.8 / 1.698e-7
    a1, a2, a3 = 949.5 * sodium_in**3 / inner, 687.2, 1899 * potassium_out**2 / outer
    a4 = 639 * energy / (1 + energy)
    b1, b2 = 182.4 * 0.05, 39.4 * sodium_out**3 / outer
    b3, b4 = 79300 * phosphate * protons / (1 + energy), 40 * potassium_in**2 / inner
    x1 = a4 * a1 * a2 + (b1 if corrected else b2) * b4 * b3 + a2 * b4 * b3 + b3 * a1 * a2
    x2 = b2 * b1 * b4 + a1 * a2 * a3 + a3 * b1 * b4 + a2 * a3 * b4
    x3 = a2 * a3 * a4 + b3 * b2 * b1 + b2 * b1 * a4 + a3 * a4 * b1
    x4 = b4 * b3 * b2 + a3 * a4 * a1 + b2 * a4 * a1 + b3 * b2 * a1
    sodium_moved, potassium_moved = 3 * (x1 * a3 - x2 * b3), 2 * (x4 * b1 - x3 * a1)
    return (sodium_moved + potassium_moved) / (x1 + x2 + x3 + x4)
