"""The left atrium that everything else is computed on: a surface, complete and checked."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import cached_property
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

from twin.meshes.atria.coordinates import AtrialCoordinates
from twin.meshes.atria.openings import Rims, find_openings
from twin.meshes.atria.regions import Region
from twin.meshes.atria.tissue import TissueClass
from twin.meshes.errors import InputError
from twin.meshes.files import content_hash
from twin.meshes.shell import Shell

FROM_VENTRICLES = np.array([-30.0, 30.0, 42.0])
"""From the centre of the ventricles to that of the left atrium, mm, LPS: 60 mm along the mean axis
from apex to base."""

WHOLE_NUMBERS = {"triangles": np.int32, "regions": np.int8, "tissue": np.int8}


@dataclass(frozen=True, eq=False)
class Atrium:
    """The endocardium of a left atrium: points in mm, axes LPS, triangles facing outwards.

    Open at the veins and at the mitral ring; the appendage is closed. Immutable and valid once it
    exists. `regions` holds a `Region` for each triangle and `tissue` a `TissueClass`. Fibres are
    unit vectors in each triangle, inside and outside. `fibrosis` is a density at each node, 0 to
    1, more than 1/2 in fibrotic tissue. `provenance` says where the atrium is from.
    """

    points: Float[np.ndarray, "points 3"]
    triangles: Int[np.ndarray, "tris 3"]
    regions: Int[np.ndarray, " tris"]
    coordinates: AtrialCoordinates
    endocardial_fibre: Float[np.ndarray, "tris 3"]
    epicardial_fibre: Float[np.ndarray, "tris 3"]
    tissue: Int[np.ndarray, " tris"]
    fibrosis: Float[np.ndarray, " points"]
    provenance: Mapping[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for record in (self, self.coordinates):
            for part in fields(record):
                value = getattr(record, part.name)
                if isinstance(value, np.ndarray):
                    kind = WHOLE_NUMBERS.get(part.name, np.float64)
                    value = np.array(value, kind, order="C")
                    value.setflags(write=False)
                    object.__setattr__(record, part.name, value)
        _validate(self)

    @staticmethod
    def sample(seed: int, **settings) -> "Atrium":
        """A random left atrium; see `atria.sampling.sample_atrium` for the settings."""
        from twin.meshes.atria.sampling import sample_atrium

        return sample_atrium(seed, **settings)

    @staticmethod
    def read(path: str | Path, **options) -> "Atrium":
        """An atrium that `write` wrote; see `formats.atria.read_atrium`."""
        from twin.meshes.formats.atria import read_atrium

        return read_atrium(path, **options)

    def write(self, path: str | Path) -> None:
        """Write to a .vtp or .vtk with every field by name, which ParaView opens as it is."""
        from twin.meshes.formats.atria import write_atrium

        write_atrium(self, path)

    @cached_property
    def content(self) -> str:
        """SHA-256 of the anatomy: two atria with the same content give the same results."""
        return content_hash(*self.arrays.values())

    @property
    def arrays(self) -> dict[str, np.ndarray]:
        """Every array by its name."""
        own = {part.name: getattr(self, part.name) for part in fields(self)}
        own |= {
            part.name: getattr(self.coordinates, part.name) for part in fields(AtrialCoordinates)
        }
        return {name: value for name, value in own.items() if isinstance(value, np.ndarray)}

    @cached_property
    def openings(self) -> Rims:
        """The nodes of each rim, once around, by the region that ends there."""
        return find_openings(self.triangles, self.regions)

    @cached_property
    def endocardium(self) -> Shell:
        """The surface as tissue that conducts, with the fibres of its inner side."""
        return Shell(self.points, self.triangles, self.endocardial_fibre)

    @cached_property
    def epicardium(self) -> Shell:
        """The same surface with the fibres of its outer side."""
        return Shell(self.points, self.triangles, self.epicardial_fibre)

    def nodes(self, *regions: Region) -> Int[np.ndarray, " nodes"]:
        """The nodes of some regions, their borders with them."""
        return np.unique(self.triangles[np.isin(self.regions, regions)])

    def __repr__(self) -> str:
        return (
            f"Atrium({len(self.points):,} points, {len(self.triangles):,} triangles, "
            f"{len(self.openings) - 1} veins, {self.content[:8]})"
        )


def _validate(atrium: Atrium) -> None:
    """Cheap invariants; `atria.examination.check_atrium` does the thorough examination."""
    nodes, triangles = len(atrium.points), len(atrium.triangles)
    if nodes == 0 or triangles == 0:
        raise InputError("the atrium is empty: it has no points or no triangles")
    if atrium.triangles.min() < 0 or atrium.triangles.max() >= nodes:
        raise InputError(f"atrium: a triangle names a node outside 0 to {nodes - 1:,}")
    expected = dict.fromkeys(("points", "fibrosis", "septal_lateral", "posterior_anterior"), nodes)
    for name, values in atrium.arrays.items():
        rows = expected.get(name, triangles)
        if len(values) != rows:
            raise InputError(f"atrium: {name} has {len(values):,} rows, expected {rows:,}")
        if not np.isfinite(values).all():
            raise InputError(f"atrium: {name} has values that are not finite")
    for name, values, kind in (
        ("regions", atrium.regions, Region),
        ("tissue", atrium.tissue, TissueClass),
    ):
        unknown = np.setdiff1d(values, list(kind))
        if len(unknown):
            raise InputError(
                f"atrium: {name} holds {unknown[:5].tolist()}, which is no {kind.__name__}"
            )
