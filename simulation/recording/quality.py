"""What is wrong with a recording, found before anything is concluded from it.

Faults are named, never mended silently: a swapped lead that is swapped back by guess is a second
fault. Arm reversal obeys Einthoven and Goldberger exactly, so it is looked for in the morphology.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from itertools import permutations

import numpy as np
from jaxtyping import Float

from twin.meshes.errors import InputError
from twin.simulation.ecg import ECG
from twin.simulation.leads import IN_TERMS_OF_I_AND_II, INDEPENDENT, LIMB
from twin.simulation.recording.beats import average_beat, find_beats
from twin.simulation.recording.delineation import delineate
from twin.simulation.recording.filters import find_mains, remove_baseline

FLAT = 0.02  # mV peak to peak: less is an electrode off, not a lead
CLIPPED_SHARE = 0.002  # of all samples, at the very top or bottom in runs of three
RESIDUAL = 0.15  # of the limb leads' energy; 0.03 when right, 1.5 with aVL and aVF swapped


class Kind(Enum):
    MISSING = "missing leads"
    FLAT = "flat lead"
    CLIPPED = "clipped lead"
    DUPLICATED = "duplicated leads"
    SWAPPED = "swapped limb leads"
    INCONSISTENT = "inconsistent limb leads"
    ELECTRODES = "reversed electrodes"
    AMPLITUDE = "implausible amplitude"
    MAINS = "mains hum"
    NO_BEAT = "no heart beat"


@dataclass(frozen=True)
class Fault:
    """One fault, the leads it is in, and a sentence that says what to do about it."""

    kind: Kind
    leads: tuple[str, ...]
    text: str

    def __str__(self) -> str:
        return self.text


def find_faults(ecg: ECG) -> tuple[Fault, ...]:
    """Every fault that can be told from the signals, the gravest kinds not excluding others."""
    flat = tuple(_flat(ecg))
    dead = {name for fault in flat for name in fault.leads}
    faults = [*_missing(ecg), *flat]
    if len(dead) == len(ecg.leads):
        return tuple(faults)
    live = ecg.select(*(name for name in ecg.leads if name not in dead))
    faults += [*_clipped(live), *_duplicated(live), *_amplitude(live), *_mains(live)]
    faults += [*_limb_order(live), *_electrodes(live), *_no_beat(live)]
    return tuple(faults)


def require_sound(ecg: ECG) -> ECG:
    """The same ECG, or an `InputError` that lists what makes it unfit to conclude from. Missing
    leads and hum are no hindrance."""
    grave = [f for f in find_faults(ecg) if f.kind not in (Kind.MISSING, Kind.MAINS)]
    if grave:
        raise InputError("the ECG is not sound: " + "; ".join(f.text for f in grave))
    return ecg


def limb_residual(limb: Float[np.ndarray, "6 time"]) -> float:
    """How far I II III aVR aVL aVF are from Einthoven's and Goldberger's laws: the root of the
    energy outside the plane that I and II span, over the root of all energy."""
    return float(_residuals(limb, [tuple(range(6))])[0])


def _residuals(limb: np.ndarray, orders: list[tuple[int, ...]]) -> np.ndarray:
    """`limb_residual` for each order in which the rows may be meant."""
    centred = limb - limb.mean(axis=1, keepdims=True)
    covariance = centred @ centred.T
    mixing = np.array([IN_TERMS_OF_I_AND_II[name] for name in LIMB])
    outside = np.eye(6) - mixing @ np.linalg.pinv(mixing)
    rows = np.array(orders)
    energies = np.einsum("ij,nij->n", outside, covariance[rows[:, :, None], rows[:, None, :]])
    return np.sqrt(np.maximum(energies, 0) / max(np.trace(covariance), 1e-300))


def _missing(ecg: ECG) -> Iterator[Fault]:
    absent = [name for name in INDEPENDENT if name not in ecg.leads]
    if sum(name in ecg.leads for name in LIMB) >= 2:
        absent = [name for name in absent if name not in LIMB]
    if absent:
        text = f"{', '.join(absent)} not recorded: a 12-lead reading is not complete without"
        yield Fault(Kind.MISSING, tuple(absent), text)


def _flat(ecg: ECG) -> Iterator[Fault]:
    for name, row in zip(ecg.leads, ecg.signals, strict=True):
        if (span := np.ptp(row)) < FLAT:
            text = f"lead {name} is flat ({span * 1000:.2g} uV peak to peak): an electrode is off"
            yield Fault(Kind.FLAT, (name,), f"{text}; leave the lead out")


def _clipped(ecg: ECG) -> Iterator[Fault]:
    for name, row in zip(ecg.leads, ecg.signals, strict=True):
        for limit, word in ((row.max(), "top"), (row.min(), "bottom")):
            # A simulated lead rests at its own extreme, exactly: that is no clipping.
            if abs(limit - np.median(row)) < 0.2 * np.ptp(row):
                continue
            at = row == limit
            runs = at[2:] & at[1:-1] & at[:-2]
            if runs.mean() > CLIPPED_SHARE:
                text = f"lead {name} is clipped at the {word}, {limit:.3g} mV, for {at.mean():.1%}"
                yield Fault(Kind.CLIPPED, (name,), f"{text} of the time: amplitudes are not true")


def _duplicated(ecg: ECG) -> Iterator[Fault]:
    centred = ecg.signals - ecg.signals.mean(axis=1, keepdims=True)
    for i in range(len(centred)):
        for j in range(i):
            difference = np.abs(centred[i] - centred[j]).max()
            if difference < 1e-3 * np.ptp(centred[i]):
                pair = (ecg.leads[j], ecg.leads[i])
                text = f"leads {pair[0]} and {pair[1]} hold the same signal: one is a copy"
                yield Fault(Kind.DUPLICATED, pair, f"{text}; check the export")


def _amplitude(ecg: ECG) -> Iterator[Fault]:
    spans = np.array([np.subtract(*np.percentile(row, [99.9, 0.1])) for row in ecg.signals])
    typical = float(np.median(spans))
    alike = (spans <= 100 * typical) & (spans >= typical / 100)
    for i in np.flatnonzero(~alike):
        text = f"lead {ecg.leads[i]} spans {spans[i]:.3g} mV where the others span {typical:.3g} mV"
        text = f"{text}: uV and mV may be mixed; check its unit"
        yield Fault(Kind.AMPLITUDE, (ecg.leads[i],), text)
    if not 0.1 <= (largest := spans[alike].max()) <= 30:
        text = f"the largest lead spans {largest:.3g} mV; expected 0.1-30 mV"
        yield Fault(Kind.AMPLITUDE, ecg.leads, f"{text}: check the unit")


def _mains(ecg: ECG) -> Iterator[Fault]:
    if frequency := find_mains(ecg):
        text = f"mains hum of {frequency:g} Hz; filter it with `remove_mains`"
        yield Fault(Kind.MAINS, ecg.leads, text)


def _limb_order(ecg: ECG) -> Iterator[Fault]:
    """The laws of the limb leads, and if they fail, whether another order of names mends them."""
    if not set(LIMB) <= set(ecg.leads):
        yield from _einthoven(ecg)
        return
    limb = _steady(ecg).select(*LIMB).signals
    found = limb_residual(limb)
    if found <= RESIDUAL:
        return
    orders = list(permutations(range(6)))
    residuals = _residuals(limb, orders)
    best = orders[int(residuals.argmin())]
    moved = tuple(LIMB[i] for i in range(6) if best[i] != i)
    if residuals.min() < 0.3 * found:
        true = ", ".join(f"{LIMB[best[i]]} is {LIMB[i]}" for i in range(6) if best[i] != i)
        text = f"limb leads are swapped (residual {found:.2f}; {residuals.min():.2f} if {true})"
        yield Fault(Kind.SWAPPED, moved, f"{text}: correct the names")
    else:
        text = f"limb leads break Einthoven's and Goldberger's laws (residual {found:.2f})"
        yield Fault(Kind.INCONSISTENT, LIMB, f"{text} in any order: one of them is not true")


def _einthoven(ecg: ECG) -> Iterator[Fault]:
    if not {"I", "II", "III"} <= set(ecg.leads):
        return
    one, two, three = _steady(ecg).select("I", "II", "III").signals
    found = np.std(one + three - two) / np.sqrt(np.var([one, two, three], axis=1).sum())
    if found > RESIDUAL:
        text = f"I + III differs from II (residual {found:.2f}): limb leads are swapped or not true"
        yield Fault(Kind.INCONSISTENT, ("I", "II", "III"), text)


def _steady(ecg: ECG) -> ECG:
    """Without wander where the recording is long enough to tell it."""
    return remove_baseline(ecg) if ecg.duration >= 3000 else ecg


def _electrodes(ecg: ECG) -> Iterator[Fault]:
    """Reversals that keep Einthoven's law, by what they make of the beat.

    Arms: I is turned over while V6 is not. Right leg with an arm: the lead between the legs, II or
    III, is nearly flat (Batchvarov et al. 2007, Europace 9:1081).
    """
    if "I" not in ecg.leads or sum(name in ecg.leads for name in LIMB) < 2:
        return
    try:
        beat = average_beat(ecg)
        marks = delineate(beat)
    except InputError:
        return
    limb = beat.ecg.with_limb_leads()
    spans = {name: float(np.ptp(limb.lead(name))) for name in ("I", "II", "III")}
    for name, swap in (("II", "right arm and right leg"), ("III", "left arm and right leg")):
        if spans[name] < 0.1 * max(spans.values()) and spans[name] < 0.12:
            text = (
                f"lead {name} is nearly flat and I is not: the electrodes of {swap} look reversed"
            )
            yield Fault(Kind.ELECTRODES, (name,), text)
    if "V6" in limb.leads and _is_turned_over(limb, marks.p_onset, marks.qrs_onset, marks.qrs_end):
        text = "P and QRS of lead I are turned over against V6: the arm electrodes look reversed"
        yield Fault(Kind.ELECTRODES, ("I",), f"{text} (or the heart lies on the right)")


def _is_turned_over(ecg: ECG, p_onset: float | None, onset: float, end: float) -> bool:
    """Whether lead I is mostly negative and mirrors V6, in the QRS and, if there is one, in P."""
    level = ecg.between(max(0, onset - 16), onset).signals if onset >= 16 else ecg.signals[:, :1]
    leads = ecg.signals - level.mean(axis=1, keepdims=True)
    bounds = [(onset, end)] + ([] if p_onset is None else [(p_onset, onset - 16)])
    one, six = leads[ecg.leads.index("I")], leads[ecg.leads.index("V6")]
    parts = [slice(*(round(t * ecg.rate / 1000) for t in bound)) for bound in bounds]
    qrs = parts[0]
    mirrored = np.corrcoef(one[qrs], six[qrs])[0, 1] < -0.5
    return bool(mirrored and all(one[p].sum() < 0 < six[p].sum() for p in parts))


def _no_beat(ecg: ECG) -> Iterator[Fault]:
    if ecg.duration >= 3000 and ecg.rate >= 100 and len(find_beats(ecg)) < 2:
        seconds = ecg.duration / 1000
        text = f"fewer than two heart beats in {seconds:.3g} s: check the rate and the leads"
        yield Fault(Kind.NO_BEAT, ecg.leads, text)
