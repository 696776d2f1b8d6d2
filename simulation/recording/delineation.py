"""Where the waves of a beat begin and end, from all leads at once.

A wave is what moves the leads: its bounds follow from the spatial speed, the root mean square over
the leads of their slopes. A QRS begins in whichever lead moves first and ends in whichever rests
last, as a reader does it who lays the leads over one another. The end of T is where the tangent at
its steepest last slope meets the level after it (Lepeschkin and Surawicz 1952, Circulation 6:378),
on the principal component of the leads.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy import signal
from scipy.ndimage import gaussian_filter1d, uniform_filter1d

from twin.meshes.errors import InputError
from twin.simulation.recording.beats import Beat, independent_leads

SPEED_SHARE = 0.02  # of the fastest moment of the QRS: under it the leads rest
LEAST_T = 0.05  # mV, norm over the leads: a smaller T has no end that can be told
LEAST_P = 0.04  # mV, likewise
_SMOOTHING = (2.5, 4.0, 6.0, 9.0)  # ms, the least that holds the noise under the threshold


@dataclass(frozen=True)
class Fiducials:
    """ms from the first sample of the beat's ECG; None where the wave is not there."""

    qrs_onset: float
    qrs_end: float
    t_peak: float | None = None
    t_end: float | None = None
    p_onset: float | None = None
    p_end: float | None = None


def delineate(beat: Beat) -> Fiducials:
    """The bounds of P, QRS and T in this beat."""
    leads, rate = independent_leads(beat.ecg), beat.ecg.rate
    if leads.shape[1] < 0.06 * rate:
        raise InputError(
            f"{beat.ecg.duration:g} ms are too short for a QRS; expected 60 ms or more"
        )
    onset, end = _qrs_bounds(leads, rate, round(beat.reference * rate / 1000))
    level = _level_before(leads, rate, onset)
    t_peak, t_end = _t_wave(leads - level, rate, end)
    p_onset, p_end = _p_wave(leads - level, rate, onset)
    marks = [onset, end, t_peak, t_end, p_onset, p_end]
    return Fiducials(*(None if m is None else float(m) * 1000 / rate for m in marks))  # type: ignore[arg-type]


def _speed(leads: Float[np.ndarray, "leads time"], width: float) -> Float[np.ndarray, " time"]:
    """mV a sample, root mean square over the leads, after a Gaussian of `width` samples."""
    slopes = gaussian_filter1d(leads, max(width, 0.6), axis=1, order=1, mode="nearest")
    return np.sqrt((slopes**2).mean(axis=0))


def _qrs_bounds(leads: np.ndarray, rate: float, reference: int) -> tuple[int, int]:
    """Samples of the first and last movement of the QRS around the reference."""
    ms = rate / 1000
    for width in _SMOOTHING:
        speed = _speed(leads, width * ms)
        near = slice(max(0, reference - round(80 * ms)), reference + round(80 * ms) + 1)
        peak = near.start + int(speed[near].argmax())
        fast = np.flatnonzero(speed > 0.25 * speed[peak])
        core = fast[np.abs(fast - reference) <= 130 * ms]
        before = _rest(speed[max(0, core[0] - round(120 * ms)) : core[0]], ms, len(leads))
        after = _rest(speed[core[-1] + 1 : core[-1] + round(140 * ms)], ms, len(leads))
        if max(before, after) <= SPEED_SHARE * speed[peak]:
            break
    least = SPEED_SHARE * speed[peak]
    onset = core[0] - _steps_to_rest(speed[core[0] :: -1], max(before, least), 10 * ms)
    end = core[-1] + _steps_to_rest(speed[core[-1] :], max(after, least), 12 * ms)
    # Smoothing spreads the QRS to either side, by nearly its own width.
    spread = round(0.8 * width * ms)
    return int(onset) + spread, int(end) - spread


def _rest(speed: np.ndarray, ms: float, leads: int) -> float:
    """What counts as movement beside the quietest 20 ms: noise scatters less over many leads."""
    if len(speed) < 20 * ms:
        return 0.0
    quiet = uniform_filter1d(speed, round(20 * ms), mode="nearest").min()
    return float(quiet * (1.4 + 3 / np.sqrt(leads)))


def _steps_to_rest(speed: np.ndarray, threshold: float, lasting: float) -> int:
    """Samples until the speed falls under the threshold and stays there for `lasting` samples."""
    quiet = np.concatenate([speed < threshold, np.ones(round(lasting), bool)])
    runs = np.convolve(quiet, np.ones(max(1, round(lasting))), mode="valid")
    return min(int((runs >= max(1, round(lasting)) - 0.5).argmax()), len(speed) - 1)


def _level_before(leads: np.ndarray, rate: float, onset: int) -> Float[np.ndarray, "leads 1"]:
    """Mean over the 16 ms before the QRS, or its first sample where nothing comes before."""
    start = max(0, onset - max(1, round(0.016 * rate)))
    return leads[:, start : max(onset, start + 1)].mean(axis=1, keepdims=True)


def _principal_wave(
    leads: np.ndarray, rate: float, width: float
) -> tuple[Float[np.ndarray, " time"], Float[np.ndarray, " time"]]:
    """Principal component of what rises over the straight line from end to end, mV, upright; and
    the same component of the leads themselves. Smoothed by `width` ms."""
    edge = max(1, round(0.008 * rate))
    first, last = leads[:, :edge].mean(axis=1), leads[:, -edge:].mean(axis=1)
    over = leads - np.linspace(first, last, leads.shape[1], axis=1)
    direction = np.linalg.svd(over, full_matrices=False)[0][:, 0]
    raised, plain = gaussian_filter1d(
        np.array([direction @ over, direction @ leads]), width * rate / 1000, mode="nearest"
    )
    sign = np.sign(raised[np.abs(raised).argmax()]) or 1.0
    return sign * raised, sign * plain


def _t_wave(leads: np.ndarray, rate: float, qrs_end: int) -> tuple[int | None, float | None]:
    start = qrs_end + round(0.05 * rate)
    if leads.shape[1] - start < 0.12 * rate:
        return None, None
    raised, plain = _principal_wave(leads[:, start:], rate, 8.0)
    peak = int(raised.argmax())
    if raised[peak] < LEAST_T:
        return None, None
    last, sign = _last_lobe(raised, peak)
    end = _tangent_end(sign * plain, last, rate)
    return start + peak, None if end is None else start + end


def _last_lobe(wave: np.ndarray, peak: int) -> tuple[int, int]:
    """The last extremum of a wave that may have two phases, and whether it points up or down."""
    found = {peak: 1}
    for sign in (1, -1):
        tops, _ = signal.find_peaks(
            sign * wave, height=0.3 * wave[peak], prominence=0.3 * wave[peak]
        )
        found |= {int(top): sign for top in tops}
    last = max(found)
    return last, found[last]


def _tangent_end(wave: np.ndarray, peak: int, rate: float) -> float | None:
    """Where the tangent at the steepest fall after the peak meets the level that follows."""
    slope = np.gradient(wave[peak:])
    reach = min(len(slope), round(0.25 * rate))
    if reach < 0.02 * rate:
        return None
    steepest = int(slope[:reach].argmin())
    if slope[steepest] >= 0:
        return None
    level = _level_after(wave[peak + steepest :], rate)
    end = peak + steepest + (wave[peak + steepest] - level) / -slope[steepest]
    return float(end) if end < len(wave) else None


def _level_after(wave: np.ndarray, rate: float) -> float:
    """Where the wave first comes to rest after its steepest fall: the mean of the flattest 40 ms
    within 300 ms."""
    part = wave[: round(0.3 * rate)]
    size = min(max(2, round(0.04 * rate)), len(part))
    means = np.convolve(part, np.ones(size) / size, mode="valid")
    swing = [np.ptp(part[i : i + size]) for i in range(len(means))]
    return float(means[int(np.argmin(swing))])


def _p_wave(leads: np.ndarray, rate: float, qrs_onset: int) -> tuple[int | None, int | None]:
    """Bounds of a wave before the QRS that stands out of the noise and comes back to the level."""
    ms = rate / 1000
    stop = qrs_onset - round(8 * ms)
    if stop < 70 * ms:
        return None, None
    region = leads[:, :stop]
    raised, _ = _principal_wave(region, rate, 5.0)
    peak = int(raised.argmax())
    noise = np.abs(np.diff(region, axis=1)).mean() * np.sqrt(len(region))
    if raised[peak] < max(LEAST_P, 2 * noise) or not 20 * ms < peak < stop - 20 * ms:
        return None, None
    speed = _speed(region, 5 * ms)
    near = slice(max(0, peak - round(90 * ms)), min(stop, peak + round(90 * ms)))
    fast = near.start + np.flatnonzero(speed[near] > 0.5 * speed[near].max())
    rest = max(0.25 * speed[near].max(), _rest(speed, ms, len(leads)))
    onset = fast[0] - _steps_to_rest(speed[fast[0] :: -1], rest, 8 * ms)
    end = fast[-1] + _steps_to_rest(speed[fast[-1] :], rest, 8 * ms)
    return int(onset), int(min(end, qrs_onset))
