"""ECGs made by formula, whose waves begin and end at known times: to verify what finds them.

A heart vector of raised cosines, each exactly zero outside its bounds, seen by the leads through
Dower's matrix (Dower et al. 1980, Clin Cardiol 3:97).
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from twin.simulation.ecg import ECG, standard_ecg
from twin.simulation.leads import INDEPENDENT
from twin.simulation.recording.delineation import Fiducials

# Rows as INDEPENDENT; columns: left, down, back.
DOWER = np.array(
    [
        (0.632, -0.235, 0.059),
        (0.235, 1.066, -0.132),
        (-0.515, 0.157, -0.917),
        (0.044, 0.164, -1.387),
        (0.882, 0.098, -1.277),
        (1.213, 0.127, -0.601),
        (1.125, 0.127, -0.086),
        (0.831, 0.076, 0.230),
    ]
)


@dataclass(frozen=True)
class Wave:
    """A raised cosine: rises from `start` to `peak`, falls to `end` (ms from QRS onset); mV."""

    start: float
    peak: float
    end: float
    vector: tuple[float, float, float]

    def at(self, times: Float[np.ndarray, " time"]) -> Float[np.ndarray, "3 time"]:
        half = np.where(times < self.peak, self.peak - self.start, self.end - self.peak)
        height = 0.5 * (1 + np.cos(np.pi * (times - self.peak) / half))
        inside = (times > self.start) & (times < self.end)
        return np.outer(self.vector, np.where(inside, height, 0.0))

    @property
    def tangent_end(self) -> float:
        """Where the tangent at the steepest fall meets zero: half the fall and 1/pi of it on."""
        return self.peak + (self.end - self.peak) * (0.5 + 1 / np.pi)


P = Wave(-160, -115, -70, (0.06, 0.14, -0.02))
Q = Wave(0, 12, 26, (-0.16, 0.0, -0.22))
R = Wave(14, 42, 70, (1.0, 0.9, 0.35))
S = Wave(52, 70, 90, (-0.25, -0.15, 0.5))
T = Wave(170, 285, 365, (0.3, 0.28, -0.16))


def synthetic_ecg(
    *,
    rate: float = 1000.0,
    beats: int = 10,
    interval: float = 900.0,
    noise: float = 0.0,
    wander: float = 0.0,
    waves: tuple[Wave, ...] = (P, Q, R, S, T),
    seed: int = 0,
) -> ECG:
    """Twelve leads; the first QRS begins at 300 ms, the next each `interval` ms on. `noise` and
    `wander` are the standard deviation of white noise and the height of a slow drift, mV."""
    times = np.arange(round((beats * interval + 100) * rate / 1000)) * 1000 / rate
    vector = sum(w.at(times - 300 - k * interval) for k in range(beats) for w in waves)
    leads = DOWER @ vector
    random = np.random.default_rng(seed)
    phases = random.uniform(0, 2 * np.pi, (len(leads), 1))
    leads = leads + wander * np.sin(2 * np.pi * 0.2 * times / 1000 + phases)
    leads = leads + noise * random.standard_normal(leads.shape)
    return standard_ecg(leads, rate, INDEPENDENT)


def true_fiducials(onset: float) -> Fiducials:
    """Of the standard waves in a beat whose QRS begins at `onset` ms."""
    marks = Fiducials(0.0, S.end, T.peak, T.tangent_end, P.start, P.end)
    return Fiducials(*(onset + mark for mark in vars(marks).values()))
