"""EDF and EDF+C, the European data format: 16-bit samples in records of equal duration.

Kemp et al. 1992, Electroencephalogr Clin Neurophysiol 82:391; EDF+ 2003, Clin Neurophysiol
114:1755. Every header field is ASCII of a fixed width.
"""

import re
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from twin.meshes.errors import InputError
from twin.meshes.files import whole_file
from twin.simulation.ecg import ECG
from twin.simulation.leads import is_known
from twin.simulation.recording.files.recording import MOST_LEADS, Format, Recording, millivolts

# Names and widths of the fields that each signal has, in the order of the header.
_SIGNAL_FIELDS = {
    "label": 16,
    "transducer": 80,
    "unit": 8,
    "physical_minimum": 8,
    "physical_maximum": 8,
    "digital_minimum": 8,
    "digital_maximum": 8,
    "prefiltering": 80,
    "samples": 8,
    "reserved": 32,
}
_COUNT = re.compile(r"samples=(\d+)")


@dataclass(frozen=True)
class _Signal:
    label: str
    unit: str
    physical: tuple[float, float]
    digital: tuple[float, float]
    samples: int


def read(path: Path) -> Recording:
    """The signals whose labels are leads, or all of them where none is."""
    content = path.read_bytes()
    count = int(_number(content, 252, 4, "number of signals"))
    if not 1 <= count <= MOST_LEADS or len(content) < 256 * (count + 1):
        raise InputError(f"{count:,} signals claimed in a file of {len(content):,} bytes")
    if content[192:236].startswith(b"EDF+D"):
        raise InputError("an EDF+D recording has gaps in time; export it as continuous EDF+C")
    signals = _parse_signals(content[256:], count)
    start = int(_number(content, 184, 8, "header size"))
    if start != 256 * (count + 1):
        raise InputError(f"the header claims to be {start:,} bytes; {256 * (count + 1):,} expected")
    records = _records(content, start, sum(s.samples for s in signals))
    duration = _number(content, 244, 8, "record duration")
    if duration <= 0:
        raise InputError(f"records of {duration:g} s; expected a positive duration")
    return _assemble(records, signals, duration, content[88:168])


def write(ecg: ECG, path: Path) -> None:
    """EDF with physical limits of whole steps; the last record is filled with the last sample and
    the true length stands in the recording's identification."""
    samples, duration = _record_shape(ecg)
    padding = -ecg.signals.shape[1] % samples
    signals = np.pad(ecg.signals, ((0, 0), (0, padding)), mode="edge")
    limits = [float(f"{max(np.abs(row).max(), 0.1) * 1.01:.4g}") for row in signals]
    steps = np.round(signals / np.array(limits)[:, None] * 32767).astype("<i2")
    records = steps.reshape(len(steps), -1, samples).transpose(1, 0, 2)
    header = _header(ecg, samples, duration, len(records), limits)
    with whole_file(path) as part:
        part.write_bytes(header.encode("ascii") + records.tobytes())


def _parse_signals(block: bytes, count: int) -> list[_Signal]:
    table, at = {}, 0
    for name, width in _SIGNAL_FIELDS.items():
        table[name] = [block[at + i * width : at + (i + 1) * width] for i in range(count)]
        at += count * width
    signals = []
    for i in range(count):
        figures = {
            name: _number(table[name][i], 0, 8, f"signal {i + 1}: {name.replace('_', ' ')}")
            for name in (*list(_SIGNAL_FIELDS)[3:7], "samples")
        }
        if not 1 <= figures["samples"] <= 2**24:
            raise InputError(f"signal {i + 1} has {figures['samples']:g} samples a record")
        signals.append(
            _Signal(
                label=_text(table["label"][i]),
                unit=_text(table["unit"][i]),
                physical=(figures["physical_minimum"], figures["physical_maximum"]),
                digital=(figures["digital_minimum"], figures["digital_maximum"]),
                samples=int(figures["samples"]),
            )
        )
    return signals


def _records(content: bytes, start: int, samples: int) -> np.ndarray:
    """Records x samples, integers. A count of -1 means that the writer never closed the file."""
    claimed = int(_number(content, 236, 8, "number of records"))
    held = (len(content) - start) // (2 * samples)
    if claimed > held:
        raise InputError(f"{claimed:,} records claimed; the file holds {held:,} whole ones")
    count = held if claimed < 0 else claimed
    if count == 0:
        raise InputError("the file holds no records")
    return np.frombuffer(content, "<i2", count * samples, start).reshape(count, samples)


def _assemble(
    records: np.ndarray, signals: list[_Signal], duration: float, identification: bytes
) -> Recording:
    ends = np.cumsum([s.samples for s in signals])
    voltages = [
        i for i, s in enumerate(signals) if "ANNOTATION" not in s.label.upper() and _is_voltage(s)
    ]
    chosen = [i for i in voltages if is_known(signals[i].label)] or voltages
    if not chosen:
        labels = ", ".join(s.label for s in signals)
        raise InputError(f"no signal of the file is a voltage: {labels}")
    rates = {signals[i].samples for i in chosen}
    if len(rates) > 1:
        raise InputError(f"the leads have different rates: {sorted(rates)} samples a record")
    starts = ends - [s.samples for s in signals]
    rows = [_physical(records[:, starts[i] : ends[i]], signals[i]) for i in chosen]
    count = _COUNT.search(identification.decode("latin-1"))
    length = min(int(count[1]), len(rows[0])) if count else len(rows[0])
    others = [s.label for i, s in enumerate(signals) if i not in chosen]
    left_out = [label for label in others if "ANNOTATION" not in label.upper()]
    remark = f"not leads of an ECG, left out: {', '.join(left_out)}"
    return Recording(
        signals=np.array(rows)[:, : length or None],
        names=[signals[i].label for i in chosen],
        rate=float(Fraction(rates.pop()) / Fraction(duration).limit_denominator(10**6)),
        units=[signals[i].unit for i in chosen],
        remarks=(remark,) if left_out else (),
        provenance={"format": "EDF"},
    )


def _physical(samples: np.ndarray, s: _Signal) -> np.ndarray:
    low, high = s.digital
    if high <= low or s.physical[0] == s.physical[1]:
        raise InputError(f"{s.label}: a digital range from {low:g} to {high:g}")
    scale = (s.physical[1] - s.physical[0]) / (high - low)
    return (samples.ravel() - low) * scale + s.physical[0]


def _is_voltage(s: _Signal) -> bool:
    return millivolts(s.unit) is not None


def _record_shape(ecg: ECG) -> tuple[int, int]:
    """Samples in a record and its duration in whole seconds, the rate being their exact ratio."""
    for seconds in range(1, 61):
        samples = ecg.rate * seconds
        if abs(samples - round(samples)) < 1e-6 and samples >= 1:
            return round(samples), seconds
    raise InputError(f"EDF cannot hold a rate of {ecg.rate:.9g} Hz exactly; resample it first")


def _header(ecg: ECG, samples: int, duration: int, records: int, limits: list[float]) -> str:
    count = len(ecg.leads)
    # A date must be there, and the same ECG must give the same bytes.
    recording = f"Startdate X X X X samples={ecg.signals.shape[1]}"
    head = _padded("0", 8) + _padded("X X X X", 80) + _padded(recording, 80)
    head += "01.01.85" + "00.00.00" + _padded(256 * (count + 1), 8) + _padded("", 44)
    head += _padded(records, 8) + _padded(duration, 8) + _padded(count, 4)
    columns: dict[str, list] = {
        "label": [f"ECG {name}" for name in ecg.leads],
        "unit": ["mV"] * count,
        "physical_minimum": [f"{-limit:.4g}" for limit in limits],
        "physical_maximum": [f"{limit:.4g}" for limit in limits],
        "digital_minimum": [-32767] * count,
        "digital_maximum": [32767] * count,
        "samples": [samples] * count,
    }
    for name, width in _SIGNAL_FIELDS.items():
        values = columns.get(name, [""] * count)
        head += "".join(_padded(value, width) for value in values)
    return head


def _padded(value: object, width: int) -> str:
    text = str(value).encode("ascii", "replace").decode()
    return text[:width].ljust(width)


def _text(field: bytes) -> str:
    return field.decode("latin-1").replace("\0", " ").strip()


def _number(block: bytes, at: int, width: int, what: str) -> float:
    text = _text(block[at : at + width])
    try:
        value = float(text)
    except ValueError:
        value = np.nan
    if not np.isfinite(value):
        raise InputError(f"{what}: {text!r} is not a number")
    return value


FORMAT = Format("EDF", (".edf",), lambda start: start[:8] == b"0       ", read, write)
