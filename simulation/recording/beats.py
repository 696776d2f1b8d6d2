"""Heart beats in an ECG: where they are, and the average one.

Works on every lead at once, so that one bad lead does not decide, and on a single simulated beat
as on a recording of minutes.
"""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, Int
from scipy import signal
from scipy.interpolate import CubicSpline
from scipy.ndimage import gaussian_filter1d

from twin.meshes.errors import InputError
from twin.simulation.ecg import ECG
from twin.simulation.leads import INDEPENDENT

REFRACTORY = 250.0  # ms: no two QRS complexes are closer
LIKENESS = 0.9  # correlation with the dominant beat under which a beat is not averaged
COMMON_RATES = (250.0, 500.0, 1000.0, 2000.0)  # Hz, told apart by the heart beat
_QRS_BAND = (5.0, 25.0)  # Hz, where a QRS stands out of P, T, wander and muscle
_HALF_QRS = 80.0  # ms to either side of R that beats are aligned by


@dataclass(frozen=True, eq=False)
class Beat:
    """One beat, averaged over `members` like ones; `strangers` were left out as unlike.

    `reference`: time of the QRS's steepest part, ms from the first sample of `ecg`.
    `interval`: median RR, ms; None where only one beat was there.
    """

    ecg: ECG
    reference: float
    interval: float | None
    members: int
    strangers: int


def independent_leads(ecg: ECG) -> Float[np.ndarray, "leads time"]:
    """Those of I, II, V1-V6 that are there, so that no potential counts twice; else all leads."""
    names = [name for name in ecg.leads if name in INDEPENDENT]
    limb = [name for name in names if not name.startswith("V")]
    enough = len(limb) == 2 or not {"III", "aVR", "aVL", "aVF"} & set(ecg.leads)
    return ecg.select(*names).signals if names and enough else ecg.signals


def find_beats(ecg: ECG) -> Int[np.ndarray, " beats"]:
    """Sample of the strongest part of each QRS complex."""
    return _find_peaks(independent_leads(ecg), ecg.rate)


def average_beat(ecg: ECG) -> Beat:
    """The dominant beat: aligned by correlation, unlike beats left out, baseline levelled by a
    cubic spline through the quiet spot before each QRS (Meyer and Keiser 1977, Comput Biomed Res
    10:459), then averaged, which keeps Einthoven's law. A lone beat is returned as it is."""
    peaks = find_beats(ecg)
    if not len(peaks):
        raise InputError("no heart beat found: the leads are flat, or only noise")
    interval = float(np.median(np.diff(peaks)) * 1000 / ecg.rate) if len(peaks) > 1 else None
    if interval is None:
        return Beat(ecg, float(peaks[0] * 1000 / ecg.rate), None, 1, 0)
    before, after = _window(interval, ecg.rate)
    inside = peaks[(peaks >= before) & (peaks + after <= ecg.signals.shape[1])]
    if not len(inside):
        return _clipped_beat(ecg, int(peaks[0]), before, after, interval)
    aligned, alike = _align(independent_leads(ecg), inside, ecg.rate)
    levelled = level_baseline(ecg, aligned)
    windows = [levelled.signals[:, r - before : r + after] for r in aligned[alike]]
    windows = [w for w in windows if w.shape[1] == before + after]
    return Beat(
        ecg=replace(ecg, signals=np.mean(windows, axis=0)),
        reference=before * 1000 / ecg.rate,
        interval=interval,
        members=len(windows),
        strangers=int((~alike).sum()),
    )


def level_baseline(ecg: ECG, peaks: Int[np.ndarray, " beats"]) -> ECG:
    """Without the baseline: a cubic spline through the mean of each lead at the quietest 16 ms in
    the 150 ms before each QRS. Zero-phase; the ST segment keeps its level."""
    half = max(1, round(0.008 * ecg.rate))
    knots = peaks - _quiet_lag(independent_leads(ecg), peaks, ecg.rate)
    knots = knots[(knots >= half) & (knots + half < ecg.signals.shape[1])]
    if not len(knots):
        return ecg
    levels = np.array([ecg.signals[:, k - half : k + half + 1].mean(axis=1) for k in knots])
    steps = np.clip(np.arange(ecg.signals.shape[1]), knots[0], knots[-1])
    baseline = levels[[0]] if len(knots) == 1 else CubicSpline(knots, levels)(steps)
    return replace(ecg, signals=ecg.signals - baseline.T)


def plausible_rates(signals: Float[np.ndarray, "leads time"]) -> list[float]:
    """The usual rates (Hz) at which these samples are a resting ECG: three beats or more, 40-130
    a minute, with QRS complexes of 60-200 ms."""
    from twin.simulation.recording.delineation import delineate

    fitting = []
    for rate in COMMON_RATES:
        ecg = ECG(signals, rate, tuple(f"lead {i}" for i in range(len(signals))))
        peaks = find_beats(ecg)
        if len(peaks) < 3 or not 460 <= np.median(np.diff(peaks)) * 1000 / rate <= 1500:
            continue
        marks = delineate(average_beat(ecg))
        if 60 <= marks.qrs_end - marks.qrs_onset <= 200:
            fitting.append(rate)
    return fitting


def _find_peaks(signals: Float[np.ndarray, "leads time"], rate: float) -> np.ndarray:
    energy = _qrs_energy(signals, rate)
    height = _typical_height(energy, rate)
    if height == 0:
        return np.zeros(0, int)
    # A constant beyond both ends, so that a QRS at the first sample is a peak too.
    padded = np.concatenate([[0.0], energy, [0.0]])
    distance = max(1, round(REFRACTORY * rate / 1000))
    return signal.find_peaks(padded, height=0.35 * height, distance=distance)[0] - 1


def _qrs_energy(signals: Float[np.ndarray, "leads time"], rate: float) -> np.ndarray:
    """Mean over the leads of what lies in the QRS's band, each lead by its own measure."""
    band = _band_passed(signals, rate)
    scale = np.percentile(np.abs(band), 98, axis=1)
    # Rounding leaves a trace of 1e-16 in a lead that is constant.
    live = scale > 1e-9 * max(1.0, float(np.abs(signals).max()))
    if not live.any():
        return np.zeros(signals.shape[1])
    relative = np.minimum(np.abs(band[live]) / scale[live, None], 3.0)
    return gaussian_filter1d(relative.mean(axis=0), 0.015 * rate)


def _band_passed(signals: Float[np.ndarray, "leads time"], rate: float) -> np.ndarray:
    if rate < 100:
        raise InputError(f"a heart beat at {rate:g} Hz cannot be found; expected 100 Hz or more")
    sections = signal.butter(2, _QRS_BAND, "bandpass", fs=rate, output="sos")
    padding = min(signals.shape[1] - 1, round(rate))
    return signal.sosfiltfilt(sections, signals, axis=1, padtype="constant", padlen=padding)


def _typical_height(energy: np.ndarray, rate: float) -> float:
    """Median over windows of 1.5 s of the highest point: one artefact does not set it."""
    size = round(1.5 * rate)
    count = max(1, len(energy) // size)
    return float(np.median([part.max() for part in np.array_split(energy, count)]))


def _window(interval: float, rate: float) -> tuple[int, int]:
    """Samples before and after R: from before the P wave to before the next one."""
    before, after = min(0.38 * interval, 350.0), min(0.72 * interval, 750.0)
    return round(before * rate / 1000), round(after * rate / 1000)


def _clipped_beat(ecg: ECG, peak: int, before: int, after: int, interval: float) -> Beat:
    start = max(0, peak - before)
    part = replace(ecg, signals=ecg.signals[:, start : peak + after])
    return Beat(part, (peak - start) * 1000 / ecg.rate, interval, 1, 0)


def _align(
    signals: Float[np.ndarray, "leads time"], peaks: np.ndarray, rate: float
) -> tuple[np.ndarray, np.ndarray]:
    """Peaks moved to where each beat correlates best with the median one, and which are alike."""
    band = _band_passed(signals, rate)
    half, reach = round(_HALF_QRS * rate / 1000), round(0.03 * rate)
    padded = np.pad(band, ((0, 0), (half + reach, half + reach)))
    span = np.arange(2 * half + 1)
    for _ in range(3):
        complexes = padded[:, (peaks + reach)[:, None] + span]
        template = np.median(complexes, axis=1)
        shifts = np.arange(-reach, reach + 1)
        shifted = padded[:, (peaks + reach)[:, None, None] + shifts[:, None] + span]
        likeness = np.einsum("lbst,lt->bs", shifted, template)
        likeness /= np.sqrt((shifted**2).sum(axis=(0, 3)) * (template**2).sum()) + 1e-300
        best = likeness.argmax(axis=1)
        peaks = peaks + shifts[best]
    # Rounding may carry a peak over the end that it was found just inside of.
    alike = likeness.max(axis=1) >= LIKENESS
    return peaks, alike if alike.any() else likeness.max(axis=1) == likeness.max()


def _quiet_lag(signals: np.ndarray, peaks: np.ndarray, rate: float) -> int:
    """Samples from the quietest spot before the QRS to its peak, common to all beats."""
    longest, shortest = round(0.15 * rate), round(0.025 * rate)
    inside = peaks[peaks >= longest + 1]
    if not len(inside):
        return min(longest, int(peaks[0]))
    steps = np.arange(-longest, -shortest)
    mean = signals[:, inside[:, None] + steps].mean(axis=1)
    speed = np.sqrt((gaussian_filter1d(mean, 0.005 * rate, axis=1, order=1) ** 2).sum(axis=0))
    return -int(steps[gaussian_filter1d(speed, 0.005 * rate).argmin()])
