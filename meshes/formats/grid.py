"""What a file holds, before anyone has judged it: the common ground of all readers and writers."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields

import numpy as np
from jaxtyping import Float, Int

from twin.meshes.errors import InputError

TRIANGLE, QUAD, TETRAHEDRON = 5, 9, 10
"""VTK's numbers for the cells that count here; vertices and lines (1 to 4) are left out."""

LOWER_CELLS = (0, 1, 2, 3, 4, 21)
CELL_NAMES = {
    6: "triangle strip",
    7: "polygon",
    8: "pixel",
    11: "voxel",
    12: "hexahedron",
    13: "wedge",
    14: "pyramid",
    22: "quadratic triangle",
    24: "quadratic tetrahedron",
    25: "quadratic hexahedron",
}

Arrays = Mapping[str, np.ndarray]


@dataclass(frozen=True, eq=False)
class Grid:
    """Points, tetrahedra and triangles with their fields, in the file's own units and axes.

    `notes` are texts that came along (a heart's record of itself, the axes' name), `places` named
    positions (electrodes, apex), `remarks` what the reader decided.
    """

    points: Float[np.ndarray, "points 3"]
    tetrahedra: Int[np.ndarray, "tets 4"] = field(default_factory=lambda: np.zeros((0, 4), int))
    triangles: Int[np.ndarray, "faces 3"] = field(default_factory=lambda: np.zeros((0, 3), int))
    point_fields: Arrays = field(default_factory=dict)
    tetrahedron_fields: Arrays = field(default_factory=dict)
    triangle_fields: Arrays = field(default_factory=dict)
    places: Arrays = field(default_factory=dict)
    notes: Mapping[str, str] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()

    @property
    def cell_fields(self) -> dict[str, np.ndarray]:
        """Each cell array over tetrahedra, then triangles; zero where a kind has no such array."""
        names = list(self.tetrahedron_fields) + list(self.triangle_fields)
        return {name: self._over_cells(name) for name in dict.fromkeys(names)}

    def _over_cells(self, name: str) -> np.ndarray:
        parts = [self.tetrahedron_fields.get(name), self.triangle_fields.get(name)]
        like = next(part for part in parts if part is not None)
        counts = len(self.tetrahedra), len(self.triangles)
        return np.concatenate(
            [
                np.zeros((count, *like.shape[1:]), like.dtype) if part is None else part
                for part, count in zip(parts, counts, strict=True)
            ]
        )

    @property
    def cell_layout(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Node indices one cell after another, where each cell starts and ends, and its kind."""
        nodes = np.concatenate([self.tetrahedra.ravel(), self.triangles.ravel()]).astype(np.int64)
        sizes = np.repeat([4, 3], [len(self.tetrahedra), len(self.triangles)])
        offsets = np.concatenate([[0], np.cumsum(sizes)])
        kinds = np.where(sizes == 4, TETRAHEDRON, TRIANGLE).astype(np.uint8)
        return nodes, offsets, kinds


def grid_from_cells(
    points: np.ndarray,
    nodes: np.ndarray,
    offsets: np.ndarray,
    kinds: np.ndarray,
    *,
    cell_fields: Arrays,
    point_fields: Arrays,
    notes: Mapping[str, str],
    remarks: tuple[str, ...] = (),
) -> Grid:
    """A grid from cells in VTK's layout. Vertices and lines are left out with a remark."""
    sizes = np.diff(offsets)
    if len(offsets) != len(kinds) + 1 or (len(sizes) and sizes.min() < 0):
        raise InputError(f"the cells' offsets do not fit the {len(kinds):,} cells")
    if len(offsets) and (offsets[0] != 0 or offsets[-1] > len(nodes)):
        raise InputError("the cells' offsets point outside the list of nodes")
    wrong = ~np.isin(kinds, (TETRAHEDRON, TRIANGLE, *LOWER_CELLS))
    if wrong.any():
        names = ", ".join(
            CELL_NAMES.get(kind, f"type {kind}") for kind in np.unique(kinds[wrong])[:5]
        )
        raise InputError(
            f"{int(wrong.sum()):,} of {len(kinds):,} cells are neither tetrahedra nor triangles "
            f"({names}); convert them to linear tetrahedra first"
        )
    lower = int(np.isin(kinds, LOWER_CELLS).sum())
    if lower:
        remarks += (f"{lower:,} vertices and lines left out",)

    def of_kind(kind: int, corners: int) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        chosen = np.flatnonzero(kinds == kind)
        if (sizes[chosen] != corners).any():
            raise InputError(f"some cells of type {kind} do not have {corners} nodes")
        cells = nodes[offsets[chosen][:, None] + np.arange(corners)]
        return cells, {name: values[chosen] for name, values in cell_fields.items()}

    tetrahedra, tetrahedron_fields = of_kind(TETRAHEDRON, 4)
    triangles, triangle_fields = of_kind(TRIANGLE, 3)
    return Grid(
        points,
        tetrahedra,
        triangles,
        point_fields=point_fields,
        tetrahedron_fields=tetrahedron_fields,
        triangle_fields=triangle_fields,
        notes=notes,
        remarks=remarks,
    )


def merge_coincident(grid: Grid) -> Grid:
    """One point where the file has several in one place, as .stl, .ply and .obj often do."""
    _, first, place = np.unique(grid.points, axis=0, return_index=True, return_inverse=True)
    if len(first) == len(grid.points):
        return grid
    rank = np.argsort(np.argsort(first))
    first = np.sort(first)
    return Grid(
        grid.points[first],
        triangles=rank[place.ravel()][grid.triangles],
        point_fields={name: values[first] for name, values in grid.point_fields.items()},
        triangle_fields=grid.triangle_fields,
        notes=grid.notes,
        remarks=(*grid.remarks, f"{len(grid.points) - len(first):,} coincident points merged"),
    )


def to_arrays(grid: Grid) -> dict[str, np.ndarray]:
    """Flat arrays, as they travel out of the quarantine."""
    arrays = {}
    for part in fields(grid):
        value = getattr(grid, part.name)
        if part.name in ("notes", "remarks"):
            arrays[part.name] = np.array(json.dumps(value))
        elif isinstance(value, np.ndarray):
            arrays[part.name] = value
        else:
            arrays |= {f"{part.name}/{name}": values for name, values in value.items()}
    return arrays


def from_arrays(arrays: Arrays) -> Grid:
    """The grid that `to_arrays` took apart."""
    values: dict = {
        "notes": json.loads(str(arrays["notes"])),
        "remarks": tuple(json.loads(str(arrays["remarks"]))),
    }
    for name, array in arrays.items():
        part, _, key = name.partition("/")
        if key:
            values.setdefault(part, {})[key] = array
        elif part not in values:
            values[part] = array
    return Grid(**values)


def numeric(values: object, count: int) -> bool:
    """Whether `values` is a field worth keeping: numbers, one row for each of `count`."""
    return (
        isinstance(values, np.ndarray)
        and values.dtype.kind in "fiub"
        and values.ndim in (1, 2)
        and len(values) == count
    )
