"""Whether a mesh can become a heart, and if not, why, where, and what to do."""

from dataclasses import fields

import numpy as np

from twin.meshes.checking import boundary_faults, element_faults, fibre_faults
from twin.meshes.checking.examination import Examination
from twin.meshes.checking.findings import Finding, examine
from twin.meshes.heart import Heart
from twin.meshes.volume import Volume

FAULTS = (*element_faults.FAULTS, *fibre_faults.FAULTS, *boundary_faults.FAULTS)


def check(mesh: Volume | Heart, file: str = "FILE") -> list[Finding]:
    """Every fault of a mesh; an empty list where it is sound. `file` is named in the remedies.

    In the order: finite, node numbers, volume, shape, duplicates, components, manifoldness,
    scale, fibres, labels. What cannot be examined because of an earlier fault is left out.
    """
    volume = mesh if isinstance(mesh, Volume) else _volume(mesh)
    with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
        return examine(Examination(volume), FAULTS, file)


def _volume(heart: Heart) -> Volume:
    return Volume(
        heart.points,
        heart.tetrahedra,
        heart.triangles,
        heart.boundary,
        point_fields={
            f.name: getattr(heart.coordinates, f.name) for f in fields(heart.coordinates)
        },
        element_fields={f.name: getattr(heart.fibres, f.name) for f in fields(heart.fibres)},
        provenance=heart.provenance,
    )
