"""Tables of numbers in text files."""

import io
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from twin.meshes.errors import InputError

SPACE = re.compile(rb"SPACE=(LPS|RAS)")


def stated_space(content) -> dict[str, str]:
    """The axes that 3D Slicer names in the first lines of its files, as a note; or nothing."""
    stated = SPACE.search(content[:2000])
    return {"SPACE": stated[1].decode()} if stated else {}


def table(path: str | Path, columns: int | None = None) -> np.ndarray:
    """All rows of a text file of numbers, separated by commas, semicolons or white space.

    A first line of names is skipped.
    """
    lines = Path(path).read_bytes().splitlines()
    if lines and any(byte in b"abcdfghijklmnopqrstuvwxyz" for byte in lines[0].lower()):
        lines = lines[1:] if not _numbers(lines[0]) else lines
    return rows(lines, columns, Path(path).name)


def _numbers(line: bytes) -> bool:
    try:
        np.array(line.replace(b",", b" ").replace(b";", b" ").split(), dtype=float)
    except ValueError:
        return False
    return True


def rows(lines: Sequence[bytes], columns: int | None, name: str) -> np.ndarray:
    """Lines of numbers as an array of two dimensions; `columns` is checked where it is given."""
    content = b"\n".join(lines).replace(b",", b" ").replace(b";", b" ")
    if not content.strip():
        raise InputError(f"{name} holds no numbers")
    try:
        values = np.loadtxt(io.BytesIO(content), ndmin=2, comments="#")
    except ValueError as error:
        raise InputError(f"{name}: {str(error).split(';')[0]}") from None
    if columns and values.shape[1] != columns:
        raise InputError(f"{name} has {values.shape[1]} columns, expected {columns}")
    return values


def indices(values: np.ndarray, name: str) -> np.ndarray:
    """Whole numbers, refused where they are not."""
    whole = np.isfinite(values) & (values == np.round(values)) & (np.abs(values) < 2**31)
    if not whole.all():
        count = int((~whole).sum())
        raise InputError(f"{name}: {count:,} of {values.size:,} node numbers are not whole numbers")
    return values.astype(np.int64)


def zero_based(nodes: np.ndarray, count: int, name: str) -> tuple[np.ndarray, str]:
    """Node indices counted from 0, and a remark: from 1 where 0 never occurs."""
    lowest, highest = int(nodes.min()), int(nodes.max())
    base = 0 if lowest == 0 else 1
    if lowest < 0 or highest - base >= count:
        raise InputError(
            f"{name}: node numbers run from {lowest:,} to {highest:,}, "
            f"but there are {count:,} points"
        )
    return nodes - base, f"{name} counts its nodes from {base}"
