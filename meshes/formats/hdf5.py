"""HDF5 files from strangers: nothing that lies elsewhere, nothing that unfolds without bound."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import h5py
import numpy as np

from twin.meshes.errors import InputError

LARGEST_RATIO = 200
"""Logical over stored bytes; gzip reaches 1000, but on nothing but zeros."""

SMALL = 2**28
"""Bytes that even constant fields of honest meshes do not exceed."""

COMPRESSION = {"compression": "gzip", "compression_opts": 4, "shuffle": True, "fletcher32": True}
"""How our own arrays are stored: packed, every chunk with its checksum."""


class _Patient(io.FileIO):
    """A file that keeps the first refusal of the disk to itself: HDF5, told of it, ends the whole
    process when it closes the file."""

    refusal: OSError | None = None

    def write(self, data) -> int:
        left = memoryview(data).cast("B")
        try:
            while left:
                left = left[super().write(left) :]
        except OSError as error:
            self.refusal = self.refusal or error
        return memoryview(data).nbytes

    def truncate(self, size=None) -> int:
        try:
            return super().truncate(size)
        except OSError as error:
            self.refusal = self.refusal or error
            return self.tell() if size is None else size


@contextmanager
def new_file(path: str | Path) -> Iterator[h5py.File]:
    """An HDF5 file to write to; what the disk refuses is raised when it is closed."""
    with _Patient(path, "w+") as raw:
        try:
            with h5py.File(raw, "w") as file:
                yield file
        except Exception:
            if raw.refusal is None:
                raise
        if raw.refusal:
            raise raw.refusal


@contextmanager
def open_checked(path: str | Path) -> Iterator[h5py.File]:
    """The file, open for reading, once every object in it has been found harmless."""
    if Path(path).read_bytes()[:8] != b"\x89HDF\r\n\x1a\n":
        raise InputError(f"{Path(path).name} is not an HDF5 file")
    with h5py.File(path, "r") as file:
        # HDF5 goes through its objects until a visitor answers something.
        fault = file.visititems_links(_link_fault) or file.visititems(_data_fault)
        if fault:
            raise InputError(fault)
        yield file


def _link_fault(name: str, link: object) -> str | None:
    if isinstance(link, h5py.HardLink):
        return None
    return f"{name} is a link to elsewhere; copy the data into the file"


def _data_fault(name: str, item: object) -> str | None:
    if not isinstance(item, h5py.Dataset):
        return None
    if item.external or item.is_virtual:
        return f"{name} keeps its data in another file; copy the data into this one"
    stored = max(item.id.get_storage_size(), 1)
    if item.nbytes > max(SMALL, LARGEST_RATIO * stored):
        return f"{name} claims {item.nbytes:,} bytes but {stored:,} are stored: it is damaged"
    return None


def numbers(group: h5py.Group, name: str) -> np.ndarray:
    """A data set of numbers, whole."""
    item = group.get(name)
    if not isinstance(item, h5py.Dataset) or item.dtype.kind not in "fiub":
        raise InputError(f"{group.name}/{name} is missing or does not hold numbers")
    return np.atleast_1d(item[()])
