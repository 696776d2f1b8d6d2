"""Three surfaces that together close one wall: epicardium, left and right endocardium (biv-me)."""

from pathlib import Path

import numpy as np

from twin.meshes.errors import InputError
from twin.meshes.formats import vtk
from twin.meshes.formats.grid import Grid, merge_coincident

PARTS = ("EPICARDIAL", "LV_ENDOCARDIAL", "RV_ENDOCARDIAL")


def parse(path: str, frame: int | None = None) -> Grid:
    """The three files that `path` is one of, or the only three in that folder, as one surface.

    Their walls meet at the valves, where nothing tells the base: it is found by shape later.
    """
    given = Path(path)
    epicardium = _epicardium_in(given, frame) if given.is_dir() else _epicardium_of(given)
    points: list[np.ndarray] = []
    triangles: list[np.ndarray] = []
    count = 0
    for part in PARTS:
        file = epicardium.with_name(epicardium.name.replace(PARTS[0], part))
        if not file.is_file():
            raise InputError(f"{file.name} is missing beside {given.name}")
        grid = vtk.parse(str(file))
        points.append(grid.points)
        triangles.append(grid.triangles + count)
        count += len(grid.points)
    remark = f"three surfaces taken together: {epicardium.stem.replace(PARTS[0], '*')}"
    return merge_coincident(
        Grid(np.vstack(points), triangles=np.vstack(triangles), remarks=(remark,))
    )


def _epicardium_of(path: Path) -> Path:
    for part in PARTS[::-1]:
        if part in path.name:
            return path.with_name(path.name.replace(part, PARTS[0]))
    raise InputError(f"its name has none of {', '.join(PARTS)}")


def _epicardium_in(folder: Path, frame: int | None) -> Path:
    found = sorted(folder.glob(f"*_{PARTS[0]}*.vtk"))
    if frame is not None:
        found = [file for file in found if file.stem.endswith(f"_{frame:03d}")]
    if len(found) != 1:
        names = ", ".join(file.name for file in found[:5]) or "none"
        raise InputError(
            f"expected one epicardium, found {len(found)} ({names}); name one, or frame"
        )
    return found[0]
