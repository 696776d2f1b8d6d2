"""What a file said, and the door through which it becomes an ECG in mV at a known rate."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path

import numpy as np
from jaxtyping import Float

from twin.meshes.errors import InputError
from twin.meshes.formats import quarantine
from twin.simulation.ecg import ECG
from twin.simulation.leads import canonical_name, is_known

MILLIVOLTS = {"MV": 1.0, "UV": 1e-3, "V": 1e3, "NV": 1e-6}
# What the largest lead of an ECG spans in each unit; a QRS is 0.3-5 mV, wander may add to it.
PLAUSIBLE_SPAN = {"V": (1e-4, 0.03), "mV": (0.1, 30.0), "uV": (100.0, 30_000.0)}
SUSPECT_SPAN = 50.0  # mV
MOST_BYTES = 2**30
MOST_LEADS = 512


@dataclass(frozen=True, eq=False)
class Recording:
    """Raw signals as a file holds them; None where the file is silent. NaN is a missing sample.

    `units` name each lead's unit; `rate` is in Hz.
    """

    signals: Float[np.ndarray, "leads time"]
    names: Sequence[str] | None = None
    rate: float | None = None
    units: Sequence[str | None] | None = None
    remarks: tuple[str, ...] = ()
    provenance: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class Format:
    """A file format: how it is told, read and written."""

    name: str
    endings: tuple[str, ...]
    recognise: Callable[[bytes], bool]
    read: Callable[[Path], Recording]
    write: Callable[[ECG, Path], None]


def read_quarantined(parser: str, path: Path) -> Recording:
    """What `parser` ('twin.module:name', from a path to `pack`'s arrays) makes of a file, in
    another process: a library that crashes or swells on a damaged file takes nothing with it."""
    arrays = quarantine.run(
        parser, str(path), limits=quarantine.Limits.for_size(path.stat().st_size)
    )
    said = json.loads(str(arrays["said"]))
    return Recording(arrays["signals"], **{**said, "remarks": tuple(said["remarks"])})


def pack(recording: Recording) -> dict[str, np.ndarray]:
    """The recording as arrays, which is what leaves the quarantine."""
    said = {f.name: getattr(recording, f.name) for f in fields(recording) if f.name != "signals"}
    return {"signals": recording.signals, "said": np.array(json.dumps(said))}


def to_ecg(
    recording: Recording,
    *,
    rate: float | None = None,
    unit: str | None = None,
    leads: Sequence[str] | None = None,
) -> ECG:
    """The ECG in mV. What the caller declares goes before what the file says; where both are
    silent the unit follows from the amplitude and the rate from the heart beat, and the ECG's
    remarks say so."""
    names, name_remarks = _settle_names(recording, leads)
    signals, names, gap_remarks = _fill_gaps(recording.signals, names)
    units = _kept_units(recording, names, leads)
    signals, unit_remarks = _settle_units(signals, units, unit)
    rate, rate_remarks = _settle_rate(signals, rate or recording.rate)
    remarks = recording.remarks + name_remarks + gap_remarks + unit_remarks + rate_remarks
    return ECG(signals, rate, names, remarks, recording.provenance)


def millivolts(unit: str) -> float | None:
    """How many mV one of `unit` is; None for a unit that is not of voltage."""
    bare = unit.strip().replace("µ", "u").replace("μ", "u")
    # A capital M before the V is a careless m far more often than a megavolt.
    return MILLIVOLTS.get(bare.upper())


def _settle_names(
    recording: Recording, leads: Sequence[str] | None
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    names = leads or recording.names
    count = len(recording.signals)
    if names is None:
        raise InputError(f"{count} leads without names; declare them, for example leads='I II V1'")
    if len(names) != count:
        raise InputError(f"{len(names)} lead names for {count} leads in the file")
    settled = tuple(canonical_name(name) for name in names)
    unknown = [name for name in settled if not is_known(name)]
    said = f"lead names not known and kept as they are: {', '.join(unknown)}"
    return settled, (said,) if unknown else ()


def _fill_gaps(
    signals: Float[np.ndarray, "leads time"], names: tuple[str, ...]
) -> tuple[Float[np.ndarray, "leads time"], tuple[str, ...], tuple[str, ...]]:
    """Missing samples by straight lines; a lead that lacks over a tenth of them is left out."""
    missing = ~np.isfinite(signals)
    if not missing.any():
        return signals, names, ()
    share = missing.mean(axis=1)
    kept = np.flatnonzero(share <= 0.1)
    if not kept.size:
        raise InputError(f"no lead is whole: {missing.mean():.0%} of all samples are missing")
    filled, remarks = signals[kept].astype(float), []
    steps = np.arange(signals.shape[1])
    for row, gaps, name in zip(filled, missing[kept], (names[k] for k in kept), strict=True):
        if gaps.any():
            row[gaps] = np.interp(steps[gaps], steps[~gaps], row[~gaps])
            remarks.append(f"lead {name}: {gaps.sum():,} missing samples filled by straight lines")
    dropped = [f"{names[k]} ({share[k]:.0%})" for k in np.flatnonzero(share > 0.1)]
    if dropped:
        remarks.append(f"left out for missing samples: {', '.join(dropped)}")
    return filled, tuple(names[k] for k in kept), tuple(remarks)


def _kept_units(
    recording: Recording, names: tuple[str, ...], leads: Sequence[str] | None
) -> list[str | None]:
    if recording.units is None:
        return [None] * len(names)
    everyone = [canonical_name(name) for name in (leads or recording.names or ())]
    return [recording.units[everyone.index(name)] for name in names]


def _settle_units(
    signals: Float[np.ndarray, "leads time"], units: Sequence[str | None], declared: str | None
) -> tuple[Float[np.ndarray, "leads time"], tuple[str, ...]]:
    """In mV: by the caller's unit, by the file's lead for lead, or by the amplitude."""
    if declared is not None:
        return signals * _factor(declared), ()
    if all(unit is None for unit in units):
        unit, span = _guess_unit(signals)
        said = f"the file names no unit: taken as {unit}, the largest lead spans {span:.4g}"
        return signals * _factor(unit), (said,)
    if any(unit is None for unit in units):
        raise InputError("some leads have a unit and others none; declare it, e.g. unit='mV'")
    scaled = signals * np.array([[_factor(unit or "")] for unit in units])
    if (span := _span(scaled)) > SUSPECT_SPAN:
        raise InputError(
            f"the unit named in the file gives {span:,.4g} mV in one lead, expected under "
            f"{SUSPECT_SPAN:g} mV; declare the true one, e.g. unit='uV'"
        )
    different = sorted({str(unit) for unit in units})
    said = f"leads came in different units ({', '.join(different)}), each converted to mV"
    return scaled, (said,) if len({_factor(u) for u in different}) > 1 else ()


def _factor(unit: str) -> float:
    factor = millivolts(unit)
    if factor is None:
        raise InputError(f"{unit!r} is not a unit of an ECG; expected mV, uV, V or nV")
    return factor


def _guess_unit(signals: Float[np.ndarray, "leads time"]) -> tuple[str, float]:
    span = _span(signals)
    for unit, (least, most) in PLAUSIBLE_SPAN.items():
        if least <= span <= most:
            return unit, span
    raise InputError(
        f"the file names no unit and its largest lead spans {span:.4g}: neither 0.1-30 (mV), "
        "nor 100-30,000 (uV), nor 0.0001-0.03 (V); declare it, e.g. unit='mV'"
    )


def _span(signals: Float[np.ndarray, "leads time"]) -> float:
    """Peak to peak of the largest lead, without the 0.2 % most extreme samples."""
    low, high = np.percentile(signals, [0.1, 99.9], axis=1)
    return float((high - low).max())


def _settle_rate(
    signals: Float[np.ndarray, "leads time"], declared: float | None
) -> tuple[float, tuple[str, ...]]:
    if declared is not None:
        return declared, ()
    from twin.simulation.recording.beats import plausible_rates

    rates = plausible_rates(signals)
    ten_seconds = [r for r in rates if abs(signals.shape[1] / r - 10) <= 0.1]
    found = rates if len(rates) == 1 else ten_seconds
    if len(found) != 1:
        between = " or ".join(f"{r:g} Hz" for r in rates) or "no usual rate"
        raise InputError(
            f"the file names no rate, and its {signals.shape[1]:,} samples fit {between} by their "
            "heart beat; declare it, e.g. rate=500"
        )
    return found[0], (f"the file names no rate: taken as {found[0]:g} Hz by the heart beat",)
