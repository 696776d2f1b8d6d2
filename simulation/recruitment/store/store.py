"""A cohort's folder, read a case at a time: files stay open, and rows are found at once."""

import json
import os
from collections import OrderedDict
from collections.abc import Callable
from contextlib import ExitStack
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import h5py
import numpy as np

from twin.meshes.errors import InputError
from twin.meshes.formats.hdf5 import open_checked
from twin.meshes.heart import Heart
from twin.simulation.recruitment.plan import anatomy_file, shard_file
from twin.simulation.recruitment.store.columns import Columns, read_columns
from twin.simulation.recruitment.store.header import read_header
from twin.simulation.recruitment.store.manifest import Entry, Kind, read_entries
from twin.simulation.recruitment.store.records import heart_of, read_arrays

if TYPE_CHECKING:
    from twin.simulation.recruitment.people.patient import Patient

MOST_OPEN = 256
"""Files; a process may commonly have 1,024."""

MOST_ANATOMIES = 4

Read = TypeVar("Read")


class Rows:
    """One data set, read a row at a time: h5py's own selection costs more than the reading."""

    def __init__(self, dataset: h5py.Dataset) -> None:
        self.id, self.shape, self.dtype = dataset.id, dataset.shape[1:], dataset.dtype
        self.there = dataset.id.get_space()
        self.here = h5py.h5s.create_simple((1, *self.shape))

    def read(self, row: int) -> np.ndarray:
        values = np.empty(self.shape, self.dtype)
        start = (row, *(0 for _ in self.shape))
        self.there.select_hyperslab(start, (1, *self.shape))
        self.id.read(self.here, self.there, values)
        return values


class OpenShard:
    """One file of cases."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.stack = ExitStack()
        self.file = self.stack.enter_context(open_checked(path))
        self.rows = {name: Rows(self.file[name]) for name in ("zones", "ecg", "clean")}
        said = self.file["ecg"].attrs
        self.millivolts, self.rate = float(said["millivolts"]), float(said["rate"])
        self.start = float(said["start"])
        self.leads = tuple(said["leads"].split())

    def signals(self, name: str, row: int) -> np.ndarray:
        """`ecg` or `clean` in mV, single precision."""
        return self.rows[name].read(row) * np.float32(self.millivolts)

    @cached_property
    def columns(self) -> dict[str, Columns]:
        """Of all cases: their own under the empty name, `draws` and `summary`."""
        own = {name: self.file[name][()] for name in ("case", "seed", "healthy")}
        return {"": own} | {k: read_columns(self.file[k]) for k in ("draws", "summary")}


class Store:
    """A folder, what its manifest says, and the files that are open. Nothing is open in a copy for
    another process, nor in a fork: HDF5's handles are of the process that made them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.header = read_header(folder)
        self.entries = read_entries(folder)
        self._open: OrderedDict[int, OpenShard] = OrderedDict()
        self._anatomies: OrderedDict[tuple[str, int], Any] = OrderedDict()
        self._owner = os.getpid()

    def of_kind(self, kind: Kind) -> list[Entry]:
        """In the order of their numbers, those that were made."""
        return [e for _, e in sorted(self.entries.items()) if e.kind == kind and not e.failed]

    @cached_property
    def rows(self) -> np.ndarray:
        """Shard, row and anatomy of each case, in the order of the cases' numbers."""
        found = [
            (case, entry.number, row, entry.anatomy)
            for entry in self.of_kind("shard")
            for row, case in enumerate(entry.cases)
        ]
        table = np.array(found, np.int64).reshape(-1, 4)
        return table[np.argsort(table[:, 0], kind="stable"), 1:]

    def read(self, number: int, wanted: Callable[[OpenShard], Read]) -> Read:
        """Something of one shard; damage is said plainly."""
        try:
            return wanted(self._shard(number))
        except (OSError, KeyError, ValueError, InputError) as error:
            self._open.pop(number, None)
            reason = " ".join(str(error).split())[:200]
            raise InputError(
                f"{shard_file(self.folder, number)} cannot be read ({reason}); "
                "`twin cohort check` lists what is damaged, and making the cohort again with the "
                "same command mends it"
            ) from None

    def read_row(self, number: int, row: int) -> tuple[np.ndarray, np.ndarray]:
        """ECG in mV and zones of one case."""
        return self.read(
            number, lambda shard: (shard.signals("ecg", row), shard.rows["zones"].read(row))
        )

    def heart(self, number: int) -> Heart:
        return self._kept("heart", number, _heart)

    def patient(self, number: int) -> "Patient":
        from twin.simulation.recruitment.people.patient import Patient

        return self._kept("patient", number, Patient.read)

    def health(self, number: int) -> np.ndarray:
        """The ECG of a patient in health: mV, eight leads at 1 kHz in the recipe's window."""
        return self._kept("health", number, lambda group: group["health"]["ecg"][()])

    def _kept(self, kind: str, number: int, wanted: Callable[[h5py.Group], Any]) -> Any:
        """Neighbouring cases are often of one anatomy."""
        if (kind, number) not in self._anatomies:
            self._anatomies[kind, number] = self._read_anatomy(number, wanted)
            if len(self._anatomies) > MOST_ANATOMIES:
                self._anatomies.popitem(last=False)
        self._anatomies.move_to_end((kind, number))
        return self._anatomies[kind, number]

    def _read_anatomy(self, number: int, wanted: Callable[[h5py.Group], Read]) -> Read:
        path = anatomy_file(self.folder, number)
        try:
            with open_checked(path) as file:
                return wanted(file["patient"])
        except (OSError, KeyError, ValueError, InputError) as error:
            raise InputError(
                f"{path} cannot be read ({error}); making the cohort again with the same command "
                "mends it"
            ) from None

    def _shard(self, number: int) -> OpenShard:
        if self._owner != os.getpid():
            self._open, self._owner = OrderedDict(), os.getpid()
        if number not in self._open:
            self._open[number] = OpenShard(shard_file(self.folder, number))
            if len(self._open) > MOST_OPEN:
                self._open.popitem(last=False)[1].stack.close()
        self._open.move_to_end(number)
        return self._open[number]

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_open": OrderedDict(), "_anatomies": OrderedDict()}


def _heart(group: h5py.Group) -> Heart:
    provenance = json.loads(group.attrs["patient"])["heart"]
    return heart_of(read_arrays(group["heart"]), provenance)
