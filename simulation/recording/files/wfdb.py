"""PhysioNet's WFDB records: a text header (.hea) beside raw signals (.dat).

Header: `record signals rate samples`, then a line a signal: `file format gain(baseline)/unit
resolution zero initial checksum block name` (WFDB Applications Guide, header(5), signal(5)).
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from twin.meshes.errors import InputError
from twin.meshes.files import whole_file
from twin.simulation.ecg import ECG
from twin.simulation.recording.files.recording import MOST_LEADS, Format, Recording

DEFAULT_RATE = 250.0  # Hz, header(5)
DEFAULT_GAIN = 200.0  # steps per mV, header(5)

_NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
_GAIN = re.compile(rf"^({_NUMBER})(?:\(([+-]?\d+)\))?(?:/(\S+))?$")
_SAFE_NAME = re.compile(r"^[A-Za-z0-9_][A-Za-z0-9_.\-]*$")
_STORAGE = re.compile(r"^(\d+)(?:x(\d+))?(?::(\d+))?(?:\+(\d+))?$")


@dataclass(frozen=True)
class _Signal:
    """One line of the header."""

    file: str
    storage: str
    offset: int
    gain: float
    baseline: int
    unit: str
    calibrated: bool
    checksum: int | None
    name: str


def read(path: Path) -> Recording:
    """The signals of a record in the units its header names."""
    rate, length, signals = _read_header(path)
    remarks: list[str] = []
    rows: list[np.ndarray] = []
    kept: list[_Signal] = []
    for file in dict.fromkeys(s.file for s in signals):
        members = [s for s in signals if s.file == file]
        if not (path.parent / file).is_file():
            names = ", ".join(s.name for s in members)
            remarks.append(f"{file} is not beside the header: without {names}")
            continue
        rows += list(_read_signals(path.parent / file, members, length))
        kept += members
    if not kept:
        raise InputError(f"none of the signal files is beside the header: {signals[0].file}")
    if len({len(row) for row in rows}) > 1:
        raise InputError("the signal files hold different numbers of samples")
    remarks += _doubts(rows, kept)
    return Recording(
        signals=np.array([_physical(row, s) for row, s in zip(rows, kept, strict=True)]),
        names=[s.name for s in kept],
        rate=rate,
        units=[s.unit for s in kept],
        remarks=tuple(remarks),
        provenance={"format": "WFDB"},
    )


def write(ecg: ECG, path: Path) -> None:
    """A .hea and a .dat of 16-bit samples, each lead with the finest decimal gain that fits."""
    if not _SAFE_NAME.match(path.stem):
        raise InputError(f"{path.stem!r} cannot name a WFDB record: use letters, digits, _ and -")
    peaks = np.abs(ecg.signals).max(axis=1)
    gains = 10.0 ** np.clip(np.floor(np.log10(32000 / np.maximum(peaks, 1e-6))), -3, 6)
    steps = np.round(ecg.signals * gains[:, None]).astype("<i2")
    data = path.with_suffix(".dat")
    lines = [f"{path.stem} {len(ecg.leads)} {ecg.rate:.12g} {steps.shape[1]}"]
    for row, gain, name in zip(steps, gains, ecg.leads, strict=True):
        lines.append(f"{data.name} 16 {gain:g}(0)/mV 16 0 {row[0]} {_checksum(row)} 0 {name}")
    # The header comes last: a record without one does not exist, so it is whole or absent.
    with whole_file(data) as part:
        part.write_bytes(steps.T.tobytes())
    with whole_file(path.with_suffix(".hea")) as part:
        part.write_text("\n".join(lines) + "\n", encoding="ascii")


def _read_header(path: Path) -> tuple[float, int | None, list[_Signal]]:
    """Rate in Hz, samples per signal where said, and the signals."""
    text = path.read_bytes()[: 2**20].decode("latin-1")
    lines = [line.split() for line in text.splitlines() if line.strip() and line[0] != "#"]
    if not lines or len(lines[0]) < 2:
        raise InputError("not a WFDB header: its first line is `record signals rate samples`")
    first = lines[0]
    if "/" in first[0]:
        raise InputError("a multi-segment WFDB record; read its segments one by one")
    count = _whole(first[1], "number of signals")
    if not 1 <= count <= MOST_LEADS or len(lines) < count + 1:
        raise InputError(f"the header claims {count:,} signals and describes {len(lines) - 1}")
    rate = DEFAULT_RATE
    if len(first) > 2:
        rate = _decimal(re.split(r"[/(]", first[2])[0], "rate")
    length = _whole(first[3], "number of samples") if len(first) > 3 else None
    signals = [_parse_signal(words, i) for i, words in enumerate(lines[1 : count + 1])]
    return rate, length or None, signals


def _parse_signal(words: list[str], index: int) -> _Signal:
    if len(words) < 2:
        raise InputError(f"signal {index + 1}: a line needs at least a file and a format")
    if not _SAFE_NAME.match(words[0]):
        raise InputError(f"signal {index + 1}: {words[0]!r} is not a file beside the header")
    storage = _STORAGE.match(words[1])
    if not storage or storage[1] not in _STORAGES:
        known = ", ".join(_STORAGES)
        raise InputError(f"signal {index + 1}: format {words[1]}; only {known} can be read")
    if storage[2] not in (None, "1") or storage[3] not in (None, "0"):
        raise InputError(f"signal {index + 1}: several samples a frame, or skew, in {words[1]}")
    gain, baseline, unit = _parse_gain(words[2] if len(words) > 2 else "0", index)
    zero = _whole(words[4], "ADC zero") if len(words) > 4 else 0
    return _Signal(
        file=words[0],
        storage=storage[1],
        offset=int(storage[4] or 0),
        gain=gain or DEFAULT_GAIN,
        baseline=zero if baseline is None else baseline,
        unit=unit,
        calibrated=gain != 0,
        checksum=_whole(words[6], "checksum") if len(words) > 6 else None,
        name=" ".join(words[8:]) or f"signal {index + 1}",
    )


def _parse_gain(text: str, index: int) -> tuple[float, int | None, str]:
    """`gain(baseline)/unit`, the last two of which may be missing."""
    match = _GAIN.match(text)
    gain = float(match[1]) if match else np.nan
    if not match or not np.isfinite(gain) or gain < 0:
        raise InputError(f"signal {index + 1}: the gain {text!r} is not like 200(0)/mV")
    return gain, int(match[2]) if match[2] else None, match[3] or "mV"


def _read_signals(path: Path, members: list[_Signal], length: int | None) -> np.ndarray:
    """Integer samples, signals x time; NaN where the file marks a sample as missing."""
    if len({(s.storage, s.offset) for s in members}) > 1:
        raise InputError(f"{path.name}: its signals are said to be stored in different ways")
    storage = _STORAGES[members[0].storage]
    content = np.frombuffer(path.read_bytes(), np.uint8)[members[0].offset :]
    held = int(content.size * storage.samples_per_three_bytes // 3) // len(members)
    if length is not None and held < length:
        raise InputError(
            f"{path.name} holds {held:,} samples a signal where the header claims {length:,}: "
            "the file is cut short, or the header is of another record"
        )
    wanted = (length or held) * len(members)
    if wanted == 0:
        raise InputError(f"{path.name} holds no samples")
    samples = storage.decode(content, wanted).reshape(-1, len(members)).T
    return np.where(samples == storage.missing, np.nan, samples)


def _physical(samples: np.ndarray, s: _Signal) -> np.ndarray:
    return (samples - s.baseline) / s.gain


def _doubts(rows: list[np.ndarray], signals: list[_Signal]) -> list[str]:
    remarks = []
    vague = [s.name for s in signals if not s.calibrated]
    if vague:
        remarks.append(f"no gain given for {', '.join(vague)}: {DEFAULT_GAIN:g} steps a mV assumed")
    wrong = [
        s.name
        for row, s in zip(rows, signals, strict=True)
        if s.checksum is not None and not _sums_to(row, s.checksum)
    ]
    if wrong:
        remarks.append(f"checksum wrong in {', '.join(wrong)}: the samples may be damaged")
    return remarks


def _sums_to(row: np.ndarray, checksum: int) -> bool:
    """Whether the checksum is true, with a sign or without: wfdb-python writes it without. One
    with missing samples cannot be told wrong."""
    return not np.isfinite(row).all() or (_checksum(row) - checksum) % 0x10000 == 0


def _checksum(row: np.ndarray) -> int:
    """Sum of the samples as a signed 16-bit number."""
    return (int(row.sum(dtype=np.float64)) + 0x8000) % 0x10000 - 0x8000


@dataclass(frozen=True)
class _Storage:
    decode: Callable[[np.ndarray, int], np.ndarray]
    samples_per_three_bytes: float
    missing: int


def _decode_words(kind: str) -> Callable[[np.ndarray, int], np.ndarray]:
    size = np.dtype(kind).itemsize
    return lambda content, count: content[: count * size].view(kind).astype(np.int64)


def _decode_212(content: np.ndarray, count: int) -> np.ndarray:
    """Two 12-bit samples in three bytes: the middle byte holds the high bits of both."""
    padded = np.zeros(3 * ((count + 1) // 2), np.int64)
    taken = min(len(content), len(padded))
    padded[:taken] = content[:taken]
    low, middle, high = padded.reshape(-1, 3).T
    pairs = np.stack([low | (middle & 0x0F) << 8, high | (middle & 0xF0) << 4], axis=1).ravel()
    return ((pairs + 0x800) % 0x1000 - 0x800)[:count]


def _decode_24(content: np.ndarray, count: int) -> np.ndarray:
    low, middle, high = content[: 3 * count].reshape(-1, 3).astype(np.int64).T
    return ((low | middle << 8 | high << 16) + 0x800000) % 0x1000000 - 0x800000


def _decode_80(content: np.ndarray, count: int) -> np.ndarray:
    return content[:count].astype(np.int64) - 128


_STORAGES = {
    "16": _Storage(_decode_words("<i2"), 1.5, -(2**15)),
    "61": _Storage(_decode_words(">i2"), 1.5, -(2**15)),
    "212": _Storage(_decode_212, 2, -(2**11)),
    "24": _Storage(_decode_24, 1, -(2**23)),
    "32": _Storage(_decode_words("<i4"), 0.75, -(2**31)),
    "80": _Storage(_decode_80, 3, -128),
}


def _whole(text: str, what: str) -> int:
    try:
        return int(text)
    except ValueError as error:
        raise InputError(f"{what}: {text!r} is not a whole number") from error


def _decimal(text: str, what: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise InputError(f"{what}: {text!r} is not a number") from error


FORMAT = Format("WFDB", (".hea", ".dat"), lambda start: False, read, write)
