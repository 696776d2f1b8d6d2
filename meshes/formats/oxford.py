"""The Oxford layout of a subject: tables NAME_xyz.csv, NAME_tetra.csv and fields beside them.

NAME is SUBJECT_RESOLUTION, as in geometric_data/S/S_coarse/S_coarse_xyz.csv; the electrodes are in
geometric_data/S/S_electrode_xyz.csv, in the frame and unit of the mesh.
"""

from pathlib import Path

import numpy as np

from twin.meshes.errors import InputError
from twin.meshes.formats.grid import Grid
from twin.meshes.formats.text import indices, table, zero_based
from twin.meshes.heart import Boundary
from twin.meshes.topology import boundary_triangles

ELECTRODES = ("LA", "RA", "LL", "RL", "V1", "V2", "V3", "V4", "V5", "V6")
"""The order of the rows of an electrode table."""

AXES = ("fibre", "sheet", "normal")
ON_VALVES = -1
ENDOCARDIA = {"lvendo": Boundary.LV_ENDOCARDIUM, "rvendo": Boundary.RV_ENDOCARDIUM}
ELECTRODE_TABLE = "_electrode_xyz.csv"


def parse(path: str) -> Grid:
    """The subject's mesh with all its fields; `path` is one of its files or a folder above."""
    prefix = _prefix(Path(path))
    points = table(_part(prefix, "_xyz.csv"), 3)
    tetra_file = _part(prefix, "_tetra.csv")
    tetrahedra, remark = zero_based(
        indices(table(tetra_file, 4), tetra_file.name), len(points), tetra_file.name
    )
    base = 0 if remark.endswith("0") else 1
    nodal, elements = _fields(prefix, len(points), len(tetrahedra))
    nodes = _node_lists(prefix, base, len(points))
    triangles, labels = _labelled(tetrahedra, nodes, nodal.get("ab_cut"))
    return Grid(
        points,
        tetrahedra,
        triangles,
        point_fields=nodal,
        tetrahedron_fields=elements,
        triangle_fields={"boundary": labels} if labels.any() else {},
        places=_electrodes(prefix),
        remarks=(remark,),
    )


def _prefix(path: Path) -> Path:
    """The path of the subject's files without what follows NAME."""
    if path.is_file():
        for mark in ("_xyz.csv", "_tetra.csv", "_nodefield_", "_boundarynodefield_"):
            if mark in path.name and not path.name.endswith(ELECTRODE_TABLE):
                return path.with_name(path.name.split(mark)[0])
        raise InputError("it is not the table of points, tetrahedra or a field of a subject")
    found = sorted(
        file.with_name(file.name.removesuffix("_xyz.csv"))
        for level in range(4)
        for file in path.glob("*/" * level + "*_xyz.csv")
        if not file.name.endswith(ELECTRODE_TABLE)
    )
    if len(found) == 1:
        return found[0]
    if not found:
        raise InputError("there is no table of points, NAME_xyz.csv, in this folder")
    names = ", ".join(prefix.name for prefix in found[:5])
    raise InputError(f"there are {len(found)} meshes in this folder ({names}); name one's _xyz.csv")


def _part(prefix: Path, ending: str) -> Path:
    path = prefix.with_name(prefix.name + ending)
    if not path.is_file():
        raise InputError(f"{path.name} is missing beside the other tables of {prefix.name}")
    return path


def _fields(prefix: Path, points: int, tetrahedra: int):
    """Fields of one number a point, and axes of three numbers a point or a tetrahedron."""
    nodal: dict[str, np.ndarray] = {}
    elements: dict[str, np.ndarray] = {}
    for path in sorted(prefix.parent.glob(f"{prefix.name}_nodefield_*.csv")):
        name = path.stem.split("_nodefield_")[1].replace("fiber", "fibre")
        values = table(path, 3 if name in AXES else 1)
        values = values if name in AXES else values[:, 0]
        if len(values) == points:
            nodal[name] = values
        elif len(values) == tetrahedra:
            elements[name] = values
        else:
            raise InputError(
                f"{path.name} has {len(values):,} rows for {points:,} points and "
                f"{tetrahedra:,} tetrahedra"
            )
    return nodal, elements


def _node_lists(prefix: Path, base: int, count: int) -> dict[Boundary, np.ndarray]:
    lists = {}
    for name, label in ENDOCARDIA.items():
        path = prefix.with_name(f"{prefix.name}_boundarynodefield_{name}.csv")
        if path.is_file():
            nodes = indices(table(path).ravel(), path.name) - base
            if nodes.min() < 0 or nodes.max() >= count:
                raise InputError(f"{path.name} names points that do not exist")
            lists[label] = nodes
    return lists


def _labelled(
    tetrahedra: np.ndarray, nodes: dict[Boundary, np.ndarray], ab_cut: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    """Boundary triangles whose corners are all listed, or all on a valve; 0 for the others.

    What is neither endocardium nor valve is epicardium, but only where all the others are known.
    """
    triangles = boundary_triangles(tetrahedra)
    labels = np.zeros(len(triangles), np.int8)
    if ab_cut is not None:
        labels[(ab_cut[triangles] == ON_VALVES).all(axis=1)] = Boundary.BASE
    for label, listed in nodes.items():
        labels[np.isin(triangles, listed).all(axis=1) & (labels == 0)] = label
    if set(labels[labels != 0]) == {Boundary.BASE, *ENDOCARDIA.values()}:
        labels[labels == 0] = Boundary.EPICARDIUM
    return triangles, labels


def _electrodes(prefix: Path) -> dict[str, np.ndarray]:
    """The subject's electrodes, from its own folder or the one above."""
    for folder in (prefix.parent, prefix.parent.parent):
        found = sorted(folder.glob(f"*{ELECTRODE_TABLE}"))
        if len(found) == 1:
            return electrodes(found[0])
    return {}


def electrodes(path: Path) -> dict[str, np.ndarray]:
    """The ten places of an electrode table, under the names by which `Grid.places` knows them."""
    rows = table(path, 3)
    if len(rows) != len(ELECTRODES):
        raise InputError(f"{path.name} has {len(rows)} rows, expected {', '.join(ELECTRODES)}")
    return {f"electrode {name}": row for name, row in zip(ELECTRODES, rows, strict=True)}
