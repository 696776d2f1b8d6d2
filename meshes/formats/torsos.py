"""Body surfaces in their own formats: map3d's .pts with .fac, ECGSIM's .tri."""

from pathlib import Path

from twin.meshes.errors import InputError
from twin.meshes.formats.grid import Grid
from twin.meshes.formats.text import indices, rows, table, zero_based


def parse_map3d(path: str) -> Grid:
    """Points in one file, triangles counted from 1 in the other."""
    prefix = Path(path).with_suffix("")
    points = table(prefix.with_suffix(".pts"), 3)
    faces_file = prefix.with_suffix(".fac")
    # A fourth column, where it is there, is a group number.
    faces = indices(table(faces_file)[:, :3], faces_file.name)
    triangles, remark = zero_based(faces, len(points), faces_file.name)
    return Grid(points, triangles=triangles, remarks=(remark,))


def parse_ecgsim(path: str) -> Grid:
    """A count, numbered points, a count, numbered triangles; points in metres."""
    name = Path(path).name
    lines = Path(path).read_bytes().strip().splitlines()
    points, rest = _block(lines, name, "points")
    faces, rest = _block(rest, name, "triangles")
    if rest:
        raise InputError(f"{len(rest):,} lines follow the triangles; expected the end of the file")
    triangles, remark = zero_based(indices(faces, name), len(points), name)
    return Grid(points, triangles=triangles, remarks=(remark,))


def _block(lines: list[bytes], name: str, what: str):
    """A count and as many rows: a number, then three values."""
    try:
        count = int(lines[0].split()[0])
    except (ValueError, IndexError):
        raise InputError(f"the number of {what} is missing") from None
    if not 0 < count < len(lines):
        raise InputError(f"it declares {count:,} {what} but {len(lines) - 1:,} lines follow")
    return rows(lines[1 : count + 1], 4, name)[:, 1:], lines[count + 1 :]
