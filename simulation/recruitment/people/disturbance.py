"""What lies between a heart's potentials on the skin and the ECG that a recorder hands over."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from twin.simulation.ecg import ECG
from twin.simulation.lead_field import ELECTRODES, independent_leads
from twin.simulation.leads import INDEPENDENT
from twin.simulation.recording.filters import remove_mains, remove_muscle
from twin.simulation.recruitment.recipe import Recording

RATE = 1000.0
LEVEL = 20
"""ms before the QRS, whose mean a recorder's beat is measured from."""

WANDER = (0.05, 0.4)
MUSCLE = (20.0, 250.0)
"""Hz: of breath and electrodes, and of skeletal muscle as far as it reaches the skin."""


@dataclass(frozen=True, eq=False)
class Disturbance:
    """One recording's: what is added at the electrodes, and how leads are then amplified, filtered
    and cut.

    decibels: of the QRS-T over all that is added together; None where nothing is.
    shares: of its power that wander, muscle and mains have.
    shift: ms by which the onset of the QRS is taken too early.
    low_pass, notch: Hz; None where there is no such filter.
    """

    decibels: float | None
    shares: tuple[float, float, float]
    mains: float
    gains: tuple[float, ...]
    shift: int
    low_pass: float | None
    notch: float | None
    seed: tuple[int, ...]

    @staticmethod
    def draw(rule: Recording, random: np.random.Generator, seed: tuple[int, ...]) -> "Disturbance":
        shares = random.dirichlet(np.ones(3))
        mains = float(random.choice(rule.mains))
        gains = tuple(rule.gain.draw(random) for _ in INDEPENDENT)
        shift = round(rule.onset_jitter.draw(random))
        low_pass = float(random.choice(rule.low_pass)) if rule.low_pass else None
        notched = random.random() < rule.notch
        decibels = rule.noise.draw(random) if rule.noise else None
        return Disturbance(
            decibels=decibels,
            shares=(float(shares[0]), float(shares[1]), float(shares[2])),
            mains=mains,
            gains=gains,
            shift=int(np.clip(shift, rule.start, -rule.start)),
            low_pass=low_pass,
            notch=mains if notched else None,
            seed=seed,
        )

    @property
    def draws(self) -> dict[str, float]:
        """By name, fit for a table; NaN where there is none."""
        numbers = {
            "noise_db": self.decibels,
            "noise_wander": self.shares[0],
            "noise_muscle": self.shares[1],
            "noise_mains": self.shares[2],
            "mains_hz": self.mains,
            "onset_shift_ms": self.shift,
            "low_pass_hz": self.low_pass,
            "notch_hz": self.notch,
        }
        named = {k: float("nan") if v is None else float(v) for k, v in numbers.items()}
        return {**named, **{f"gain_{n}": g for n, g in zip(INDEPENDENT, self.gains, strict=True)}}

    def record(self, clean: Float[np.ndarray, "8 time"], onset: int) -> Float[np.ndarray, "8 time"]:
        """What the recorder hands over, mV at 1 kHz; `onset` is the QRS's sample in `clean`."""
        signals = (clean + self._added(clean)) * np.array(self.gains)[:, None]
        signals = _shifted(signals, self.shift)
        ecg = ECG(signals, RATE, INDEPENDENT)
        if self.notch is not None:
            ecg = remove_mains(ecg, self.notch)
        if self.low_pass is not None:
            ecg = remove_muscle(ecg, self.low_pass)
        level = ecg.signals[:, max(0, onset - LEVEL) : max(1, onset)].mean(axis=1, keepdims=True)
        return ecg.signals - level

    def _added(self, clean: Float[np.ndarray, "8 time"]) -> Float[np.ndarray, "8 time"]:
        """At each electrode apart, so that leads which share one share its noise."""
        if self.decibels is None:
            return np.zeros_like(clean)
        random = np.random.default_rng(self.seed)
        wanted = np.sqrt((clean**2).mean()) * 10 ** (-self.decibels / 20)
        return wanted * noise(random, clean.shape[1], self.shares, self.mains)


def noise(
    random: np.random.Generator, samples: int, shares: tuple[float, float, float], mains: float
) -> Float[np.ndarray, "8 time"]:
    """Wander, muscle and mains with these shares of the power, together of RMS 1."""
    size = (len(ELECTRODES), samples)
    kinds = _band(random, size, *WANDER), _band(random, size, *MUSCLE), _hum(random, size, mains)
    mixed = sum(np.sqrt(share) * kind for share, kind in zip(shares, kinds, strict=True))
    leads = independent_leads(ELECTRODES) @ mixed
    return leads / np.sqrt((leads**2).mean())


def _hum(random: np.random.Generator, size: tuple[int, int], mains: float) -> np.ndarray:
    """Mains and their third harmonic, in step at all electrodes, not alike strong."""
    phase, third = random.uniform(0, 2 * np.pi, 2)
    turns = 2 * np.pi * mains * np.arange(size[1]) / RATE
    wave = np.sin(turns + phase) + 0.3 * np.sin(3 * turns + third)
    return random.normal(size=(size[0], 1)) * wave


def _band(random, size: tuple[int, int], low: float, high: float) -> Float[np.ndarray, "rows time"]:
    """Gaussian noise between two frequencies, of power 1; of what is slow, a stretch."""
    rows, count = size
    # At least two of its longest periods, of which the window shows a part.
    length = max(count, int(2 * RATE / low)) if low < 1 else count
    frequencies = np.fft.rfftfreq(length, 1 / RATE)
    within = (frequencies >= low) & (frequencies <= high)
    parts = random.normal(size=(2, rows, int(within.sum())))
    spectrum = np.zeros((rows, len(frequencies)), complex)
    spectrum[:, within] = parts[0] + 1j * parts[1]
    noise = np.fft.irfft(spectrum, length)[:, :count]
    return noise / np.sqrt(np.mean(np.fft.irfft(spectrum, length) ** 2))


def _shifted(signals: np.ndarray, samples: int) -> np.ndarray:
    """Later by so many samples; the ends are held."""
    at = np.clip(np.arange(signals.shape[1]) - samples, 0, signals.shape[1] - 1)
    return signals[:, at]
