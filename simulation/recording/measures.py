"""What a cardiologist reads off an ECG: intervals, axes, amplitudes, notches, ST and T."""

from dataclasses import dataclass
from enum import Enum

import numpy as np
from jaxtyping import Float, Int
from scipy import signal
from scipy.ndimage import gaussian_filter1d

from twin.meshes.errors import InputError
from twin.simulation.ecg import ECG
from twin.simulation.leads import CHEST
from twin.simulation.recording.beats import Beat, average_beat
from twin.simulation.recording.delineation import Fiducials, delineate

LEAST_WAVE = 0.03  # mV: smaller deflections are not waves
LEAST_NOTCH = 0.04  # mV, and 5 % of the lead's QRS: smaller turns are not notches


class QtFormula(Enum):
    """QT corrected for the heart's rate; QT in ms, RR in s inside the formula."""

    BAZETT = "Bazett 1920: QT / RR^(1/2)"
    FRIDERICIA = "Fridericia 1920: QT / RR^(1/3)"
    FRAMINGHAM = "Sagie et al. 1992: QT + 154 (1 - RR)"
    HODGES = "Hodges et al. 1983: QT + 1.75 (60 / RR - 60)"

    def correct(self, qt: float, interval: float) -> float:
        """ms, from QT and RR in ms."""
        rr = interval / 1000
        match self:
            case QtFormula.BAZETT:
                return qt / rr**0.5
            case QtFormula.FRIDERICIA:
                return qt / rr ** (1 / 3)
            case QtFormula.FRAMINGHAM:
                return qt + 154 * (1 - rr)
            case QtFormula.HODGES:
                return qt + 1.75 * (60 / rr - 60)


@dataclass(frozen=True, eq=False)
class Measures:
    """Measures of the dominant beat. Intervals in ms, amplitudes in mV over the level before the
    QRS, axes in degrees (0 along lead I, 90 down); None where the wave or the leads are not there.

    Per lead, in the order of `leads`: `q_amplitudes` (0 or below), `r_amplitudes` (0 or above),
    `s_amplitudes` (0 or below; a QS counts as S), `notches` (turns of the QRS beyond one for each
    of its first three phases), `t_amplitudes` (signed) and `st_levels` (60 ms after the QRS's end).
    """

    leads: tuple[str, ...]
    beat: Beat
    fiducials: Fiducials
    interval: float | None
    qrs_duration: float
    pr_interval: float | None
    qt_interval: float | None
    axis: float | None
    t_axis: float | None
    q_amplitudes: Float[np.ndarray, " leads"]
    r_amplitudes: Float[np.ndarray, " leads"]
    s_amplitudes: Float[np.ndarray, " leads"]
    notches: Int[np.ndarray, " leads"]
    t_amplitudes: Float[np.ndarray, " leads"] | None
    st_levels: Float[np.ndarray, " leads"] | None

    @property
    def heart_rate(self) -> float | None:
        """Beats a minute."""
        return None if self.interval is None else 60_000 / self.interval

    def qtc(self, formula: QtFormula = QtFormula.FRIDERICIA) -> float | None:
        """Corrected QT, ms."""
        if self.qt_interval is None or self.interval is None:
            return None
        return formula.correct(self.qt_interval, self.interval)

    @property
    def r_progression(self) -> dict[str, float]:
        """R in V1 to V6, mV, as far as they are there."""
        return {name: self.of("r_amplitudes", name) for name in CHEST if name in self.leads}

    @property
    def transition(self) -> str | None:
        """The first chest lead whose R is at least its S; None where there is none."""
        for name in self.r_progression:
            if self.of("r_amplitudes", name) >= -self.of("s_amplitudes", name):
                return name
        return None

    @property
    def fractionated_leads(self) -> tuple[str, ...]:
        return tuple(n for n, count in zip(self.leads, self.notches, strict=True) if count > 0)

    def of(self, what: str, lead: str) -> float:
        """One lead's entry of a field per lead: `of("st_levels", "V2")`."""
        values = getattr(self, what)
        if lead not in self.leads or values is None:
            raise InputError(f"no {what} of {lead}; measured were {', '.join(self.leads)}")
        return float(values[self.leads.index(lead)])

    def table(self) -> dict[str, object]:
        """Everything by name and unit, fit for JSON."""
        scalars = {
            "heart_rate_per_minute": self.heart_rate,
            "rr_ms": self.interval,
            "pr_ms": self.pr_interval,
            "qrs_ms": self.qrs_duration,
            "qt_ms": self.qt_interval,
            **{f"qtc_{f.name.lower()}_ms": self.qtc(f) for f in QtFormula},
            "axis_degrees": self.axis,
            "t_axis_degrees": self.t_axis,
            "transition": self.transition,
        }
        fields = ("q_amplitudes", "r_amplitudes", "s_amplitudes", "t_amplitudes", "st_levels")
        per_lead = {
            f"{name}_mv": {n: round(float(v), 4) for n, v in zip(self.leads, values, strict=True)}
            for name in fields
            if (values := getattr(self, name)) is not None
        }
        notches = dict(zip(self.leads, map(int, self.notches), strict=True))
        rounded = {k: round(v, 2) if isinstance(v, float) else v for k, v in scalars.items()}
        return {**rounded, **per_lead, "notches": notches}


def measure(ecg: ECG, *, interval: float | None = None) -> Measures:
    """Measure the dominant beat of a recording, or the one beat of a simulation.

    `interval`: RR in ms where one beat alone does not tell it.
    """
    beat = average_beat(ecg)
    return measure_beat(beat, delineate(beat), interval=interval or beat.interval)


def measure_beat(beat: Beat, marks: Fiducials, *, interval: float | None = None) -> Measures:
    """Measure a beat whose waves are bounded already, by us or by hand."""
    leads = _over_level(beat.ecg, marks)
    qrs = leads[:, _span(beat.ecg, marks.qrs_onset, marks.qrs_end)]
    q, r, s = _q_r_s(qrs)
    t_wave = _t_window(beat.ecg, leads, marks)
    return Measures(
        leads=beat.ecg.leads,
        beat=beat,
        fiducials=marks,
        interval=interval,
        qrs_duration=marks.qrs_end - marks.qrs_onset,
        pr_interval=None if marks.p_onset is None else marks.qrs_onset - marks.p_onset,
        qt_interval=None if marks.t_end is None else marks.t_end - marks.qrs_onset,
        axis=frontal_axis(beat.ecg.leads, qrs.sum(axis=1)),
        t_axis=None if t_wave is None else frontal_axis(beat.ecg.leads, t_wave.sum(axis=1)),
        q_amplitudes=q,
        r_amplitudes=r,
        s_amplitudes=s,
        notches=np.array([count_notches(row, beat.ecg.rate) for row in qrs]),
        t_amplitudes=None if t_wave is None else _extreme(t_wave),
        st_levels=_st_levels(beat.ecg, leads, marks),
    )


def frontal_axis(leads: tuple[str, ...], areas: Float[np.ndarray, " leads"]) -> float | None:
    """Degrees of the frontal vector whose projections the limb leads are, from net areas:
    x = I, y = (2 II - I) / sqrt(3) in Einthoven's triangle. None without I and II, or where both
    areas vanish."""
    if "I" not in leads or "II" not in leads:
        return None
    one, two = areas[leads.index("I")], areas[leads.index("II")]
    if np.hypot(one, two) < 1e-9:
        return None
    return float(np.degrees(np.arctan2((2 * two - one) / np.sqrt(3), one)))


def count_notches(qrs: Float[np.ndarray, " time"], rate: float) -> int:
    """Turns of a QRS (mV) beyond one for each of its first three phases: Q, R and S have none, a
    slurred or notched R, an R' after S, each have one or more (after Das et al. 2006, Circulation
    113:2495)."""
    smooth = gaussian_filter1d(qrs, max(0.002 * rate, 0.5), mode="nearest")
    prominence = max(LEAST_NOTCH, 0.05 * np.ptp(smooth))
    padded = np.concatenate([[0.0], smooth, [0.0]])
    tops = signal.find_peaks(padded, prominence=prominence)[0]
    bottoms = signal.find_peaks(-padded, prominence=prominence)[0]
    turns = np.sort(np.concatenate([tops, bottoms]))
    signs = np.sign(padded[turns])
    phases = 1 + int((np.diff(signs) != 0).sum()) if len(turns) else 0
    return len(turns) - min(phases, 3)


def _over_level(ecg: ECG, marks: Fiducials) -> Float[np.ndarray, "leads time"]:
    """mV over each lead's mean in the 16 ms before the QRS."""
    before = _span(ecg, max(0.0, marks.qrs_onset - 16), marks.qrs_onset)
    return ecg.signals - ecg.signals[:, before].mean(axis=1, keepdims=True)


def _span(ecg: ECG, start: float, end: float) -> slice:
    """The samples from `start` to `end` ms, one at least."""
    first = round(start * ecg.rate / 1000)
    return slice(first, max(first + 1, round(end * ecg.rate / 1000) + 1))


def _q_r_s(qrs: Float[np.ndarray, "leads time"]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The highest point, and the lowest before and after it; where none is high enough for an R,
    the lowest of all is a QS and stands as S."""
    highest = np.maximum(qrs.max(axis=1), 0)
    upright = (highest >= LEAST_WAVE)[:, None]
    after = np.arange(qrs.shape[1]) >= qrs.argmax(axis=1)[:, None]
    before = np.where(upright & ~after, qrs, 0).min(axis=1)
    behind = np.where(after | ~upright, qrs, 0).min(axis=1)
    q, r, s = (np.where(np.abs(w) < LEAST_WAVE, 0, w) for w in (before, highest, behind))
    return q, r, s


def _t_window(ecg: ECG, leads: np.ndarray, marks: Fiducials) -> np.ndarray | None:
    """The leads from 80 ms before the peak of T to its end."""
    if marks.t_peak is None or marks.t_end is None:
        return None
    return leads[:, _span(ecg, max(marks.qrs_end, marks.t_peak - 80), marks.t_end)]


def _extreme(window: np.ndarray) -> np.ndarray:
    """The value farthest from zero in each row."""
    return window[np.arange(len(window)), np.abs(window).argmax(axis=1)]


def _st_levels(ecg: ECG, leads: np.ndarray, marks: Fiducials) -> np.ndarray | None:
    """Mean of 8 ms around 60 ms after the end of the QRS."""
    if marks.qrs_end + 64 >= ecg.duration:
        return None
    return leads[:, _span(ecg, marks.qrs_end + 56, marks.qrs_end + 64)].mean(axis=1)
