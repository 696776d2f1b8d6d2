"""Three surfaces that together close one wall: epicardium, left and right endocardium (biv-me)."""

from pathlib import Path

import numpy as np

from twin.meshes.errors import InputError
from twin.meshes.formats import vtk
from twin.meshes.formats.grid import Grid
from twin.meshes.heart import Boundary

EPICARDIUM = "EPICARDIAL"
PARTS = {
    EPICARDIUM: Boundary.EPICARDIUM,
    "LV_ENDOCARDIAL": Boundary.LV_ENDOCARDIUM,
    "RV_ENDOCARDIAL": Boundary.RV_ENDOCARDIUM,
}
"""What the names of the files say, and the wall that each of them is."""


def parse(path: str, frame: int | None = None) -> Grid:
    """The three files that `path` is one of, or the only three in that folder, wall by wall."""
    given = Path(path)
    epicardium = _epicardium_in(given, frame) if given.is_dir() else _epicardium_of(given)
    points: list[np.ndarray] = []
    triangles: list[np.ndarray] = []
    labels: list[np.ndarray] = []
    count = 0
    for part, label in PARTS.items():
        file = epicardium.with_name(epicardium.name.replace(EPICARDIUM, part))
        if not file.is_file():
            raise InputError(f"{file.name} is missing beside {given.name}")
        grid = vtk.parse(str(file))
        points.append(grid.points)
        triangles.append(grid.triangles + count)
        labels.append(np.full(len(grid.triangles), label, np.int8))
        count += len(grid.points)
    return Grid(
        np.vstack(points),
        triangles=np.vstack(triangles),
        triangle_fields={"boundary": np.concatenate(labels)},
        remarks=(f"three surfaces taken together: {epicardium.stem.replace(EPICARDIUM, '*')}",),
    )


def _epicardium_of(path: Path) -> Path:
    for part in PARTS:
        if part in path.name:
            return path.with_name(path.name.replace(part, EPICARDIUM))
    raise InputError(f"its name has none of {', '.join(PARTS)}")


def _epicardium_in(folder: Path, frame: int | None) -> Path:
    found = sorted(folder.glob(f"*_{EPICARDIUM}*.vtk"))
    if frame is not None:
        found = [file for file in found if file.stem.endswith(f"_{frame:03d}")]
    if len(found) != 1:
        names = ", ".join(file.name for file in found[:5]) or "none"
        raise InputError(
            f"expected one epicardium, found {len(found)} ({names}); name one, or frame"
        )
    return found[0]
