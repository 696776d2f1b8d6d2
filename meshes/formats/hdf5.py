"""HDF5 files from strangers: nothing that lies elsewhere, nothing that unfolds without bound."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import h5py
import numpy as np

from twin.meshes.errors import InputError

LARGEST_RATIO = 1000
"""Logical over stored bytes: what gzip reaches on zeros."""

SMALL = 1_000_000

COMPRESSION = {"compression": "gzip", "compression_opts": 4, "shuffle": True, "fletcher32": True}
"""How our own arrays are stored: packed, every chunk with its checksum."""


@contextmanager
def open_checked(path: str | Path) -> Iterator[h5py.File]:
    """The file, open for reading, once every object in it has been found harmless."""
    if Path(path).read_bytes()[:8] != b"\x89HDF\r\n\x1a\n":
        raise InputError(f"{Path(path).name} is not an HDF5 file")
    with h5py.File(path, "r") as file:
        file.visititems_links(_refuse_links)
        file.visititems(_refuse_bombs)
        yield file


def _refuse_links(name: str, link: object) -> None:
    if not isinstance(link, h5py.HardLink):
        raise InputError(f"{name} is a link to elsewhere; copy the data into the file")


def _refuse_bombs(name: str, item: object) -> None:
    if not isinstance(item, h5py.Dataset):
        return
    if item.external or item.is_virtual:
        raise InputError(f"{name} keeps its data in another file; copy the data into this one")
    stored = max(item.id.get_storage_size(), 1)
    if item.nbytes > max(SMALL, LARGEST_RATIO * stored):
        raise InputError(
            f"{name} claims {item.nbytes:,} bytes of which {stored:,} are stored: it is damaged"
        )


def numbers(group: h5py.Group, name: str) -> np.ndarray:
    """A data set of numbers, whole."""
    item = group.get(name)
    if not isinstance(item, h5py.Dataset) or item.dtype.kind not in "fiub":
        raise InputError(f"{group.name}/{name} is missing or does not hold numbers")
    return np.atleast_1d(item[()])
