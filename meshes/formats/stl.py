"""STL, binary and text. The text keeps full precision and a named solid for each boundary."""

from pathlib import Path

import numpy as np

from twin.meshes.errors import InputError
from twin.meshes.files import whole_file
from twin.meshes.formats.grid import Grid, merge_coincident
from twin.meshes.formats.labels import label_named
from twin.meshes.formats.text import rows, stated_space
from twin.meshes.heart import Boundary

RECORD = np.dtype([("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("attribute", "<u2")])
HEADER = 84
FACET = """facet normal {:.6g} {:.6g} {:.6g}
outer loop
vertex {!r} {!r} {!r}
vertex {!r} {!r} {!r}
vertex {!r} {!r} {!r}
endloop
endfacet
"""


def parse(path: str) -> Grid:
    """The triangles of all solids; corners in one place are one point."""
    content = Path(path).read_bytes()
    count = int.from_bytes(content[HEADER - 4 : HEADER], "little")
    if len(content) == HEADER + RECORD.itemsize * count:
        corners = np.frombuffer(content, RECORD, offset=HEADER)["corners"].astype(float)
        return _grid(corners, np.zeros(count, np.int8), stated_space(content))
    if content.lstrip()[:5].lower() != b"solid":
        raise InputError(
            f"it is neither a text nor a whole binary STL: {count:,} triangles declared in "
            f"{len(content):,} bytes"
        )
    return _grid(*_text(content), stated_space(content))


def _text(content: bytes) -> tuple[np.ndarray, np.ndarray]:
    lines = [line.strip() for line in content.splitlines()]
    words = [line.split(maxsplit=1) for line in lines if line]
    vertices = [rest[0] for word, *rest in words if word.lower() == b"vertex" and rest]
    corners = rows(vertices, 3, "the list of vertices")
    labels, label, closed = [], 0, False
    for word, *rest in words:
        match word.lower():
            case b"solid":
                label, closed = label_named(b"".join(rest).decode(errors="replace")), False
            case b"facet":
                labels.append(label)
            case b"endsolid":
                closed = True
    if not closed or len(corners) != 3 * len(labels):
        raise InputError(f"it is cut short: {len(corners):,} vertices for {len(labels):,} facets")
    return corners.reshape(-1, 3, 3), np.array(labels, np.int8)


def _grid(corners: np.ndarray, labels: np.ndarray, notes: dict[str, str]) -> Grid:
    triangles = np.arange(3 * len(corners)).reshape(-1, 3)
    fields = {"boundary": labels} if labels.any() else {}
    return merge_coincident(
        Grid(corners.reshape(-1, 3), triangles=triangles, triangle_fields=fields, notes=notes)
    )


def write(grid: Grid, path: Path) -> None:
    """A solid for each boundary label, as text, so that no digit and no label is lost."""
    corners = grid.points[grid.triangles].astype(float)
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    labels = grid.triangle_fields.get("boundary", np.zeros(len(corners), np.int8))
    with whole_file(path) as part, open(part, "w") as file:
        for label in np.unique(labels):
            name = Boundary(label).name.lower() if label else "surface"
            chosen = np.hstack([normals, corners.reshape(-1, 9)])[labels == label].tolist()
            file.write(f"solid {name}\n")
            file.writelines(FACET.format(*numbers) for numbers in chosen)
            file.write(f"endsolid {name}\n")
