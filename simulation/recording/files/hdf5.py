"""HDF5: our own layout, and any file in which one two-dimensional dataset is the signals.

Ours: dataset `signals` (leads x time, mV) with attributes `rate` (Hz), `unit`, `leads`, `remarks`
and `provenance` (JSON).
"""

import json
from pathlib import Path

import h5py
import numpy as np

from twin.meshes.errors import InputError
from twin.meshes.files import whole_file
from twin.simulation.ecg import ECG
from twin.simulation.recording.files.recording import (
    MOST_LEADS,
    Format,
    Recording,
    pack,
    read_quarantined,
)

NAMES = ("signals", "signal", "ecg", "p_signal", "leads", "data", "tracings")
MOST_VALUES = 2**27
MOST_UNFOLDING = 1000  # logical over stored size; a real ECG compresses by less than 100

_RATES = ("rate", "fs", "sampling_rate", "sampling_frequency", "frequency")
_UNITS = ("unit", "units")
_LEADS = ("leads", "lead_names", "names", "channels", "sig_name")


def read(path: Path) -> Recording:
    """The signals with what the attributes beside them say."""
    return read_quarantined("twin.simulation.recording.files.hdf5:parse", path)


def parse(path: str) -> dict[str, np.ndarray]:
    """`read`, inside the quarantine."""
    try:
        with h5py.File(path, "r") as file:
            return pack(_read(file))
    except (OSError, RuntimeError, KeyError, ValueError, TypeError) as error:
        raise InputError(f"not an HDF5 file that can be read: {error}") from error


def write(ecg: ECG, path: Path) -> None:
    with whole_file(path) as part, h5py.File(part, "w", track_order=True) as file:
        data = file.create_dataset(
            "signals", data=ecg.signals, compression="lzf", shuffle=True, fletcher32=True
        )
        data.attrs["rate"] = ecg.rate
        data.attrs["unit"] = "mV"
        data.attrs["leads"] = list(ecg.leads)
        data.attrs["remarks"] = json.dumps(ecg.remarks)
        data.attrs["provenance"] = json.dumps(dict(ecg.provenance), default=str)


def _read(file: h5py.File) -> Recording:
    data = _find_signals(file)
    signals = np.asarray(data[()], dtype=np.float64)
    said = {**_attributes(file), **_attributes(data)}
    leads, unit, rate = (_first(said, names) for names in (_LEADS, _UNITS, _RATES))
    names = [_text(name) for name in np.atleast_1d(leads)] if leads is not None else None
    if signals.shape[0] > signals.shape[1] and (names is None or len(names) == signals.shape[1]):
        signals = signals.T
    return Recording(
        signals=signals,
        names=names,
        rate=float(np.ravel(rate)[0]) if rate is not None else None,
        units=[_text(np.ravel(unit)[0])] * len(signals) if unit is not None else None,
        remarks=tuple(str(s) for s in _json(said.get("remarks"), list)),
        provenance={"format": "HDF5", **_json(said.get("provenance"), dict)},
    )


def _find_signals(file: h5py.File) -> h5py.Dataset:
    tables = {}
    for name in list(file)[:1000]:
        # A link out of the file is never followed: it could name any file of this machine.
        if not isinstance(file.get(name, getlink=True), h5py.HardLink):
            continue
        item = file[name]
        if isinstance(item, h5py.Dataset) and item.ndim == 2 and item.dtype.kind in "fiu":
            tables[name] = item
    called = [name for name in tables if name.lower() in NAMES]
    if len(called or tables) != 1:
        raise InputError(
            f"{len(tables)} two-dimensional datasets ({', '.join(tables) or 'none'}); expected one "
            "that is leads x time, called `signals`"
        )
    return _checked(next(iter(called or tables)), tables)


def _checked(name: str, tables: dict[str, h5py.Dataset]) -> h5py.Dataset:
    data = tables[name]
    if data.is_virtual or data.external:
        raise InputError(f"{name} is stored in other files; copy the samples into this one")
    stored = data.id.get_storage_size()
    if data.size > MOST_VALUES or data.nbytes > MOST_UNFOLDING * max(stored, 1):
        raise InputError(f"{name} claims {data.nbytes:,} bytes and stores {stored:,}")
    if min(data.shape) < 1 or min(data.shape) > MOST_LEADS:
        raise InputError(f"{name} has the shape {data.shape}; expected leads x time")
    return data


def _attributes(item: h5py.HLObject) -> dict[str, np.ndarray]:
    return {name.lower(): np.asarray(item.attrs[name]) for name in list(item.attrs)[:100]}


def _first(said: dict[str, np.ndarray], names: tuple[str, ...]) -> np.ndarray | None:
    return next((said[name] for name in names if name in said), None)


def _text(value: object) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _json(text: np.ndarray | None, kind: type):
    """Parsed, where it is JSON of this kind; empty otherwise."""
    try:
        value = json.loads(_text(text.item())) if text is not None else None
    except (ValueError, TypeError):
        value = None
    return value if isinstance(value, kind) else kind()


FORMAT = Format(
    "HDF5", (".h5", ".hdf5"), lambda start: start[:8] == b"\x89HDF\r\n\x1a\n", read, write
)
