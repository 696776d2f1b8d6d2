"""Gmsh .msh, Medit .mesh and Abaqus .inp, by meshio."""

from pathlib import Path

import meshio
import numpy as np

from twin.meshes.errors import InputError
from twin.meshes.formats.grid import Grid, numeric
from twin.meshes.formats.labels import label_named

LOWER_CELLS = ("vertex", "line")
BEGINNINGS = {".msh": (b"$",), ".mesh": (b"MeshVersionFormatted", b"#"), ".inp": (b"*",)}
FORMATS = {".msh": "gmsh", ".mesh": "medit", ".inp": "abaqus"}
NAMES = {"tetra": "tetrahedra", "triangle": "triangles"}
CORNERS = {"tetra": 4, "triangle": 3}


def parse(path: str) -> Grid:
    """Tetrahedra and triangles; a named group of triangles gives its boundary label."""
    ending = Path(path).suffix.lower()
    with open(path, "rb") as file:
        if not file.read(200).lstrip().startswith(BEGINNINGS[ending]):
            raise InputError(f"it does not start like a {ending} file; is the ending right?")
    mesh = meshio.read(path, file_format=FORMATS[ending])
    kinds = [block.type for block in mesh.cells]
    wrong = sorted(set(kinds) - set(NAMES) - set(LOWER_CELLS))
    if wrong:
        raise InputError(f"it holds {', '.join(wrong)} cells; convert them to linear tetrahedra")
    parts = {kind: _block(mesh, kind) for kind in NAMES}
    faces = dict(parts["triangle"][1])
    if (labels := _named_boundary(mesh, faces.get("gmsh:physical"))) is not None:
        faces["boundary"] = labels
    lower = sum(len(block.data) for block in mesh.cells if block.type in LOWER_CELLS)
    return Grid(
        np.asarray(mesh.points, float),
        parts["tetra"][0],
        parts["triangle"][0],
        point_fields=_fields(mesh.point_data, len(mesh.points)),
        tetrahedron_fields=parts["tetra"][1],
        triangle_fields=faces,
        remarks=(f"{lower:,} vertices and lines left out",) if lower else (),
    )


def _block(mesh: meshio.Mesh, kind: str) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """All cells of one kind and their fields, from however many blocks."""
    chosen = [number for number, block in enumerate(mesh.cells) if block.type == kind]
    cells = [np.asarray(mesh.cells[number].data, np.int64) for number in chosen]
    fields = {
        name: np.concatenate([np.asarray(values[number]) for number in chosen])
        for name, values in mesh.cell_data.items()
        if chosen
    }
    joined = np.concatenate([np.zeros((0, CORNERS[kind]), np.int64), *cells])
    return joined, _fields(fields, len(joined))


def _fields(data, count: int) -> dict[str, np.ndarray]:
    arrays = {name: np.asarray(values) for name, values in data.items()}
    return {name: values for name, values in arrays.items() if numeric(values, count)}


def _named_boundary(mesh: meshio.Mesh, groups: np.ndarray | None) -> np.ndarray | None:
    """Labels from Gmsh's physical names, where they name parts of a heart."""
    meaning = {int(data[0]): label_named(name) for name, data in mesh.field_data.items()}
    if groups is None or not any(meaning.values()):
        return None
    return np.array([meaning.get(int(group), 0) for group in groups], np.int8)
