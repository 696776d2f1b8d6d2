"""Fields that change over time on one mesh, as one VTKHDF file that ParaView plays."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import h5py
import numpy as np
from jaxtyping import Float

from twin.meshes.errors import InputError
from twin.meshes.files import whole_file
from twin.meshes.formats.grid import Grid
from twin.meshes.formats.hdf5 import COMPRESSION, new_file
from twin.meshes.formats.vtkhdf import put

MESH_OFFSETS = ("PointOffsets", "CellOffsets", "ConnectivityIdOffsets")


def write_series(
    grid: Grid,
    path: str | Path,
    name: str,
    times: Sequence[float] | Float[np.ndarray, " times"],
    states: Iterable[Float[np.ndarray, " points"]],
) -> None:
    """The point field `name`, one state for each of `times` (ms), in single precision.

    The mesh and the grid's own fields are stored once. States are taken one at a time and written
    at once, so that memory does not grow with their number.
    """
    times = np.asarray(times, float)
    with whole_file(path) as part, new_file(part) as file:
        root = put(file, grid)
        points = len(grid.points)
        field = root.create_dataset(
            f"PointData/{name}", (len(times) * points,), np.float32, chunks=(points,), **COMPRESSION
        )
        for step, state in zip(range(len(times)), states, strict=True):
            field[step * points : (step + 1) * points] = state
        _put_steps(root, times, {name: points * np.arange(len(times))})


def read_series(
    path: str | Path, name: str
) -> tuple[Float[np.ndarray, " times"], Float[np.ndarray, "times points"]]:
    """Times (ms) and states of the point field `name`, as `write_series` wrote them."""
    try:
        with h5py.File(path) as file:
            root = file["VTKHDF"]
            times = np.asarray(root["Steps/Values"], float)
            values = root[f"PointData/{name}"][()]
    except (OSError, KeyError) as error:
        raise InputError(f"{path}: no point field '{name}' over time in it ({error})") from None
    if len(times) == 0 or len(values) % len(times):
        raise InputError(f"{path}: {len(values):,} values of '{name}' for {len(times):,} times")
    return times, values.reshape(len(times), -1)


def _put_steps(root: h5py.Group, times: np.ndarray, moving: dict[str, np.ndarray]) -> None:
    """Where each step's values begin; everything but what is `moving` is the same in all."""
    steps = root.create_group("Steps")
    steps.attrs["NSteps"] = len(times)
    steps["Values"] = times
    still = np.zeros(len(times), np.int64)
    steps["PartOffsets"] = still
    steps["NumberOfParts"] = still + 1
    for offsets in MESH_OFFSETS:
        steps[offsets] = still[:, None]
    for data in ("PointData", "CellData", "FieldData"):
        for name in root.get(data, {}):
            steps[f"{data}Offsets/{name}"] = moving.get(name, still)
    for name in root.get("FieldData", {}):
        steps[f"FieldDataSizes/{name}"] = np.tile([1, 1], (len(times), 1))
