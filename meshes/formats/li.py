"""The Li layout of a subject: a Cobiveco mesh ID_heart_cobiveco.vtu, or ID_xyz.csv with faces.

Lists of scar and border-zone nodes become the point fields scar_TYPE and border_zone_TYPE (1 on
the listed nodes), electrodes and the long axis named places. Node numbers count from 1.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np

from twin.meshes.errors import InputError
from twin.meshes.formats import vtk
from twin.meshes.formats.grid import Grid
from twin.meshes.formats.oxford import electrodes
from twin.meshes.formats.text import indices, table, zero_based
from twin.meshes.heart import Boundary

MESHES = ("_cobiveco_AHA17.vtu", "_heart_cobiveco.vtu")
FACES = {
    "_lvface.csv": Boundary.LV_ENDOCARDIUM,
    "_rvface.csv": Boundary.RV_ENDOCARDIUM,
    "_epiface.csv": Boundary.EPICARDIUM,
}
NODE_LISTS = {"_lvscarnodes_": "scar", "_lvborderzonenodes_": "border_zone"}


def parse(path: str) -> Grid:
    """The subject's mesh, or its three surfaces together, with everything that stands beside."""
    prefix = _prefix(Path(path))
    mesh = next((file for ending in MESHES if (file := _file(prefix, ending)).is_file()), None)
    grid = vtk.parse(str(mesh)) if mesh else _surfaces(prefix)
    fields = {**grid.point_fields, **_node_fields(prefix, len(grid.points))}
    return replace(grid, point_fields=fields, places=_places(prefix))


def _file(prefix: Path, ending: str) -> Path:
    return prefix.with_name(prefix.name + ending)


def _prefix(path: Path) -> Path:
    """The folder and the subject's id."""
    endings = (*MESHES, *FACES)
    files = [path] if path.is_file() else sorted(path.iterdir())
    found = {
        file.with_name(file.name[: -len(ending)])
        for file in files
        for ending in endings
        if file.name.endswith(ending)
    }
    if len(found) != 1:
        names = ", ".join(sorted(prefix.name for prefix in found)) or "none"
        raise InputError(f"there are {len(found)} subjects in this folder ({names}); name a file")
    return found.pop()


def _surfaces(prefix: Path) -> Grid:
    points_file = _file(prefix, "_xyz.csv")
    if not points_file.is_file():
        raise InputError(f"{points_file.name} is missing beside the faces of {prefix.name}")
    points = table(points_file, 3)
    triangles, labels = [], []
    for ending, label in FACES.items():
        path = _file(prefix, ending)
        if not path.is_file():
            raise InputError(f"{path.name} is missing beside the other faces of {prefix.name}")
        faces, remark = zero_based(indices(table(path, 3), path.name), len(points), path.name)
        triangles.append(faces)
        labels.append(np.full(len(faces), label, np.int8))
    return Grid(
        points,
        triangles=np.vstack(triangles),
        triangle_fields={"boundary": np.concatenate(labels)},
        remarks=(remark,),
    )


def _node_fields(prefix: Path, count: int) -> dict[str, np.ndarray]:
    fields = {}
    for mark, name in NODE_LISTS.items():
        for path in sorted(prefix.parent.glob(f"{prefix.name}{mark}*.csv")):
            nodes = indices(table(path).ravel(), path.name) - 1
            if nodes.min() < 0 or nodes.max() >= count:
                raise InputError(f"{path.name}: node numbers lie outside 1 to {count:,}")
            kind = path.stem.split(mark)[1]
            fields[f"{name}_{kind}"] = np.isin(np.arange(count), nodes).astype(np.int8)
    return fields


def _places(prefix: Path) -> dict[str, np.ndarray]:
    places: dict[str, np.ndarray] = {}
    axis = _file(prefix, "_BaseApexCoord.csv")
    if axis.is_file():
        rows = table(axis, 3)
        if len(rows) != 2:
            raise InputError(f"{axis.name} has {len(rows)} rows, expected the base and the apex")
        places |= {"base": rows[0], "apex": rows[1]}
    positions = _file(prefix, "_electrodePositions.csv")
    return places | (electrodes(positions) if positions.is_file() else {})
