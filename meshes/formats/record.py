"""A whole heart as a grid, and back, the same to the last bit."""

import json
from dataclasses import fields
from importlib.metadata import version

import numpy as np

from twin.meshes.errors import InputError
from twin.meshes.formats.grid import Grid
from twin.meshes.heart import Coordinates, Fibres, Heart

NOTE = "twin"
"""The text by which a file is known to hold a heart of ours: JSON of where it is from."""


def grid_of(heart: Heart) -> Grid:
    """Every field by its full name, and a record of units, axes, origin and content."""
    coordinates = heart.coordinates
    nodal = {f.name: getattr(coordinates, f.name) for f in fields(coordinates)}
    nodal |= {
        "rotational_sine": coordinates.rotational_sine,
        "rotational_cosine": coordinates.rotational_cosine,
        "aha_segment": heart.segments,
    }
    record = {
        "version": version("twin"),
        "unit": "mm",
        "axes": "LPS",
        "content": heart.content,
        "provenance": dict(heart.provenance),
    }
    return Grid(
        heart.points,
        heart.tetrahedra,
        heart.triangles,
        point_fields=nodal,
        tetrahedron_fields={f.name: getattr(heart.fibres, f.name) for f in fields(Fibres)},
        triangle_fields={"boundary": heart.boundary},
        notes={NOTE: json.dumps(record, default=_plain)},
    )


def _plain(value: object) -> object:
    """What JSON has no word for, in words that it has."""
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    return str(value)


def is_record(grid: Grid) -> bool:
    return NOTE in grid.notes and len(grid.tetrahedra) > 0


def heart_of(grid: Grid) -> Heart:
    """The heart that was written; refused where the file no longer holds the same one."""
    try:
        record = json.loads(grid.notes[NOTE])
        content, provenance = record["content"], dict(record["provenance"])
        heart = Heart(
            grid.points,
            grid.tetrahedra,
            grid.triangles,
            grid.triangle_fields["boundary"],
            Coordinates(**{f.name: grid.point_fields[f.name] for f in fields(Coordinates)}),
            Fibres(**{f.name: grid.tetrahedron_fields[f.name] for f in fields(Fibres)}),
            provenance,
        )
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"its record of a heart is not whole ({type(error).__name__}: {error}); "
            "`twin mesh repair` builds the heart anew from the mesh"
        ) from None
    if heart.content != content:
        raise InputError(
            "the heart in it is not the one that was written (its content has another hash): "
            "damaged or edited; `twin mesh repair` builds the heart anew from the mesh"
        )
    return heart
