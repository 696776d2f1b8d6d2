"""VTK's own files (.vtu, .vtp, .vtk) and the surfaces VTK reads (.ply, .obj), by pyvista.

A heart's .vtu holds the tetrahedra first and then the boundary triangles, in one unstructured
grid that ParaView opens as it is.
"""

import mmap
import re
from pathlib import Path

import numpy as np
import pyvista
from vtkmodules.vtkIOLegacy import vtkPolyDataWriter
from vtkmodules.vtkIOXML import vtkXMLPolyDataWriter, vtkXMLUnstructuredGridWriter

from twin.meshes.errors import InputError
from twin.meshes.files import whole_file
from twin.meshes.formats.grid import (
    TETRAHEDRON,
    TRIANGLE,
    Grid,
    grid_from_cells,
    merge_coincident,
    numeric,
)
from twin.meshes.formats.markup import refuse_entities
from twin.meshes.formats.text import stated_space

BEGINNINGS = {
    ".vtu": rb"\s*<",
    ".vtp": rb"\s*<",
    ".vtk": rb"# vtk DataFile",
    ".ply": rb"ply\s",
    ".obj": rb"\s*(#|([vogfsl]|vn|vt|vp|mtllib|usemtl)\b)",
}
"""What an honest file of each kind starts with."""

READERS = {
    ".vtu": pyvista.XMLUnstructuredGridReader,
    ".vtp": pyvista.XMLPolyDataReader,
    ".vtk": pyvista.VTKDataSetReader,
    ".ply": pyvista.PLYReader,
    ".obj": pyvista.OBJReader,
}

COUNTS = re.compile(
    rb'(?:NumberOf\w+="|^(?:POINTS|CELLS|CELL_TYPES|POLYGONS|CELL_DATA|POINT_DATA) +'
    rb"|^element +\w+ +)(-?\d+)",
    re.MULTILINE,
)
SOURCE = re.compile(r"ERROR: In \S+, line \d+|\w+ \(0x\w+\):?")
"""Where in VTK an error arose, which is nothing to our reader."""

DENSEST = 100
"""Rows that a byte of a file can hold at most: zlib packs 1000 zeros, a row has a dozen bytes."""


def parse(path: str) -> Grid:
    """The mesh in a .vtu, .vtp, .vtk, .ply or .obj."""
    ending = Path(path).suffix.lower()
    notes = _examine(Path(path), ending)
    try:
        with pyvista.VtkErrorCatcher(send_to_logging=False) as catcher:
            mesh = READERS[ending](path).read()
        complaints = [str(event.alert) for event in catcher.error_events]
    except RuntimeError as error:
        complaints = [str(error)]
    if complaints:
        complaint = " ".join(SOURCE.sub("", complaints[0]).split())[:160]
        raise InputError(f"VTK could not read it whole: {complaint}")
    if isinstance(mesh, pyvista.PolyData):
        mesh = _triangles_only(mesh)
    if not isinstance(mesh, pyvista.UnstructuredGrid):
        raise InputError(
            f"it holds {type(mesh).__name__}, expected an unstructured grid or a surface"
        )
    grid = _grid(mesh, notes)
    return merge_coincident(grid) if ending in (".ply", ".obj") else grid


def _examine(path: Path, ending: str) -> dict[str, str]:
    """Refuse what is not of this kind, or declares more than it can hold, before VTK sees it.

    What the first lines say of the axes comes back as a note.
    """
    size = path.stat().st_size
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        if not re.match(BEGINNINGS[ending], content):
            raise InputError(f"it does not start like a {ending} file; is the ending right?")
        if ending in (".vtu", ".vtp"):
            refuse_entities(content)
        for count in COUNTS.findall(content):
            if not 0 <= int(count) <= DENSEST * size:
                raise InputError(f"it declares a count of {int(count):,} but has {size:,} bytes")
        return stated_space(content)


def _triangles_only(surface: pyvista.PolyData) -> pyvista.UnstructuredGrid:
    faces = pyvista.PolyData(surface.points, faces=surface.GetPolys())
    faces.point_data.update(surface.point_data)
    other = surface.n_verts + surface.n_lines
    for name, values in surface.cell_data.items():
        if surface.n_strips == 0:
            faces.cell_data[name] = values[other:]
    for name in surface.field_data:
        faces.field_data[name] = surface.field_data[name]
    return faces.triangulate().cast_to_unstructured_grid()


def _grid(mesh: pyvista.UnstructuredGrid, notes: dict[str, str]) -> Grid:
    notes |= {
        name: str(values[0])
        for name, values in mesh.field_data.items()
        if values.dtype.kind in "US" and len(values)
    }
    nodal = _numeric_fields(mesh.point_data, mesh.n_points)
    if mesh.n_cells == 0:
        return Grid(np.asarray(mesh.points), point_fields=nodal, notes=notes)
    return grid_from_cells(
        np.asarray(mesh.points),
        np.asarray(mesh.cell_connectivity),
        pyvista.convert_array(mesh.GetCells().GetOffsetsArray()),
        np.asarray(mesh.celltypes),
        cell_fields=_numeric_fields(mesh.cell_data, mesh.n_cells),
        point_fields=nodal,
        notes=notes,
    )


def _numeric_fields(data, count: int) -> dict[str, np.ndarray]:
    arrays = {name: np.asarray(values) for name, values in data.items()}
    return {name: values for name, values in arrays.items() if numeric(values, count)}


def write(grid: Grid, path: Path) -> None:
    """A .vtu of everything, or a .vtp of the boundary with its labels and nodal fields."""
    mesh = _surface_mesh(grid) if path.suffix.lower() == ".vtp" else _volume_mesh(grid)
    for name, text in grid.notes.items():
        mesh.field_data[name] = [text]
    text = _as_text(mesh)
    with whole_file(path) as part:
        part.write_text(text, encoding="utf-8")


def _as_text(mesh: pyvista.DataSet) -> str:
    """What VTK would write. Where the disk is full VTK ends the whole process, so it is not let
    near one."""
    surface = isinstance(mesh, pyvista.PolyData)
    writer = vtkXMLPolyDataWriter() if surface else vtkXMLUnstructuredGridWriter()
    writer.SetInputData(mesh)
    writer.SetDataModeToBinary()
    # Numbers in double precision pack no better with more effort.
    writer.SetCompressionLevel(1)
    writer.SetWriteToOutputString(True)
    writer.Write()
    return writer.GetOutputString()


def write_legacy(grid: Grid, path: Path) -> None:
    """The surface as a legacy .vtk, binary, so that no digit is lost."""
    mesh = _surface_mesh(grid)
    for name, text in grid.notes.items():
        mesh.field_data[name] = [text]
    writer = vtkPolyDataWriter()
    writer.SetInputData(mesh)
    writer.SetFileTypeToBinary()
    writer.SetWriteToOutputString(True)
    writer.Write()
    content = writer.GetOutputStdString()
    with whole_file(path) as part:
        part.write_bytes(content if isinstance(content, bytes) else content.encode())


def _volume_mesh(grid: Grid) -> pyvista.UnstructuredGrid:
    cells = {TETRAHEDRON: grid.tetrahedra, TRIANGLE: grid.triangles}
    mesh = pyvista.UnstructuredGrid(cells, grid.points)
    mesh.point_data.update(dict(grid.point_fields))
    mesh.cell_data.update(grid.cell_fields)
    return mesh


def _surface_mesh(grid: Grid) -> pyvista.PolyData:
    nodes, triangles = np.unique(grid.triangles, return_inverse=True)
    faces = triangles.reshape(-1, 3).astype(int)
    mesh = pyvista.PolyData.from_regular_faces(grid.points[nodes], faces)
    mesh.point_data.update({name: values[nodes] for name, values in grid.point_fields.items()})
    mesh.cell_data.update(dict(grid.triangle_fields))
    return mesh
