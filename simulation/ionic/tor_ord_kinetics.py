"""How fast the gates of ToR-ORd move, and where to: each function gives, gate by gate in the order
of the state, what the gate tends to and with which time constant (ms)."""

import jax.numpy as jnp
from jax.numpy import exp

from twin.simulation.ionic.formulas import boltzmann, moved
from twin.simulation.ionic.tor_ord_transport import RT_F


def fast_sodium(v):
    """Also the late current's gates."""
    low = v < -40
    below, above = jnp.minimum(v, -40), jnp.maximum(v, -40)
    b_h = 0.057 * exp(-(below + 80) / 6.8) + 2.7 * exp(0.079 * below) + 3.1e5 * exp(0.3485 * below)
    b_h_above = 0.77 / (0.13 * (1 + exp(-(above + 10.66) / 11.1)))
    a_j = (-2.5428e4 * exp(0.2444 * below) - 6.948e-6 * exp(-0.04391 * below)) * (below + 37.78)
    a_j = a_j / (1 + exp(0.311 * (below + 79.23)))
    b_j = a_j + 0.02424 * exp(-0.01052 * below) / (1 + exp(-0.1378 * (below + 40.14)))
    b_j_above = 0.6 * exp(0.057 * above) / (1 + exp(-0.1 * (above + 32)))
    h, j = 1 / jnp.where(low, b_h, b_h_above), 1 / jnp.where(low, b_j, b_j_above)
    m = 0.1292 * exp(-(((v + 45.79) / 15.54) ** 2))
    m = m + 0.06487 * exp(-(((v - 4.823) / 51.12) ** 2))
    open_h, open_hp = boltzmann(v, -71.55, -7.43) ** 2, boltzmann(v, -77.55, -7.43) ** 2
    return (
        (boltzmann(v, -56.86, 9.03) ** 2, m),
        (open_h, h),
        (open_h, j),
        (open_hp, h),
        (open_h, 1.46 * j),
        (boltzmann(v, -42.85, 5.264), m),
        (boltzmann(v, -87.61, -7.488), jnp.full_like(v, 200.0)),
        (boltzmann(v, -93.81, -7.488), jnp.full_like(v, 600.0)),
    )


def outward_gates(v, epicardial: bool):
    a = 1.0515 / (boltzmann(v, 18.4099, 29.3814) / 1.2089 + 3.5 * boltzmann(v, -100, -29.3814))
    slower = 1 - 0.95 * boltzmann(v, -70, -5) if epicardial else 1.0
    fast = 4.562 + 1 / (0.3933 * exp(-(v + 100) / 100) + 0.08004 * exp((v + 50) / 16.59))
    slow = 23.62 + 1 / (0.001416 * exp(-(v + 96.52) / 59.05) + 1.78e-8 * exp((v + 114.1) / 8.079))
    # Far below 12 mV the second exponential would overflow, and its reciprocal vanishes.
    steep = exp(jnp.minimum(-(v - 12.23) / 0.2154, 80.0))
    develop = 1.354 + 1e-4 / (exp((v - 167.4) / 15.89) + steep)
    recover = 1 - 0.5 * boltzmann(v, -70, -20)
    shut = boltzmann(v, -43.94, -5.711)
    later = slower * develop * recover
    return (
        (boltzmann(v, 14.34, 14.82), a),
        (shut, fast * slower),
        (shut, slow * slower),
        (boltzmann(v, 24.34, 14.82), a),
        (shut, fast * later),
        (shut, slow * later),
    )


def calcium_gates(v):
    low = jnp.minimum(v, 31.4978)
    d = jnp.where(v < 31.4978, 1.0763 * exp(-1.007 * exp(-0.0829 * low)), 1.0)
    d_time = 0.6 + 1 / (exp(-0.05 * (v + 6)) + exp(0.09 * (v + 14)))
    fast = 7 + 1 / (0.0045 * (exp(-(v + 20) / 10) + exp((v + 20) / 10)))
    slow = 1000 + 1 / (3.5e-5 * (exp(-(v + 5) / 4) + exp((v + 5) / 6)))
    calcium_fast = 7 + 1 / (0.04 * (exp(-(v - 4) / 7) + exp((v - 4) / 7)))
    calcium_slow = 100 + 1 / (0.00012 * (exp(-v / 3) + exp(v / 7)))
    shut = boltzmann(v, -19.58, -3.696)
    return (
        (d, d_time),
        (shut, fast),
        (shut, slow),
        (shut, calcium_fast),
        (shut, calcium_slow),
        (boltzmann(v, -18.08, -2.7916), jnp.full_like(v, 72.5)),
        (shut, 2.5 * fast),
        (shut, 2.5 * calcium_fast),
    )


def mode(calcium, leaving):
    """Share of channels that calcium inactivates: binding 500, `leaving` per ms."""
    return 500 / leaving / (500 / leaving + (1 + 0.002 / calcium) ** 4), 1 / leaving


def slow_rectifier(v):
    first = 817.3 + 1 / (2.326e-4 * exp((v + 48.28) / 17.8) + 0.001292 * exp(-(v + 210) / 230))
    second = 1 / (0.01 * exp((v - 50) / 20) + 0.0193 * exp(-(v + 66.54) / 31))
    opened = boltzmann(v, -11.6, 8.932)
    return (opened, first), (opened, second)


def rapid_channel(v, state, time_step):
    """The channel of I_Kr, c3 - c2 - c1 - (o, i). c3 and c2 exchange within microseconds at rest,
    so their share moves exactly; what is slower moves explicitly."""
    c1, c2, c3, o, i = state
    x = v / RT_F
    first, back = 0.1161 * exp(0.299 * x), 0.2442 * exp(-1.604 * x)
    opening, closing = 0.0578 * exp(0.971 * x), 0.349e-3 * exp(-1.062 * x)
    into, out = 0.2533 * exp(0.5953 * x), 0.06525 * exp(-0.8209 * x)
    aside = 0.52e-4 * exp(1.525 * x)
    returning = aside * closing * out / (opening * into)
    nearer = 0.154375 * c2 - 0.1911 * c1
    opened, shut, lost = opening * c1 - closing * o, into * o - out * i, aside * c1 - returning * i
    both = c2 + c3
    c2 = moved(c2, both * first / (first + back), 1 / (first + back), time_step)
    return jnp.stack([
        c1 + time_step * (nearer - opened - lost),
        c2 - time_step * nearer,
        both - c2,
        o + time_step * (opened - shut),
        i + time_step * (shut + lost),
    ])  # fmt: skip
