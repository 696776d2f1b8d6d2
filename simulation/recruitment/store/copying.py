"""A part of a cohort, or several together, as a folder of its own."""

import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from twin.meshes.errors import InputError
from twin.meshes.files import file_hash, whole_file
from twin.meshes.folder import require_space
from twin.meshes.formats.hdf5 import new_file
from twin.meshes.progress import Progress, silent
from twin.simulation.recruitment.plan import CASES_PER_SHARD, anatomy_file, shard_file
from twin.simulation.recruitment.store.header import FORMAT, versions, write_header
from twin.simulation.recruitment.store.manifest import Entry, append_entry
from twin.simulation.recruitment.store.shard_rows import ShardRows
from twin.simulation.recruitment.store.stored_case import StoredCase

if TYPE_CHECKING:
    from twin.simulation.cohort import Cohort


def write_cohort(cohort: "Cohort", folder: Path, progress: Progress = silent) -> None:
    """The folder appears whole at the end. Anatomies are linked where the disk allows it."""
    if not len(cohort):
        raise InputError("there is no case to write")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(f"{folder} is there already; name a new folder")
    require_space(folder, sum(e.bytes for s in cohort.stores for e in s.of_kind("shard")))
    part = folder.with_name(f".{folder.name}.{os.getpid()}.part")
    try:
        for name in ("anatomies", "shards"):
            (part / name).mkdir(parents=True)
        _write(cohort, part, progress)
        os.replace(part, folder)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _write(cohort: "Cohort", folder: Path, progress: Progress) -> None:
    anatomies = list(dict.fromkeys(map(tuple, cohort.cases[:, [0, 3]].tolist())))
    for number, (store, anatomy) in enumerate(anatomies):
        _copy_anatomy(cohort, store, anatomy, folder, number)
    shards = list(_shards(cohort, anatomies))
    for number, (anatomy, places) in enumerate(shards):
        progress("copying", number / len(shards))
        _copy_shard(cohort, places, folder, number, anatomy)
    header = {
        "format": FORMAT,
        "count": len(cohort),
        "anatomies": len(anatomies),
        "shards": len(shards),
        "versions": versions(),
        "sources": [store.header for store in cohort.stores],
    }
    write_header(folder, header)


def _shards(cohort: "Cohort", anatomies: list[tuple[int, int]]) -> Iterator[tuple[int, np.ndarray]]:
    """Which cases, by their place in the cohort, lie together on which anatomy."""
    for number, (store, anatomy) in enumerate(anatomies):
        own = (cohort.cases[:, 0] == store) & (cohort.cases[:, 3] == anatomy)
        places = np.flatnonzero(own)
        for first in range(0, len(places), CASES_PER_SHARD):
            yield number, places[first : first + CASES_PER_SHARD]


def _copy_anatomy(cohort: "Cohort", store: int, anatomy: int, folder: Path, number: int) -> None:
    source = anatomy_file(cohort.stores[store].folder, anatomy)
    target = anatomy_file(folder, number)
    try:
        # Ours are never written in place, so that one file may stand in two folders.
        os.link(source, target)
    except OSError:
        with whole_file(target) as part:
            shutil.copyfile(source, part)
    entry = cohort.stores[store].entries["anatomy", anatomy]
    append_entry(folder, replace(entry, number=number, anatomy=number))


def _copy_shard(
    cohort: "Cohort", places: np.ndarray, folder: Path, number: int, anatomy: int
) -> None:
    path = shard_file(folder, number)
    rows = [cohort[place] for place in places.tolist()]
    with whole_file(path) as part, new_file(part) as file:
        file.attrs.update({"anatomy": anatomy, "failures": "{}"})
        _rows(rows, places).write(file)
        file["case"].attrs["source"] = [row.number for row in rows]
    entry = Entry("shard", number, anatomy, 0, cases=places.tolist())
    append_entry(folder, replace(entry, sha256=file_hash(path), bytes=path.stat().st_size))


def _rows(rows: list[StoredCase], places: np.ndarray) -> ShardRows:
    """The same steps and zones, under new numbers."""
    rate, start = rows[0].window
    return ShardRows(
        cases=places.tolist(),
        seeds=[row.seed for row in rows],
        healthy=[row.healthy for row in rows],
        ecg=np.stack([row.raw("ecg") for row in rows]),
        clean=np.stack([row.raw("clean") for row in rows]),
        zones=np.stack([row.raw("zones") for row in rows]),
        draws=[row.draws for row in rows],
        summary=[row.summary for row in rows],
        rate=rate,
        start=start,
    )
