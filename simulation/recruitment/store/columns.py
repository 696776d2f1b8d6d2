"""Flat records of numbers and words as two packed tables in an HDF5 group."""

from collections.abc import Mapping, Sequence
from typing import TypeAlias

import h5py
import numpy as np

from twin.simulation.recruitment.store.records import write_array

Row: TypeAlias = Mapping[str, float | str]
Columns: TypeAlias = dict[str, np.ndarray]


def write_columns(group: h5py.Group, rows: Sequence[Row]) -> None:
    """What a row lacks is NaN or an empty word."""
    words = sorted({k for row in rows for k, value in row.items() if isinstance(value, str)})
    numbers = sorted({k for row in rows for k in row if k not in words})
    table = np.array([[row.get(k, np.nan) for k in numbers] for row in rows], np.float64)
    _write(group, "numbers", numbers, table, fillvalue=np.nan)
    text = [[str(row.get(k, "")).encode() for k in words] for row in rows]
    _write(group, "words", words, np.array(text, "S"))


def read_columns(group: h5py.Group) -> Columns:
    columns: Columns = {}
    for name in ("numbers", "words"):
        if name in group:
            table = group[name][()]
            plain = table if name == "numbers" else np.char.decode(table)
            columns |= dict(zip(group[name].attrs["columns"].split("\n"), plain.T, strict=True))
    return dict(sorted(columns.items()))


def _write(group: h5py.Group, name: str, columns: list[str], table: np.ndarray, **more) -> None:
    if table.size:
        dataset = write_array(group, name, table, chunks=table.shape, **more)
        dataset.attrs["columns"] = "\n".join(columns)
