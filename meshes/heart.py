"""The heart that everything else is computed on: anatomy, complete and checked."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from enum import IntEnum
from functools import cached_property
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

from twin.meshes.errors import InputError
from twin.meshes.files import content_hash


class Boundary(IntEnum):
    """What a boundary triangle faces. The numbers are Cobiveco's; 0 is reserved for 'inside'."""

    BASE = 1
    EPICARDIUM = 2
    LV_ENDOCARDIUM = 3
    RV_ENDOCARDIUM = 4


@dataclass(frozen=True, eq=False)
class Coordinates:
    """Where a node is in the heart, in terms that mean the same in every heart.

    apicobasal: 0 at the apex, 1 at the base.
    transmural: 0 at the endocardium, 1 at the epicardium; the septum belongs to the left
        ventricle, so its right side counts as 1.
    rotational: 0 to 1 once around the long axis; the septum lies between 2/3 and 1 (see
        `segments.py`). It jumps at 0 = 1: interpolate `rotational_sine` and `rotational_cosine`.
    ventricle: 0 left (with the septum), 1 right.
    """

    apicobasal: Float[np.ndarray, " points"]
    transmural: Float[np.ndarray, " points"]
    rotational: Float[np.ndarray, " points"]
    ventricle: Int[np.ndarray, " points"]

    @property
    def rotational_sine(self) -> Float[np.ndarray, " points"]:
        return np.sin(2 * np.pi * self.rotational)

    @property
    def rotational_cosine(self) -> Float[np.ndarray, " points"]:
        return np.cos(2 * np.pi * self.rotational)


@dataclass(frozen=True, eq=False)
class Fibres:
    """A right-handed orthonormal triad in each tetrahedron: along, within and across the sheets."""

    fibre: Float[np.ndarray, "tets 3"]
    sheet: Float[np.ndarray, "tets 3"]
    normal: Float[np.ndarray, "tets 3"]


@dataclass(frozen=True, eq=False)
class Heart:
    """Biventricular myocardium: points in mm, axes LPS (x left, y back, z up).

    Immutable and valid once it exists. `triangles` are the whole boundary, facing outwards, and
    `boundary` holds a `Boundary` for each. `provenance` says where the heart is from: origin,
    seed, settings, version, hash of the input.

    A left ventricle alone is a heart without RV_ENDOCARDIUM whose `ventricle` is 0 everywhere.
    """

    points: Float[np.ndarray, "points 3"]
    tetrahedra: Int[np.ndarray, "tets 4"]
    triangles: Int[np.ndarray, "faces 3"]
    boundary: Int[np.ndarray, " faces"]
    coordinates: Coordinates
    fibres: Fibres
    provenance: Mapping[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _settle(self)
        _validate(self)

    @staticmethod
    def sample(seed: int, **settings) -> "Heart":
        """A random heart of the population; see `population.sample_heart` for the settings."""
        from twin.meshes.anatomy.population import sample_heart

        return sample_heart(seed, **settings)

    @staticmethod
    def read(path: str | Path, **options) -> "Heart":
        """A heart from any file or folder that `formats` knows; see `formats.read_heart`."""
        from twin.meshes.formats import read_heart

        return read_heart(path, **options)

    def write(self, path: str | Path) -> None:
        """Write to `path`; its ending chooses the format. A .vtu opens in ParaView as it is."""
        from twin.meshes.formats import write_heart

        write_heart(self, path)

    def astype(self, kind: type[np.floating]) -> "Heart":
        """The same heart in single or double precision."""
        return replace(
            self,
            points=self.points.astype(kind),
            coordinates=_cast(self.coordinates, kind),
            fibres=_cast(self.fibres, kind),
        )

    @property
    def elements(self) -> Int[np.ndarray, "tets 4"]:
        """What conducts."""
        return self.tetrahedra

    @cached_property
    def content(self) -> str:
        """SHA-256 of the anatomy: two hearts with the same content give the same results."""
        arrays = [self.points, self.tetrahedra, self.triangles, self.boundary]
        arrays += [getattr(self.coordinates, f.name) for f in fields(self.coordinates)]
        arrays += [getattr(self.fibres, f.name) for f in fields(self.fibres)]
        return content_hash(*arrays)

    @cached_property
    def segments(self) -> Int[np.ndarray, " points"]:
        """AHA segment of each node, 1 to 17; 0 in the right ventricle."""
        from twin.meshes.fields.segments import aha_segments

        return aha_segments(self.coordinates)

    @cached_property
    def element_volumes(self) -> Float[np.ndarray, " tets"]:
        """mm3."""
        return signed_volumes(self.points, self.tetrahedra)

    def boundary_triangles(self, *labels: Boundary) -> Int[np.ndarray, "faces 3"]:
        return self.triangles[np.isin(self.boundary, labels)]

    def boundary_nodes(self, *labels: Boundary) -> Int[np.ndarray, " nodes"]:
        return np.unique(self.boundary_triangles(*labels))

    def __repr__(self) -> str:
        volume = self.element_volumes.sum() / 1000
        return (
            f"Heart({len(self.points):,} points, {len(self.tetrahedra):,} tetrahedra, "
            f"{volume:.0f} ml of wall, {self.content[:8]})"
        )


def signed_volumes(
    points: Float[np.ndarray, "points 3"], tetrahedra: Int[np.ndarray, "tets 4"]
) -> Float[np.ndarray, " tets"]:
    """Volume of each tetrahedron, mm3; negative where it is inverted."""
    a, b, c, d = np.moveaxis(points[tetrahedra], 1, 0)
    return np.einsum("ij,ij->i", np.cross(b - a, c - a), d - a) / 6


def _cast(record, kind):
    """The floating-point fields of a dataclass in another precision, the others as they are."""
    floating = {
        f.name: getattr(record, f.name).astype(kind)
        for f in fields(record)
        if np.issubdtype(getattr(record, f.name).dtype, np.floating)
    }
    return replace(record, **floating)


def _settle(heart: Heart) -> None:
    """One integer width, one memory layout, and nobody writes into it afterwards."""
    kinds = {
        "tetrahedra": np.int32,
        "triangles": np.int32,
        "boundary": np.int8,
        "ventricle": np.int8,
    }
    for record in (heart, heart.coordinates, heart.fibres):
        for f in fields(record):
            value = getattr(record, f.name)
            if isinstance(value, np.ndarray):
                value = np.array(value, dtype=kinds.get(f.name, value.dtype), order="C")
                value.setflags(write=False)
                object.__setattr__(record, f.name, value)


def _validate(heart: Heart) -> None:
    """Cheap invariants; `check` does the thorough examination before a heart is built."""
    nodes, elements = len(heart.points), len(heart.tetrahedra)
    if nodes == 0 or elements == 0:
        raise InputError("the heart is empty: it has no points or no tetrahedra")
    for name, record, expected in (
        ("coordinates", heart.coordinates, nodes),
        ("fibres", heart.fibres, elements),
    ):
        for f in fields(record):
            values = getattr(record, f.name)
            if len(values) != expected:
                raise InputError(
                    f"{name}: {f.name} has {len(values):,} rows, expected {expected:,}"
                )
            if not np.isfinite(values).all():
                count = int((~np.isfinite(values)).sum())
                raise InputError(f"{name}: {f.name} has {count:,} values that are not finite")
    if not np.isfinite(heart.points).all():
        raise InputError("points: not all coordinates are finite")
    if heart.tetrahedra.min() < 0 or heart.tetrahedra.max() >= nodes:
        raise InputError(f"tetrahedra: an index lies outside the {nodes:,} points")
    if not (heart.element_volumes > 0).all():
        count = int((heart.element_volumes <= 0).sum())
        raise InputError(
            f"{count:,} of {elements:,} tetrahedra are inverted or flat "
            f"(first: {int(np.argmin(heart.element_volumes > 0)):,}); repair the mesh first"
        )
    if len(heart.boundary) != len(heart.triangles):
        raise InputError(
            f"boundary: {len(heart.boundary):,} labels for {len(heart.triangles):,} triangles"
        )
