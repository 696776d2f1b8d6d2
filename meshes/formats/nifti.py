"""Label maps in NIfTI files: the slices of a cine-MRI study with a number on each voxel."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import nibabel
import numpy as np
from jaxtyping import Float

from twin.meshes.cine.segmentation import Stack, reconstruct
from twin.meshes.cine.tetrahedra import mesh_wall, only_hearts
from twin.meshes.errors import InputError
from twin.meshes.formats import quarantine
from twin.meshes.meshing.wall import Grid
from twin.meshes.progress import Progress, silent
from twin.meshes.units import UNITS, find_axes
from twin.meshes.volume import Volume

LARGEST_IMAGE = 500_000_000
"""Bytes; a stack of cine slices unfolds to a few millions."""

SHEAR = 0.02
PARSE = "twin.meshes.formats.nifti:parse"
PARSE_IMAGE = "twin.meshes.formats.nifti:parse_image"


def make(
    path: str | Path,
    *,
    labels: Mapping[str, int] | str | None = None,
    voxel: tuple[float, float, float] | None = None,
    unit: str | None = None,
    axes: str | None = None,
    frame: int | None = None,
    align: bool = True,
    spacing: float | None = None,
    progress: Progress = silent,
) -> Volume:
    """The meshed wall of a label map.

    `labels` names the numbers: {"lv_cavity": 1, "myocardium": 2, "rv_cavity": 3} or
    "lv_cavity=1,myocardium=2,rv_cavity=3". `voxel` gives the voxels' sides in mm where the file
    does not know them. `frame` is counted from 0 in an image with time.
    """
    path = Path(path)
    stack = read_stack(path, voxel=voxel, unit=unit, axes=axes, frame=frame)
    with only_hearts():
        wall = reconstruct(stack, parse_labels(labels), align=align, progress=progress)
        volume = mesh_wall(wall, spacing, progress)
    return replace(
        volume, provenance={"origin": path.name, "format": "NIfTI labels", **volume.provenance}
    )


def parse_labels(labels: Mapping[str, int] | str | None) -> dict[str, int]:
    """The numbers by name, from what a person wrote on the command line."""
    if not labels:
        return {}
    if isinstance(labels, Mapping):
        return {str(name): int(number) for name, number in labels.items()}
    pairs = [part.partition("=") for part in labels.replace(" ", "").split(",")]
    try:
        return {name: int(number) for name, _, number in pairs}
    except ValueError:
        raise InputError(
            f"labels {labels!r}: expected name=number, as in lv_cavity=1,myocardium=2,rv_cavity=3"
        ) from None


def read_stack(
    path: str | Path,
    *,
    voxel: tuple[float, float, float] | None = None,
    unit: str | None = None,
    axes: str | None = None,
    frame: int | None = None,
) -> Stack:
    """The voxels with their places in mm, LPS."""
    labels, grid, remarks = _read(PARSE, path, voxel, unit, axes, frame)
    return Stack(labels, grid, remarks)


def read_image(
    path: str | Path,
    *,
    voxel: tuple[float, float, float] | None = None,
    unit: str | None = None,
    axes: str | None = None,
    frame: int | None = None,
) -> tuple[Float[np.ndarray, "i j k"], Grid, tuple[str, ...]]:
    """Intensities, the places of their voxels in mm, LPS, and how the file was understood."""
    return _read(PARSE_IMAGE, path, voxel, unit, axes, frame)


def _read(parser: str, path, voxel, unit, axes, frame):
    arrays = quarantine.run(parser, str(Path(path).resolve()), frame=frame)
    matrix = np.asarray(arrays["affine"], float)
    if unit is not None and unit not in UNITS:
        raise InputError(f"unit {unit!r} is not known; expected one of {', '.join(UNITS)}")
    matrix[:3] *= 1.0 if unit is None else UNITS[unit]
    signs, said = find_axes(axes, None if axes else "RAS")
    matrix[:3] *= signs[:, None]
    values = np.asarray(arrays["values"])
    grid = _grid(matrix, values.shape, voxel)
    remarks = [said.replace("the file says so", "NIfTI is RAS"), _say_voxels(grid, voxel)]
    if np.allclose(matrix[:3, :3], np.diag(signs)) and voxel is None:
        remarks.append("its voxels are unit cubes: it may not know its sizes; voxel= gives them")
    if (values == values[:, :, :1]).all():
        remarks.append("all slices are the same: is the third axis time, or is this a test image?")
    return values, grid, tuple(remarks)


def parse(path: str, frame: int | None = None) -> dict[str, np.ndarray]:
    """Whole-number labels and the affine."""
    values, affine = _load(path, frame)
    if not np.isfinite(values).all() or (values != np.round(values)).any():
        raise InputError("its voxels are not whole numbers: it is an image, not a label map")
    if np.abs(values).max() > np.iinfo(np.int16).max:
        raise InputError("its labels are beyond 32,767: it is an image, not a label map")
    return {"values": values.astype(np.int16), "affine": affine}


def parse_image(path: str, frame: int | None = None) -> dict[str, np.ndarray]:
    """Intensities and the affine."""
    values, affine = _load(path, frame)
    if values.dtype.kind not in "iuf" or not np.isfinite(values).all():
        raise InputError("its voxels are not all finite numbers")
    return {"values": values.astype(np.float32), "affine": affine}


def _load(path: str, frame: int | None) -> tuple[np.ndarray, np.ndarray]:
    """After a look at what the header promises."""
    image = nibabel.Nifti1Image.from_filename(path)
    shape = image.shape
    bytes_promised = int(np.prod([float(n) for n in shape])) * 8
    if bytes_promised > LARGEST_IMAGE or min(shape, default=0) < 1:
        raise InputError(
            f"its header promises {' x '.join(map(str, shape))} voxels, expected a stack of slices "
            f"under {LARGEST_IMAGE // 8:,} voxels"
        )
    values = np.asarray(image.dataobj)
    values = _one_frame(values.reshape(shape + (1,) * (3 - len(shape))), frame)
    return values, np.asarray(image.affine, float)


def _one_frame(values, frame):
    values = np.squeeze(values, axis=tuple(range(4, values.ndim))) if values.ndim > 4 else values
    if values.ndim == 3:
        return values
    count = values.shape[3]
    if count == 1:
        return values[..., 0]
    if frame is None or not 0 <= frame < count:
        raise InputError(f"it has {count} time frames, choose one of 0 to {count - 1} (frame=)")
    return values[..., frame]


def _grid(matrix, shape, voxel):
    columns = matrix[:3, :3].T
    size = np.linalg.norm(columns, axis=1)
    if not np.isfinite(matrix).all() or (size < 1e-3).any() or (size > 100).any():
        raise InputError(f"its voxels measure {size} mm, expected 0.001 to 100")
    axes = columns / size[:, None]
    if np.abs(axes @ axes.T - np.eye(3)).max() > SHEAR:
        raise InputError("its axes are not at right angles to each other; resample the image")
    spacing = size if voxel is None else np.asarray(voxel, float)
    if spacing.shape != (3,) or not ((spacing > 0) & np.isfinite(spacing)).all():
        raise InputError(f"voxel {voxel}: expected three sizes in mm")
    return Grid(matrix[:3, 3].copy(), axes, spacing, tuple(shape))


def _say_voxels(grid, voxel):
    size = " x ".join(f"{side:.3g}" for side in grid.spacing)
    return f"voxels of {size} mm, {'as told' if voxel is not None else 'from the header'}"
