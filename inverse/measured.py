"""A measured ECG as networks take it: its faults said, its dominant beat averaged, cut at the onset
of the QRS."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from twin.inverse.beat import RATE, SAMPLES, START, levelled, resampled
from twin.inverse.finding import LEADS
from twin.meshes.errors import InputError
from twin.simulation.ecg import ECG, standard_ecg
from twin.simulation.recording.beats import Beat, average_beat, find_beats
from twin.simulation.recording.delineation import delineate
from twin.simulation.recording.filters import find_mains, remove_mains
from twin.simulation.recording.quality import Fault, Kind, find_faults

ONE_BEAT = 1000.0
"""ms."""

LOST = (Kind.FLAT, Kind.MISSING)
"""Faults after which the leads in question are left out; of the others a warning remains."""


@dataclass(frozen=True, eq=False)
class Measured:
    """`signals` are levelled, mV, `LEADS` at the beat's rate and window; leads that are not
    `present` are 0."""

    signals: Float[np.ndarray, "8 time"]
    present: Bool[np.ndarray, " 8"]
    qrs_ms: float
    warnings: tuple[str, ...]


def measured_beat(ecg: ECG, onset: float = 0.0) -> Measured:
    """`onset` is where `delineate` finds the QRS's beginning in this heart's simulated beat, ms
    from its first activation: both are cut by the same rule."""
    faults = find_faults(ecg)
    _require_beat(faults)
    lost = {name for fault in faults if fault.kind in LOST for name in fault.leads}
    kept = [name for name in ecg.leads if name not in lost]
    if not kept:
        raise InputError("the ECG shows no heart beat: all of its leads are flat")
    clean = _without_mains(ecg.select(*kept), faults)
    clean = _with_limb_leads(clean)
    names = [name for name in LEADS if name in clean.leads]
    if not names:
        raise InputError(
            f"the ECG has the leads {', '.join(ecg.leads)}; expected at least one of "
            f"{', '.join(LEADS)}"
        )
    beat = _beat(clean)
    marks = delineate(beat)
    signals = np.zeros((len(LEADS), SAMPLES), np.float32)
    cut = _cut(beat.ecg.select(*names), marks.qrs_onset - onset)
    signals[[LEADS.index(name) for name in names]] = cut
    present = np.isin(LEADS, names)
    warnings = [*ecg.remarks, *map(str, faults), *_remarks(beat, present)]
    width = marks.qrs_end - marks.qrs_onset
    return Measured(signals, present, width, tuple(dict.fromkeys(warnings)))


def onset_of(signals: Float[np.ndarray, "8 time"], rate: float = 1000.0) -> float:
    """ms from the first activation to where the QRS of a simulated beat is found to begin."""
    return delineate(_beat(standard_ecg(signals, rate, LEADS))).qrs_onset + START


def _beat(ecg: ECG) -> Beat:
    """The dominant one. Within a second there is but one: a second peak is its T wave."""
    if ecg.duration > ONE_BEAT:
        return average_beat(ecg)
    first = find_beats(ecg)
    if not len(first):
        raise InputError("the ECG shows no heart beat: nothing in it stands out as a QRS")
    return Beat(ecg, float(first[0] * 1000 / ecg.rate), None, 1, 0)


def _require_beat(faults: tuple[Fault, ...]) -> None:
    for fault in faults:
        if fault.kind is Kind.NO_BEAT:
            raise InputError(f"the ECG shows no heart beat: {fault}")


def _without_mains(ecg: ECG, faults: tuple[Fault, ...]) -> ECG:
    if not any(fault.kind is Kind.MAINS for fault in faults):
        return ecg
    return remove_mains(ecg, find_mains(ecg) or 50.0)


def _with_limb_leads(ecg: ECG) -> ECG:
    """I and II follow from any two limb leads."""
    try:
        return ecg.with_limb_leads()
    except InputError:
        return ecg


def _cut(ecg: ECG, onset: float) -> Float[np.ndarray, "leads time"]:
    """The window from START; what lies outside of the beat is held from its ends."""
    first = (onset + START) * ecg.rate / 1000
    count = round(SAMPLES * ecg.rate / RATE) + 1
    at = np.clip(round(first) + np.arange(count), 0, ecg.signals.shape[1] - 1)
    return levelled(resampled(ecg.signals[:, at], ecg.rate))


def _remarks(beat: Beat, present: Bool[np.ndarray, " 8"]) -> list[str]:
    said = []
    if not present.all():
        lacking = [name for name, there in zip(LEADS, present, strict=True) if not there]
        said.append(f"without {', '.join(lacking)}: the answer rests on {present.sum()} leads")
    if beat.strangers:
        said.append(
            f"{beat.strangers} of {beat.strangers + beat.members} beats are unlike the others and "
            "were left out"
        )
    return said
