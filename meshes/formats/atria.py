"""Left atria on disk: .vtp and .vtk with every field by name and a record of their origin."""

import json
from dataclasses import fields
from importlib.metadata import version
from pathlib import Path

import numpy as np

from twin.meshes.atria.coordinates import AtrialCoordinates
from twin.meshes.atrium import Atrium
from twin.meshes.errors import InputError
from twin.meshes.formats import read_grid
from twin.meshes.formats.grid import Grid

NOTE = "twin_atrium"
"""The text by which a file is known to hold an atrium of ours: JSON of where it is from."""
ON_POINTS = ("fibrosis", "septal_lateral", "posterior_anterior")
ENDINGS = (".vtp", ".vtk")


def write_atrium(atrium: Atrium, path: str | Path) -> None:
    """A .vtp, or a legacy .vtk, whole or not at all."""
    path = Path(path)
    if path.suffix.lower() not in ENDINGS:
        raise InputError(f"{path}: an atrium is written as {' or '.join(ENDINGS)}")
    from twin.meshes.formats.vtk import write, write_legacy

    (write if path.suffix.lower() == ".vtp" else write_legacy)(grid_of(atrium), path)


def grid_of(atrium: Atrium) -> Grid:
    arrays = dict(atrium.arrays)
    points, triangles = arrays.pop("points"), arrays.pop("triangles")
    record = {
        "version": version("twin"),
        "unit": "mm",
        "axes": "LPS",
        "content": atrium.content,
        "provenance": dict(atrium.provenance),
    }
    return Grid(
        points,
        triangles=triangles,
        point_fields={name: arrays[name] for name in ON_POINTS},
        triangle_fields={name: v for name, v in arrays.items() if name not in ON_POINTS},
        notes={NOTE: json.dumps(record, default=str)},
    )


def read_atrium(path: str | Path) -> Atrium:
    """The atrium that was written, the same to the last bit."""
    grid = read_grid(path)
    if NOTE not in grid.notes:
        raise InputError(f"{path}: it holds no atrium that was written by twin")
    try:
        return atrium_of(grid)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


def atrium_of(grid: Grid) -> Atrium:
    """Refused where the file no longer holds what was written."""
    try:
        record = json.loads(grid.notes[NOTE])
        content, provenance = record["content"], dict(record["provenance"])
        names = [part.name for part in fields(AtrialCoordinates)]
        values = {**grid.point_fields, **grid.triangle_fields}
        coordinates = AtrialCoordinates(**{name: values.pop(name) for name in names})
        known = {part.name for part in fields(Atrium)}
        own = {name: array for name, array in values.items() if name in known}
        atrium = Atrium(
            points=np.asarray(grid.points),
            triangles=grid.triangles,
            coordinates=coordinates,
            provenance=provenance,
            **own,
        )
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"its record of an atrium is not whole ({type(error).__name__}: {error})"
        ) from None
    if atrium.content != content:
        raise InputError(
            "the atrium in it is not the one that was written (its content has another hash): "
            "damaged or edited"
        )
    return atrium
