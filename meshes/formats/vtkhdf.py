"""VTKHDF, VTK's HDF5 layout (version 2.2, https://docs.vtk.org, "VTKHDF file format")."""

from pathlib import Path

import h5py
import numpy as np

from twin.meshes.errors import InputError
from twin.meshes.files import whole_file
from twin.meshes.formats.grid import TRIANGLE, Grid, grid_from_cells, numeric
from twin.meshes.formats.hdf5 import COMPRESSION, new_file, numbers, open_checked

VERSION = (2, 2)


def parse(path: str) -> Grid:
    """The unstructured grid or surface of one piece in the file."""
    with open_checked(path) as file:
        root = file.get("VTKHDF")
        if not isinstance(root, h5py.Group):
            raise InputError("it has no group VTKHDF")
        kind = root.attrs.get("Type", b"")
        kind = kind.decode() if isinstance(kind, bytes) else str(kind)
        if kind not in ("UnstructuredGrid", "PolyData"):
            raise InputError(f"it holds {kind or 'no type'}, expected UnstructuredGrid or PolyData")
        pieces = len(numbers(root, "NumberOfPoints"))
        if pieces != 1:
            raise InputError(f"it holds {pieces} pieces or time steps; write a single one")
        return _read(root, kind)


def _read(root: h5py.Group, kind: str) -> Grid:
    points = numbers(root, "Points")
    cells = root["Polygons"] if kind == "PolyData" else root
    nodes, offsets = numbers(cells, "Connectivity"), numbers(cells, "Offsets")
    if kind == "PolyData":
        kinds = np.full(len(offsets) - 1, TRIANGLE, np.uint8)
    else:
        kinds = numbers(root, "Types")
    return grid_from_cells(
        points,
        nodes,
        offsets,
        kinds,
        cell_fields=_fields(root, "CellData", len(kinds)),
        point_fields=_fields(root, "PointData", len(points)),
        notes=_notes(root),
    )


def _fields(root: h5py.Group, name: str, count: int) -> dict[str, np.ndarray]:
    arrays = {
        key: item[()] for key, item in root.get(name, {}).items() if item.dtype.kind in "fiub"
    }
    return {key: values for key, values in arrays.items() if numeric(values, count)}


def _notes(root: h5py.Group) -> dict[str, str]:
    notes = {}
    for name, item in root.get("FieldData", {}).items():
        if h5py.check_string_dtype(item.dtype) and item.size:
            notes[name] = str(np.atleast_1d(item.asstr()[()])[0])
    return notes


def write(grid: Grid, path: Path) -> None:
    """One unstructured grid, compressed, every chunk with its checksum."""
    with whole_file(path) as part, new_file(part) as file:
        put(file, grid)


def put(file: h5py.File, grid: Grid) -> h5py.Group:
    """The grid in an open file; returns VTK's group."""
    nodes, offsets, kinds = grid.cell_layout
    root = file.create_group("VTKHDF")
    root.attrs["Version"] = VERSION
    root.attrs.create("Type", b"UnstructuredGrid", dtype="S16")
    for name, count in (
        ("NumberOfPoints", len(grid.points)),
        ("NumberOfCells", len(kinds)),
        ("NumberOfConnectivityIds", len(nodes)),
    ):
        root[name] = np.array([count], np.int64)
    arrays = {"Points": grid.points, "Connectivity": nodes, "Offsets": offsets, "Types": kinds}
    arrays |= {f"PointData/{name}": values for name, values in grid.point_fields.items()}
    arrays |= {f"CellData/{name}": values for name, values in grid.cell_fields.items()}
    for name, values in arrays.items():
        root.create_dataset(name, data=values, **COMPRESSION)
    for name, text in grid.notes.items():
        # VTK's reader fails on UTF-8 strings; a record in JSON is ASCII anyway.
        kind = h5py.string_dtype("ascii")
        root.create_dataset(f"FieldData/{name}", data=[text], dtype=kind)
    return root
