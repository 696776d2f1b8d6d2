"""XDMF: a description in XML, the arrays in an HDF5 file beside it (https://www.xdmf.org)."""

from pathlib import Path
from xml.etree import ElementTree

import numpy as np

from twin.meshes.errors import InputError
from twin.meshes.files import whole_file
from twin.meshes.formats.grid import TETRAHEDRON, TRIANGLE, Grid, grid_from_cells, numeric
from twin.meshes.formats.hdf5 import COMPRESSION, new_file, numbers, open_checked
from twin.meshes.formats.markup import beside, read_root

MIXED = {6: (TETRAHEDRON, 4), 4: (TRIANGLE, 3)}
"""XDMF's own cell numbers in a mixed topology: VTK's number, and how many nodes follow."""

KINDS = {"float": "f", "int": "i", "uint": "u", "char": "i", "uchar": "u"}
CENTRES = {"Node": "point_fields", "Cell": "cell_fields"}


def parse(path: str) -> Grid:
    """The first grid of the file that has points and cells."""
    root = read_root(path)
    grids = [grid for grid in root.iter("Grid") if grid.find("Topology") is not None]
    if not grids or grids[0].find("Geometry") is None:
        raise InputError("it holds no grid with a topology and a geometry")
    points = _item(path, grids[0].find("Geometry")).reshape(-1, 3)
    nodes, offsets, kinds = _cells(path, grids[0].find("Topology"))
    fields: dict[str, dict] = {"Node": {}, "Cell": {}}
    for attribute in grids[0].iter("Attribute"):
        centre, count = attribute.get("Center", "Node"), len(points)
        if centre == "Cell":
            count = len(kinds)
        if centre in fields and numeric(values := _item(path, attribute), count):
            fields[centre][attribute.get("Name", "")] = values
    notes = {item.get("Name", ""): item.get("Value", "") for item in grids[0].iter("Information")}
    more = len(grids) - 1
    remarks = (f"the first of {more + 1:,} grids taken",) if more else ()
    return grid_from_cells(
        points,
        nodes,
        offsets,
        kinds,
        cell_fields=fields["Cell"],
        point_fields=fields["Node"],
        notes=notes,
        remarks=remarks,
    )


def _item(path: str, parent: ElementTree.Element | None) -> np.ndarray:
    item = None if parent is None else parent.find("DataItem")
    if item is None:
        raise InputError("an array of it has no DataItem")
    text, kind = item.text or "", item.get("Format", "XML")
    shape = tuple(int(size) for size in item.get("Dimensions", "").split())
    if kind == "HDF":
        file, _, name = text.strip().partition(":")
        with open_checked(beside(path, file)) as stored:
            values = numbers(stored, name)
    elif kind == "XML":
        number = KINDS[item.get("NumberType", item.get("DataType", "Float")).lower()]
        values = np.array(text.split(), dtype=f"{number}{int(item.get('Precision', 4))}")
    else:
        raise InputError(f"an array of it is kept as {kind}, expected HDF or XML")
    if np.prod(shape) != values.size:
        raise InputError(f"an array of it has {values.size:,} numbers, declared are {shape}")
    values = values.reshape(shape)
    return values[:, 0] if values.ndim == 2 and shape[1] == 1 else values


def _cells(path: str, topology: ElementTree.Element | None):
    assert topology is not None
    kind = topology.get("TopologyType", topology.get("Type", "")).lower()
    nodes = _item(path, topology).astype(np.int64)
    if kind == "mixed":
        return _mixed(nodes.ravel())
    corners = {"tetrahedron": (TETRAHEDRON, 4), "triangle": (TRIANGLE, 3)}.get(kind)
    if corners is None:
        raise InputError(
            f"its cells are {kind[:30] or 'not named'}; expected tetrahedra or triangles"
        )
    count = nodes.size // corners[1]
    return nodes.ravel(), np.arange(count + 1) * corners[1], np.full(count, corners[0], np.uint8)


def _mixed(stream: np.ndarray):
    """Cells one after another, each led by its number; runs of one kind are taken at once."""
    nodes, sizes, kinds = [], [], []
    start = 0
    while start < len(stream):
        if int(stream[start]) not in MIXED:
            raise InputError(f"cell type {stream[start]} is neither tetrahedron nor triangle")
        kind, corners = MIXED[int(stream[start])]
        cells = stream[start : start + (len(stream) - start) // (corners + 1) * (corners + 1)]
        cells = cells.reshape(-1, corners + 1)
        other = np.flatnonzero(cells[:, 0] != stream[start])
        cells = cells[: other[0]] if len(other) else cells
        if len(cells) == 0:
            raise InputError("the list of cells ends within a cell")
        nodes.append(cells[:, 1:].ravel())
        sizes.append(np.full(len(cells), corners))
        kinds.append(np.full(len(cells), kind, np.uint8))
        start += cells.size
    offsets = np.concatenate([[0], np.cumsum(np.concatenate(sizes))])
    return np.concatenate(nodes), offsets, np.concatenate(kinds)


def write(grid: Grid, path: Path) -> None:
    """`NAME.xdmf` and `NAME.h5`."""
    data = path.with_suffix(".h5")
    tree = ElementTree.Element("Xdmf", Version="3.0")
    mesh = ElementTree.SubElement(ElementTree.SubElement(tree, "Domain"), "Grid", Name="heart")
    for name, text in grid.notes.items():
        ElementTree.SubElement(mesh, "Information", Name=name, Value=text)
    stream = np.concatenate(
        [
            np.insert(grid.tetrahedra, 0, 6, axis=1).ravel(),
            np.insert(grid.triangles, 0, 4, axis=1).ravel(),
        ]
    )
    count = len(grid.tetrahedra) + len(grid.triangles)
    with whole_file(data) as part, new_file(part) as file:

        def add(name: str, values: np.ndarray, kind: str, **attributes: str) -> None:
            stored = values.astype(np.int8) if values.dtype == bool else values
            file.create_dataset(name, data=stored, **COMPRESSION)
            parent = ElementTree.SubElement(mesh, kind, attributes)
            _describe(parent, stored, f"{data.name}:/{name}")

        add("points", grid.points, "Geometry", GeometryType="XYZ")
        add("cells", stream, "Topology", TopologyType="Mixed", NumberOfElements=str(count))
        for centre, fields in (("Node", grid.point_fields), ("Cell", grid.cell_fields)):
            for name, values in fields.items():
                kind = "Vector" if values.ndim == 2 else "Scalar"
                place = f"{centre.lower()}/{name}"
                add(place, values, "Attribute", Name=name, Center=centre, AttributeType=kind)
    ElementTree.indent(tree)
    with whole_file(path) as part:
        ElementTree.ElementTree(tree).write(part, encoding="utf-8", xml_declaration=True)


def _describe(parent: ElementTree.Element, values: np.ndarray, place: str) -> None:
    names = {"f": "Float", "i": "Char" if values.itemsize == 1 else "Int", "u": "UInt"}
    item = ElementTree.SubElement(
        parent,
        "DataItem",
        Format="HDF",
        Dimensions=" ".join(map(str, values.shape)),
        NumberType=names[values.dtype.kind],
        Precision=str(values.itemsize),
    )
    item.text = place
