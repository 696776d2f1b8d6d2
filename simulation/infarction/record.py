"""An infarct in a heart's own file: the heart as always, and the infarct's fields beside it.

infarct_zone: 0 healthy, 1 border zone, 2 scar, on nodes and on tetrahedra. scar and border_zone:
1 on their nodes, which shows better in a viewer.
"""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np

from twin.meshes.errors import InputError
from twin.meshes.formats import write_grid
from twin.meshes.formats.grid import Grid
from twin.meshes.formats.record import grid_of
from twin.meshes.heart import Heart
from twin.simulation.infarct import Infarct, Zone

FIELD = "infarct_zone"
NOTE = "twin_infarct"
"""The text that holds age, origin and content: JSON."""


def write_infarct(infarct: Infarct, path: str | Path, heart: Heart) -> None:
    """Any format that holds all of a heart: .vtu, .pvd, .vtkhdf, .xdmf."""
    if Path(path).suffix.lower() in (".vtp", ".stl", ""):
        raise InputError(
            f"{path}: this format does not hold an infarct with its heart; write a .vtu, .pvd, "
            ".vtkhdf or .xdmf"
        )
    write_grid(infarct_grid(infarct, heart), path)


def infarct_grid(infarct: Infarct, heart: Heart) -> Grid:
    """The heart's grid with the infarct's zones, from which `infarct_of` has it again."""
    grid, zones = grid_of(heart), infarct.zones
    record = {
        "acute": infarct.acute,
        "content": infarct.content,
        "provenance": dict(infarct.provenance),
    }
    shown = {
        FIELD: zones,
        "scar": (zones == Zone.SCAR).astype(np.int8),
        "border_zone": (zones == Zone.BORDER).astype(np.int8),
    }
    return replace(
        grid,
        point_fields={**grid.point_fields, **shown},
        tetrahedron_fields={**grid.tetrahedron_fields, FIELD: infarct.elements(heart)},
        notes={**grid.notes, NOTE: json.dumps(record, default=str)},
    )


def infarct_of(grid: Grid, heart: Heart) -> Infarct:
    """The infarct that was written, the same to the last bit; refused where it is another's."""
    zones = np.asarray(grid.point_fields[FIELD])
    try:
        record = json.loads(grid.notes[NOTE])
        infarct = Infarct(zones, bool(record["acute"]), dict(record["provenance"]))
        content = record["content"]
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"its record of an infarct is not whole ({type(error).__name__}: {error}); name the "
            f"field to read it by its numbers alone (field='{FIELD}')"
        ) from None
    if infarct.content != content:
        raise InputError(
            "the infarct in it is not the one that was written (its content has another hash): "
            f"damaged or edited; name the field to read it all the same (field='{FIELD}')"
        )
    if grid.points.shape != heart.points.shape or not np.allclose(
        grid.points, heart.points, atol=1e-3
    ):
        raise InputError(
            f"it holds an infarct of another heart, of {len(grid.points):,} points, where "
            f"{len(heart.points):,} were expected; read the heart from the same file"
        )
    return infarct
