"""ParaView's collections: a .pvd that names other VTK files, one or one for each time."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from xml.sax.saxutils import quoteattr

import numpy as np
from jaxtyping import Float

from twin.meshes.errors import InputError
from twin.meshes.files import whole_file
from twin.meshes.formats import vtk
from twin.meshes.formats.grid import Grid
from twin.meshes.formats.markup import beside, read_root

COLLECTION = """<?xml version="1.0"?>
<VTKFile type="Collection" version="0.1" byte_order="LittleEndian">
  <Collection>
{files}
  </Collection>
</VTKFile>
"""


def parse(path: str) -> Grid:
    """The first .vtu or .vtp that the collection names."""
    names = [item.get("file", "") for item in read_root(path).iter("DataSet")]
    if not names:
        raise InputError("the collection names no data set")
    target = beside(path, names[0])
    if target.suffix.lower() not in (".vtu", ".vtp"):
        raise InputError(f"it refers to {names[0][:100]}, expected a .vtu or .vtp")
    grid = vtk.parse(str(target))
    if len(names) == 1:
        return grid
    remark = f"the first of {len(names):,} data sets taken: {names[0]}"
    return Grid(**{**vars(grid), "remarks": (*grid.remarks, remark)})


def write(grid: Grid, path: Path) -> None:
    """`NAME.pvd` beside a folder `NAME` that holds the .vtu."""
    data = path.with_suffix("") / f"{path.stem}_0.vtu"
    vtk.write(grid, data)
    collect(path, [(0.0, f"{path.stem}/{data.name}")])


def write_frames(
    grid: Grid,
    path: Path,
    name: str,
    states: Iterable[tuple[float, Float[np.ndarray, " points"]]],
) -> None:
    """`NAME.pvd` beside a folder `NAME` of a .vtp for each time (ms) and state of the point field
    `name`."""
    files = []
    for number, (time, state) in enumerate(states):
        data = path.with_suffix("") / f"{path.stem}_{number:05d}.vtp"
        fields = {name: np.asarray(state, np.float32)}
        vtk.write(replace(grid, point_fields=fields), data)
        files.append((time, f"{path.stem}/{data.name}"))
    collect(path, files)


def collect(path: Path, files: Iterable[tuple[float, str]]) -> None:
    """The collection itself: times and names of files beside it."""
    lines = [
        f'    <DataSet timestep="{time:g}" part="0" file={quoteattr(name)}/>'
        for time, name in files
    ]
    with whole_file(path) as part:
        part.write_text(COLLECTION.format(files="\n".join(lines)))
