"""Mending what can be mended without guessing."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from twin.meshes.checking import mending
from twin.meshes.checking.boundary_faults import FAULTS as BOUNDARY_FAULTS
from twin.meshes.checking.boundary_faults import mend_boundary
from twin.meshes.checking.check import check
from twin.meshes.checking.element_faults import HEART_SIZE, UNITS
from twin.meshes.checking.fibre_faults import FAULTS as FIBRE_FAULTS
from twin.meshes.checking.fibre_faults import mend_fibres
from twin.meshes.checking.findings import Finding
from twin.meshes.errors import InputError
from twin.meshes.volume import Volume

ROUNDS = 5
ALONG = "gone with the other repairs"

MENDERS: dict[str, Callable[[Volume], tuple[Volume, str]]] = {
    "node numbers out of range": mending.drop_outside,
    "points not finite": mending.place_points,
    "duplicate points": mending.merge_points,
    "collapsed tetrahedra": mending.drop_collapsed,
    "duplicate tetrahedra": mending.drop_repeated,
    "overlapping tetrahedra": mending.untangle,
    "inverted tetrahedra": mending.flip_inverted,
    "flat tetrahedra": mending.mend_flat,
    "separate tetrahedra": mending.keep_largest,
    "enclosed voids": mending.fill_voids,
    "non-manifold edges": mending.part_touching_walls,
    "non-manifold nodes": mending.part_touching_walls,
    "unreferenced points": mending.drop_unreferenced,
    **{fault.name: mend_fibres for fault in FIBRE_FAULTS[:-1]},
    **{fault.name: mend_boundary for fault in BOUNDARY_FAULTS[:-2]},
}
"""In the order in which they are applied: later ones trust what earlier ones leave."""


def repair(
    volume: Volume, unit: str | None = None, file: str = "FILE"
) -> tuple[Volume, list[Finding]]:
    """The mended volume, and the findings that are gone, each with what was done as its remedy.

    A sound volume comes back as it is. What cannot be mended stays; `check` then says so. Lengths
    are rescaled only when `unit` says what the points are in; what was done is in the remarks.
    """
    findings = check(volume, file)
    seen: dict[str, Finding] = {}
    said: dict[str, list[str]] = {}
    for _ in range(ROUNDS):
        seen = {finding.name: finding for finding in findings} | seen
        before = volume
        volume = _mend(volume, {finding.name for finding in findings}, said)
        if volume is before:
            break
        findings = check(volume, file)
    if unit is not None and UNITS.get(unit) != 1:
        volume = _rescale(volume, unit)
        said["wrong scale"] = [f"points were in {unit}, multiplied by {UNITS[unit]:g}"]
        findings = check(volume, file)
    left = {finding.name for finding in findings}
    mended = [
        replace(finding, remedy=f"Mended: {'; '.join(said.get(name, [ALONG]))}.")
        for name, finding in seen.items()
        if name not in left
    ]
    remarks = tuple(f"{finding.name}: {finding.amount}. {finding.remedy}" for finding in mended)
    return (replace(volume, remarks=volume.remarks + remarks) if mended else volume), mended


def _mend(volume, names, said):
    """Each mender once whose fault is among `names`; `said` notes under the name what it did."""
    done: dict[Callable, str] = {}
    for name in (name for name in MENDERS if name in names):
        mender = MENDERS[name]
        if mender not in done:
            with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
                volume, done[mender] = mender(volume)
        if done[mender]:
            said.setdefault(name, []).append(done[mender])
    return volume


def _rescale(volume, unit):
    """Points in mm, if that gives a heart's size."""
    if unit not in UNITS:
        raise InputError(f"unit {unit!r} is not known; expected one of {', '.join(UNITS)}")
    points = np.asarray(volume.points) * UNITS[unit]
    size = float(np.ptp(points, axis=0).max()) if len(points) else 0.0
    low, high = HEART_SIZE
    if not low <= size <= high:
        raise InputError(
            f"with points in {unit} the mesh would be {size:.4g} mm long, but a heart is {low:.0f} "
            f"to {high:.0f} mm; look at the file's unit again"
        )
    return replace(volume, points=points)
