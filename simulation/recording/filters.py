"""Filters for measured ECGs, each with its phase named, and each leaving a remark."""

from dataclasses import replace
from enum import Enum
from fractions import Fraction

import numpy as np
from jaxtyping import Float
from scipy import signal

from twin.meshes.errors import InputError
from twin.simulation.ecg import ECG

MAINS = (50.0, 60.0)


class Phase(Enum):
    """How a filter moves waves in time.

    ZERO_PHASE runs forwards and backwards: nothing moves, the attenuation doubles, and it needs
    the whole recording. CAUSAL runs forwards only, as a monitor does: waves are delayed and the
    ST segment can be bent.
    """

    ZERO_PHASE = "zero-phase"
    CAUSAL = "causal"


def resample(ecg: ECG, rate: float) -> ECG:
    """At `rate` Hz by a polyphase filter against aliasing (zero-phase).

    The rate reached is the nearest fraction of the old one with terms under 1,000.
    """
    if not 20 <= rate <= 100_000:
        raise InputError(f"an ECG cannot be resampled to {rate:g} Hz; ask for 20 to 100,000 Hz")
    ratio = Fraction(rate / ecg.rate).limit_denominator(1000)
    if ratio == 1:
        return ecg
    if ratio == 0:
        raise InputError(f"from {ecg.rate:g} Hz to {rate:g} Hz is too far; resample in two steps")
    signals = signal.resample_poly(
        ecg.signals, ratio.numerator, ratio.denominator, axis=1, padtype="line"
    )
    reached = ecg.rate * ratio.numerator / ratio.denominator
    return replace(ecg, signals=signals, rate=reached).remark(
        f"resampled from {ecg.rate:g} to {reached:g} Hz, polyphase, zero-phase"
    )


def remove_baseline(ecg: ECG, cutoff: float = 0.5, phase: Phase = Phase.ZERO_PHASE) -> ECG:
    """Without what is slower than `cutoff` Hz: Butterworth high-pass of order 2.

    Zero-phase keeps the ST segment up to 0.67 Hz; a causal filter does so only up to 0.05 Hz
    (Kligfield et al. 2007, J Am Coll Cardiol 49:1109).
    """
    _require_length(ecg, 1000 / cutoff, f"a baseline filter at {cutoff:g} Hz")
    sections = signal.butter(2, _in_band(ecg, cutoff), "highpass", fs=ecg.rate, output="sos")
    return _filtered(ecg, sections, phase, f"baseline: high-pass {cutoff:g} Hz, Butterworth")


def remove_mains(
    ecg: ECG, frequency: float = 50.0, phase: Phase = Phase.ZERO_PHASE, quality: float = 30.0
) -> ECG:
    """Without the hum of the mains: a second-order notch at `frequency` Hz, as wide as
    `frequency / quality`."""
    numerator, denominator = signal.iirnotch(_in_band(ecg, frequency), quality, fs=ecg.rate)
    sections = signal.tf2sos(numerator, denominator)
    return _filtered(ecg, sections, phase, f"mains: notch {frequency:g} Hz, quality {quality:g}")


def remove_muscle(ecg: ECG, cutoff: float = 100.0, phase: Phase = Phase.ZERO_PHASE) -> ECG:
    """Without what is faster than `cutoff` Hz: Butterworth low-pass of order 4.

    150 Hz keeps adult QRS amplitudes (Kligfield et al. 2007); 40 Hz rounds the QRS and hides its
    notches.
    """
    sections = signal.butter(4, _in_band(ecg, cutoff), "lowpass", fs=ecg.rate, output="sos")
    return _filtered(ecg, sections, phase, f"muscle: low-pass {cutoff:g} Hz, Butterworth")


def find_mains(ecg: ECG) -> float | None:
    """50 or 60 Hz where that frequency stands out in the spectrum, else None.

    Stands out: in the median lead its power is over 10 times that of its neighbourhood.
    """
    window = int(min(2 * ecg.rate, ecg.signals.shape[1]))
    if ecg.rate < 150 or window < ecg.rate / 2:
        return None
    frequencies, power = signal.welch(ecg.signals, ecg.rate, nperseg=window, axis=1)
    excess = [_peak_over_surroundings(frequencies, power, mains) for mains in MAINS]
    return MAINS[int(np.argmax(excess))] if max(excess) > 10 else None


def _peak_over_surroundings(
    frequencies: Float[np.ndarray, " frequencies"],
    power: Float[np.ndarray, "leads frequencies"],
    centre: float,
) -> float:
    distance = np.abs(frequencies - centre)
    peak = power[:, distance <= 1].max(axis=1)
    around = np.median(power[:, (distance > 2) & (distance < 8)], axis=1)
    present = around > 0
    return float(np.median(peak[present] / around[present])) if present.any() else 0.0


def _filtered(ecg: ECG, sections: np.ndarray, phase: Phase, what: str) -> ECG:
    if phase is Phase.ZERO_PHASE:
        # Odd reflection over a whole time constant, so that the ends do not ring.
        padding = min(ecg.signals.shape[1] - 1, int(2 * ecg.rate))
        signals = signal.sosfiltfilt(sections, ecg.signals, axis=1, padlen=padding)
    else:
        start = signal.sosfilt_zi(sections)[:, None, :] * ecg.signals[None, :, :1]
        signals, _ = signal.sosfilt(sections, ecg.signals, axis=1, zi=start)
    return replace(ecg, signals=signals).remark(f"{what}, {phase.value}")


def _in_band(ecg: ECG, frequency: float) -> float:
    if not 0 < frequency < ecg.rate / 2:
        raise InputError(
            f"a filter at {frequency:g} Hz is outside 0 to {ecg.rate / 2:g} Hz, half the rate"
        )
    return frequency


def _require_length(ecg: ECG, needed: float, what: str) -> None:
    if ecg.duration < needed:
        raise InputError(
            f"{what} needs {needed:g} ms of ECG; this one lasts {ecg.duration:g} ms: "
            "leave the filter out, or subtract the level before the QRS"
        )
