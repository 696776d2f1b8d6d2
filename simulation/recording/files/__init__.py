"""Reading and writing ECGs: a registry, one file a format."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from twin.meshes.errors import InputError
from twin.simulation.ecg import ECG
from twin.simulation.recording.files import csv, dicom, edf, hdf5, wfdb
from twin.simulation.recording.files.recording import MOST_BYTES, Format, to_ecg

FORMATS: tuple[Format, ...] = (wfdb.FORMAT, csv.FORMAT, dicom.FORMAT, hdf5.FORMAT, edf.FORMAT)


def read_ecg(
    path: str | Path,
    *,
    rate: float | None = None,
    unit: str | None = None,
    leads: Sequence[str] | str | None = None,
) -> ECG:
    """An ECG in mV from `path`, its format told by the ending, or else by its first bytes.

    `rate` (Hz), `unit` (mV, uV, V, nV; of all leads) and `leads` (names in the file's order) go
    before what the file says. What is nowhere said is inferred and remarked upon, or refused.
    """
    path = _existing(Path(path))
    names = leads.replace(",", " ").split() if isinstance(leads, str) else leads
    try:
        recording = format_of(path).read(path)
        ecg = to_ecg(recording, rate=rate, unit=unit, leads=names)
    except InputError as error:
        raise InputError(f"{path.name}: {error}") from error
    return replace(ecg, provenance={"origin": path.name, **ecg.provenance})


def write_ecg(ecg: ECG, path: str | Path) -> None:
    """Write to `path`; its ending chooses the format."""
    path = Path(path)
    _by_ending(path, FORMATS).write(ecg, path)


def format_of(path: Path) -> Format:
    """The format of a file that exists."""
    with open(path, "rb") as file:
        start = file.read(512)
    for known in FORMATS:
        if known.recognise(start):
            return known
    return _by_ending(path, FORMATS)


def _by_ending(path: Path, formats: Sequence[Format]) -> Format:
    for known in formats:
        if path.suffix.lower() in known.endings:
            return known
    endings = ", ".join(ending for known in formats for ending in known.endings)
    raise InputError(f"{path.name}: not an ECG format that is known; expected {endings}")


def _existing(path: Path) -> Path:
    if path.suffix == "" and path.with_name(path.name + ".hea").is_file():
        path = path.with_name(path.name + ".hea")
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    if path.suffix.lower() == ".dat" and path.with_suffix(".hea").is_file():
        path = path.with_suffix(".hea")
    if (size := path.stat().st_size) > MOST_BYTES:
        raise InputError(f"{path.name}: {size:,} bytes, more than the {MOST_BYTES:,} of any ECG")
    return path
