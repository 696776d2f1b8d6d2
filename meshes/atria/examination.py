"""Whether a surface is a left atrium in one piece, with its veins, appendage and mitral ring."""

from functools import cached_property

import numpy as np
from jaxtyping import Float, Int

from twin.meshes import topology
from twin.meshes.atria.measurement import AtrialSizes, measure
from twin.meshes.atria.openings import Rims
from twin.meshes.atria.regions import LEFT_VEINS, RIGHT_VEINS, Region
from twin.meshes.checking.findings import Fault, Finding, Severity, examine
from twin.meshes.checking.surface_faults import FAULTS as SURFACE_FAULTS
from twin.meshes.checking.surface_faults import SurfaceExamination
from twin.meshes.surface import Surface

AREA, VOLUME = (55.0, 110.0), (45.0, 130.0)
VEIN_RIM, MITRAL_RIM = (24.0, 45.0), (95.0, 125.0)
"""cm2, ml, mm: what left atria measure."""
MOST_TURNS = 1.25
"""Of a smooth rim; a plane convex one has 1."""
LEAST_APPENDAGE = 4.0
"""cm2"""
NEEDED = (*LEFT_VEINS, *RIGHT_VEINS[:2], Region.MITRAL_VESTIBULE)


class AtrialExamination(SurfaceExamination):
    """A left atrium under examination."""

    def __init__(
        self,
        points: Float[np.ndarray, "points 3"],
        triangles: Int[np.ndarray, "tris 3"],
        regions: Int[np.ndarray, " tris"],
        openings: Rims,
    ) -> None:
        super().__init__(Surface(points, triangles))
        self.regions, self.openings = regions, openings

    @cached_property
    def sizes(self) -> AtrialSizes:
        return measure(self.points, self.triangles, self.regions, self.openings)

    @cached_property
    def handles(self) -> int:
        """From Euler's characteristic V - E + F = 2 (pieces - handles) - rims."""
        edges = len(np.unique(np.sort(topology.triangle_edges(self.triangles), axis=1), axis=0))
        euler = len(np.unique(self.triangles)) - edges + len(self.triangles)
        pieces = int(topology.surface_components(self.triangles).max()) + 1
        return pieces - (euler + len(self.openings)) // 2


def check_atrium(
    points: Float[np.ndarray, "points 3"],
    triangles: Int[np.ndarray, "tris 3"],
    regions: Int[np.ndarray, " tris"],
    openings: Rims,
    file: str = "FILE",
) -> list[Finding]:
    """Every fault; an empty list where the atrium is sound."""
    return examine(AtrialExamination(points, triangles, regions, openings), FAULTS, file)


def _missing(mesh: AtrialExamination):
    return np.zeros((sum(region not in mesh.openings for region in NEEDED), 0))


def _say_missing(mesh: AtrialExamination) -> str:
    names = [region.name for region in NEEDED if region not in mesh.openings]
    return f"No rim belongs to {', '.join(names)}."


def _outside(value: float, extent: tuple[float, float]) -> np.ndarray:
    return np.zeros((int(not extent[0] <= value <= extent[1]), 0))


def _odd_veins(mesh: AtrialExamination):
    low, high = VEIN_RIM
    return np.zeros((sum(not low <= rim <= high for rim in mesh.sizes.vein_rims), 0))


_CLIP = "Look whether the surface is cut where it should be, and at its unit."
_OWN = ("open edges", "surface inside out")
"""Faults of a surface that should close, which an atrium should not."""

FAULTS: tuple[Fault, ...] = (
    *(fault for fault in SURFACE_FAULTS if fault.name not in _OWN),
    Fault(
        "several pieces",
        "surface",
        lambda mesh: np.zeros((int(topology.surface_components(mesh.triangles).max() > 0), 0)),
        "It is not in one piece.",
        "Keep the largest piece.",
        gate=True,
    ),
    Fault(
        "rims missing",
        "surface",
        _missing,
        _say_missing,
        "Cut the veins and the mitral valve open, and label them.",
        gate=True,
    ),
    Fault(
        "handles",
        "surface",
        lambda mesh: np.zeros((int(mesh.handles != 0), 0)),
        "Parts that lie close by have grown together.",
        "Part them where the surface was made.",
    ),
    Fault(
        "jagged rim",
        "surface",
        lambda mesh: np.zeros((int(mesh.sizes.rim_turns > MOST_TURNS), 0)),
        lambda mesh: f"A rim turns {mesh.sizes.rim_turns:.2f} times as much as a plane curve.",
        "Clip the surface exactly instead of dropping triangles.",
        severity=Severity.WARNING,
    ),
    Fault(
        "appendage lost",
        "surface",
        lambda mesh: np.zeros((int(mesh.sizes.appendage_area < LEAST_APPENDAGE), 0)),
        lambda mesh: f"Its appendage has {mesh.sizes.appendage_area:.1f} cm2.",
        _CLIP,
    ),
    Fault(
        "unusual area",
        "surface",
        lambda mesh: _outside(mesh.sizes.area, AREA),
        lambda mesh: f"It has {mesh.sizes.area:.1f} cm2; expected {AREA[0]:g} to {AREA[1]:g}.",
        _CLIP,
        severity=Severity.WARNING,
    ),
    Fault(
        "unusual volume",
        "surface",
        lambda mesh: _outside(mesh.sizes.volume, VOLUME),
        lambda mesh: f"{mesh.sizes.volume:.1f} ml; expected {VOLUME[0]:g} to {VOLUME[1]:g}.",
        _CLIP,
        severity=Severity.WARNING,
    ),
    Fault(
        "unusual vein rims",
        "surface",
        _odd_veins,
        lambda mesh: f"They are {', '.join(f'{rim:.1f}' for rim in mesh.sizes.vein_rims)} mm long.",
        _CLIP,
        severity=Severity.WARNING,
    ),
    Fault(
        "unusual mitral rim",
        "surface",
        lambda mesh: _outside(mesh.sizes.mitral_rim, MITRAL_RIM),
        lambda mesh: f"It is {mesh.sizes.mitral_rim:.1f} mm long.",
        _CLIP,
        severity=Severity.WARNING,
    ),
)
