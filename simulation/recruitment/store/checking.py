"""Whether a cohort's folder holds what its manifest says, and that what a cohort may hold."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from twin.meshes.errors import InputError
from twin.meshes.progress import Progress, silent
from twin.simulation.recruitment.plan import anatomy_file, shard_file
from twin.simulation.recruitment.store.manifest import Entry, Kind
from twin.simulation.recruitment.store.shard_rows import MISSING
from twin.simulation.recruitment.store.store import Store

ZONES = 3


@dataclass(frozen=True)
class Fault:
    """One file, and what is wrong with it."""

    file: Path
    reason: str

    def __str__(self) -> str:
        return f"{self.file}: {self.reason}"


def faults_of(store: Store, progress: Progress = silent) -> list[Fault]:
    """Every file is read once from end to end."""
    expected: list[tuple[Kind, int]] = [("anatomy", k) for k in range(store.header["anatomies"])]
    expected += [("shard", k) for k in range(store.header["shards"])]
    found = []
    for number, key in enumerate(expected):
        progress("checking", number / len(expected))
        found += [Fault(_path(store, key), reason) for reason in _faults(store, key)]
    return found


def _faults(store: Store, key: tuple[Kind, int]) -> Iterator[str]:
    entry = store.entries.get(key)
    if entry is None:
        yield "is not made yet; run the same command again"
    elif entry.failed:
        yield f"could not be made: {entry.failed}"
    elif fault := entry.fault(store.folder):
        yield f"{fault}; run the same command again"
    elif entry.kind == "shard" and entry.cases:
        yield from _faults_inside(store, entry)


def _faults_inside(store: Store, entry: Entry) -> Iterator[str]:
    try:
        cases = store.read(entry.number, lambda shard: shard.columns[""]["case"])
        if list(cases) != list(entry.cases):
            yield "holds other cases than the manifest says"
        for row, case in enumerate(cases):
            rows = {
                name: _row(store, entry.number, name, row) for name in ("ecg", "clean", "zones")
            }
            if not np.isin(rows["zones"], range(ZONES)).all():
                yield f"case {case} has zones other than 0, 1, 2"
            if any((rows[name] == MISSING).any() for name in ("ecg", "clean")):
                yield f"case {case} has missing samples"
    except InputError as error:
        yield str(error)


def _row(store: Store, shard: int, name: str, row: int) -> np.ndarray:
    return store.read(shard, lambda opened: opened.rows[name].read(row))


def _path(store: Store, key: tuple[Kind, int]) -> Path:
    kind, number = key
    return (anatomy_file if kind == "anatomy" else shard_file)(store.folder, number)
