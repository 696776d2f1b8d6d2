"""CARP and openCARP meshes: .pts, .elem, .lon as text, .bpts, .belem, .blon in binary, .surf, .dat.

Text files start with a count. Binary ones start with 1024 bytes of text: the counts, then 0 for
little or 1 for big endian, then a checksum that nobody checks. Points are in um.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from twin.meshes.errors import InputError
from twin.meshes.files import whole_file
from twin.meshes.formats.grid import Grid
from twin.meshes.formats.labels import SHORT_NAMES, label_named
from twin.meshes.formats.text import indices, rows, table

HEADER = 1024
BINARY_TETRAHEDRON, BINARY_TRIANGLE = 0, 6
MICROMETRES = 1000.0
LEFT_TAG, RIGHT_TAG = 1, 2


def parse(path: str) -> Grid:
    """The mesh that `path` is a part of, or the only one in the folder; text before binary."""
    prefix = _prefix(Path(path))
    points = _points(prefix)
    tetrahedra, tags, triangles = _elements(prefix)
    tri_tags, triangles = triangles[:, 3], triangles[:, :3]
    fields, tri_fields = _axes(prefix, len(tetrahedra), len(triangles))
    fields, tri_fields = {"tag": tags} | fields, {"tag": tri_tags} | tri_fields
    surfaces = {file: label_named(_part_name(prefix, file)) for file in _parts(prefix, ".surf")}
    faces = [(_surface(file), label) for file, label in surfaces.items() if label]
    if faces:
        triangles = np.vstack([part for part, _ in faces])
    labels = [np.full(len(part), label, np.int8) for part, label in faces]
    return Grid(
        points,
        tetrahedra,
        triangles,
        point_fields=_nodal_fields(prefix, len(points)),
        tetrahedron_fields=fields,
        triangle_fields={"boundary": np.concatenate(labels)} if faces else tri_fields,
    )


def _prefix(path: Path) -> Path:
    if path.is_file():
        return path.with_suffix("")
    found = {file.with_suffix("") for file in path.iterdir() if file.suffix in (".elem", ".belem")}
    if len(found) != 1:
        names = ", ".join(sorted(prefix.name for prefix in found))
        raise InputError(f"there are {len(found)} meshes in this folder ({names}); name a file")
    return found.pop()


def _parts(prefix: Path, ending: str) -> list[Path]:
    """PREFIX.NAME.ending and PREFIX_NAME.ending, in order of name."""
    files = [file for file in prefix.parent.iterdir() if file.suffix == ending]
    return sorted(file for file in files if file.name.startswith(prefix.name))


def _part_name(prefix: Path, file: Path) -> str:
    return file.stem[len(prefix.name) :].strip("._-")


def _lines(path: Path) -> tuple[int, list[bytes]]:
    """The count in the first line, and the lines after it, as many as that."""
    first, *lines = path.read_bytes().strip().splitlines() or [b""]
    try:
        count = int(first.split()[0])
    except (ValueError, IndexError):
        raise InputError(f"{path.name} does not start with a count") from None
    if len(lines) != count or count < 1:
        raise InputError(f"{path.name} declares {count:,} rows but has {len(lines):,}")
    return count, lines


def _binary(path: Path, numbers: int) -> tuple[list[int], str, bytes]:
    """The counts in the header, the byte order, and what follows the header."""
    content = path.read_bytes()
    try:
        header = [int(word) for word in content[:HEADER].strip(b"\0 \n").split()[: numbers + 1]]
    except ValueError:
        header = []
    if len(header) != numbers + 1 or header[-1] not in (0, 1) or min(header) < 0:
        raise InputError(f"{path.name} does not start with its counts and byte order")
    return header[:-1], "<>"[header[-1]], content[HEADER:]


def _points(prefix: Path) -> np.ndarray:
    text = prefix.with_suffix(".pts")
    if text.is_file():
        return rows(_lines(text)[1], 3, text.name)
    path = _required(prefix, ".bpts", ".pts")
    (count,), order, body = _binary(path, 1)
    width = len(body) // max(3 * count, 1)
    if width not in (4, 8) or len(body) != 3 * count * width:
        raise InputError(f"{path.name} declares {count:,} points but has {len(body):,} bytes")
    return np.frombuffer(body, f"{order}f{width}").astype(float).reshape(-1, 3)


def _required(prefix: Path, ending: str, text: str) -> Path:
    path = prefix.with_suffix(ending)
    if not path.is_file():
        raise InputError(f"{prefix.name}{text} is missing beside it (and {path.name} too)")
    return path


def _elements(prefix: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Tetrahedra, their tags, and triangles with theirs in a last column."""
    text = prefix.with_suffix(".elem")
    if not text.is_file():
        return _binary_elements(_required(prefix, ".belem", ".elem"))
    lines = _lines(text)[1]
    tetrahedra = [line[2:] for line in lines if line.startswith(b"Tt")]
    triangles = [line[2:] for line in lines if line.startswith(b"Tr")]
    others = len(lines) - len(tetrahedra) - len(triangles)
    others -= sum(line.startswith((b"Ln", b"Pt")) for line in lines)
    if others:
        raise InputError(f"{text.name}: {others:,} elements are neither Tt nor Tr; convert them")
    cells = _element_rows(tetrahedra, 4, text.name)
    return cells[:, :4], cells[:, 4], _element_rows(triangles, 3, text.name)


def _element_rows(lines: list[bytes], corners: int, name: str) -> np.ndarray:
    """Nodes and tag of each element; tag 0 where none is given."""
    if not lines:
        return np.zeros((0, corners + 1), np.int64)
    values = indices(rows(lines, None, name), name)
    if values.shape[1] not in (corners, corners + 1):
        raise InputError(f"{name}: elements of {corners} nodes have {values.shape[1]} columns")
    return np.pad(values, ((0, 0), (0, corners + 1 - values.shape[1])))


def _binary_elements(path: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    (count,), order, body = _binary(path, 1)
    words = np.frombuffer(body[: len(body) // 4 * 4], f"{order}i4").astype(np.int64)
    # Nearly all meshes hold one kind only: then the records are rows of a table.
    if words.size == 6 * count and (words[::6] == BINARY_TETRAHEDRON).all():
        cells = words.reshape(-1, 6)[:, 1:]
        return cells[:, :4], cells[:, 4], np.zeros((0, 4), np.int64)
    kinds: dict[int, list] = {BINARY_TETRAHEDRON: [], BINARY_TRIANGLE: []}
    start = 0
    for _ in range(count):
        kind = int(words[start]) if start < len(words) else -1
        corners = {BINARY_TETRAHEDRON: 4, BINARY_TRIANGLE: 3}.get(kind)
        if corners is None or start + corners + 2 > len(words):
            raise InputError(f"{path.name} is cut short or holds other elements than Tt and Tr")
        kinds[kind].append(words[start + 1 : start + corners + 2])
        start += corners + 2
    cells = np.array(kinds[BINARY_TETRAHEDRON], np.int64).reshape(-1, 5)
    faces = np.array(kinds[BINARY_TRIANGLE], np.int64).reshape(-1, 4)
    return cells[:, :4], cells[:, 4], faces


def _axes(prefix: Path, tetrahedra: int, triangles: int) -> tuple[dict, dict]:
    """Fibre and, where it is there, sheet of each tetrahedron; the same of each triangle."""
    elements = tetrahedra + triangles
    text, binary = prefix.with_suffix(".lon"), prefix.with_suffix(".blon")
    if text.is_file():
        values = _text_axes(text)
    elif binary.is_file():
        (axes, count), order, body = _binary(binary, 2)
        if axes not in (1, 2) or len(body) != 12 * axes * count:
            raise InputError(f"{binary.name} has {len(body):,} bytes for {count:,} x {axes} axes")
        values = np.frombuffer(body, f"{order}f4").astype(float).reshape(-1, 3 * axes)
    else:
        return {}, {}
    if len(values) != elements:
        raise InputError(f"{prefix.name}.lon has {len(values):,} rows for {elements:,} elements")
    columns = {"fibre": values[:, :3]}
    columns |= {"sheet": values[:, 3:]} if values.shape[1] == 6 else {}
    solid = {name: column[:tetrahedra] for name, column in columns.items()}
    return solid, {name: column[tetrahedra:] for name, column in columns.items()}


def _text_axes(path: Path) -> np.ndarray:
    first, *lines = path.read_bytes().strip().splitlines() or [b""]
    if first.strip() not in (b"1", b"2"):
        raise InputError(f"{path.name} does not start with the number of axes, 1 or 2")
    return rows(lines, 3 * int(first), path.name)


def _surface(path: Path) -> np.ndarray:
    lines = _lines(path)[1]
    if not all(line.startswith(b"Tr") for line in lines):
        raise InputError(f"{path.name} holds other elements than triangles (Tr)")
    return _element_rows([line[2:] for line in lines], 3, path.name)[:, :3]


def _nodal_fields(prefix: Path, count: int) -> dict[str, np.ndarray]:
    """PREFIX.NAME.dat, one number for each point; others (signals, stimuli) are not for here."""
    fields = {}
    for path in _parts(prefix, ".dat"):
        if name := _part_name(prefix, path):
            values = table(path)
            if values.shape == (count, 1):
                fields[name] = values[:, 0]
    return fields


def write(grid: Grid, path: Path) -> None:
    """PREFIX.pts, .elem, .lon (fibre and sheet), .surf and .vtx of each boundary, .dat fields.

    A path without an ending is a folder, and the prefix in it has its name. Tag 1 is the left
    ventricle, 2 the right.
    """
    prefix = path.with_suffix("") if path.suffix else path / path.name
    axes = np.hstack([grid.tetrahedron_fields["fibre"], grid.tetrahedron_fields["sheet"]])
    right = grid.point_fields["ventricle"][grid.tetrahedra].mean(axis=1) > 0.5
    tags = np.where(right, RIGHT_TAG, LEFT_TAG)
    elements = np.column_stack([grid.tetrahedra, tags])
    _write(prefix, ".pts", [str(len(grid.points))], grid.points.astype(float) * MICROMETRES)
    _write(prefix, ".elem", [str(len(elements))], elements, "Tt ")
    _write(prefix, ".lon", ["2"], axes.astype(float))
    for label, name in SHORT_NAMES.items():
        faces = grid.triangles[grid.triangle_fields["boundary"] == label]
        if len(faces):
            nodes = np.unique(faces)[:, None]
            _write(prefix, f".{name}.surf", [str(len(faces))], faces, "Tr ")
            _write(prefix, f".{name}.vtx", [str(len(nodes)), "extra"], nodes)
    for name, values in grid.point_fields.items():
        _write(prefix, f".{name}.dat", [], values.astype(float)[:, None])


def _write(
    prefix: Path, ending: str, header: list[str], values: np.ndarray, lead: str = ""
) -> None:
    with whole_file(prefix.with_name(prefix.name + ending)) as part, open(part, "w") as file:
        file.writelines(f"{line}\n" for line in header)
        file.writelines(_text_rows(values, lead))


def _text_rows(values: np.ndarray, lead: str) -> Iterator[str]:
    for row in values.tolist():
        yield lead + " ".join(map(repr, row)) + "\n"
