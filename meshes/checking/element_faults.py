"""Faults of points and tetrahedra, in the order in which they must be examined."""

import numpy as np

from twin.meshes import topology
from twin.meshes.checking.examination import FLAT, Examination
from twin.meshes.checking.findings import Fault, Severity

SLIVER = 0.05
"""Scaled Jacobian below which results suffer."""

HEART_SIZE = (60.0, 250.0)
"""Longest side of a heart's bounding box, mm."""

UNITS = {"um": 1e-3, "mm": 1.0, "cm": 10.0, "m": 1000.0}
"""mm in each unit."""


def _not_finite(mesh: Examination):
    return np.flatnonzero(~np.isfinite(mesh.points).all(axis=1))


def _empty(mesh: Examination):
    return np.zeros((int(len(mesh.points) == 0 or len(mesh.tetrahedra) == 0), 0))


def _outside_indices(mesh: Examination):
    corners = mesh.tetrahedra
    return np.flatnonzero(((corners < 0) | (corners >= len(mesh.points))).any(axis=1))


def _inverted(mesh: Examination):
    return np.flatnonzero(mesh.quality <= -FLAT)


def _slivers(mesh: Examination):
    quality = np.abs(mesh.quality)
    return np.flatnonzero((quality >= FLAT) & (quality < SLIVER))


def _duplicate_points(mesh: Examination):
    return np.flatnonzero(mesh.representative != np.arange(len(mesh.points)))


def _apart(mesh: Examination):
    return np.flatnonzero(mesh.components > 0)


def enclosed_voids(mesh: Examination):
    """One face of each component of the boundary that lies within another."""
    components = topology.surface_components(mesh.boundary)
    if components.max(initial=0) == 0:
        return np.zeros((0, 3), np.int64)
    a, b, c = np.moveaxis(mesh.points[mesh.boundary], 1, 0)
    enclosed = np.bincount(components, np.einsum("ij,ij->i", a, np.cross(b, c)))
    first = np.unique(components, return_index=True)[1]
    return mesh.boundary[first[enclosed < 0]]


def _out_of_scale(mesh: Examination):
    low, high = HEART_SIZE
    return np.zeros((int(not low <= mesh.size <= high), 0))


def _say_scale(mesh: Examination) -> str:
    low, high = HEART_SIZE
    text = f"Its longest side is {mesh.size:.4g} mm; a heart's is {low:.0f} to {high:.0f} mm."
    fitting = [unit for unit, scale in UNITS.items() if low <= mesh.size * scale <= high]
    return text + (f" It looks like a file in {fitting[0]}." if fitting else "")


_REMESH = "If it stays, mesh the heart's surface anew: `twin mesh import SURFACE --spacing 1.5`."

FAULTS: tuple[Fault, ...] = (
    Fault(
        "empty mesh",
        "mesh",
        _empty,
        "It has no points or no tetrahedra.",
        "A closed surface can be meshed: `twin mesh import SURFACE`.",
        gate=True,
    ),
    Fault(
        "points not finite",
        "points",
        _not_finite,
        "Their coordinates are NaN or infinite.",
        "{repair} puts single ones between their neighbours and drops the others.",
        gate=True,
    ),
    Fault(
        "node numbers out of range",
        "tetrahedra",
        _outside_indices,
        "They name points that do not exist; perhaps the file counts from 1.",
        "{repair} drops them.",
        gate=True,
    ),
    Fault(
        "collapsed tetrahedra",
        "tetrahedra",
        lambda mesh: np.flatnonzero(mesh.collapsed),
        "They name a node twice and have no volume.",
        "{repair} drops them.",
    ),
    Fault(
        "overlapping tetrahedra",
        "tetrahedra",
        lambda mesh: mesh.overlapping,
        "They lie on the same side of a face as their neighbour: a node has passed through it.",
        "{repair} moves the node back between its neighbours. " + _REMESH,
    ),
    Fault(
        "inverted tetrahedra",
        "tetrahedra",
        _inverted,
        "Their corners are numbered the wrong way round: their volume is negative.",
        "{repair} renumbers them.",
    ),
    Fault(
        "flat tetrahedra",
        "tetrahedra",
        lambda mesh: np.flatnonzero(mesh.flat),
        f"They have almost no volume (scaled Jacobian under {FLAT:g}).",
        "{repair} moves a node, collapses an edge or drops them. " + _REMESH,
    ),
    Fault(
        "slivers",
        "tetrahedra",
        _slivers,
        f"They are badly shaped (scaled Jacobian under {SLIVER:g}); solvers lose accuracy there.",
        "Mesh the heart's surface anew: `twin mesh import SURFACE --spacing 1.5`.",
        severity=Severity.WARNING,
    ),
    Fault(
        "duplicate points",
        "points",
        _duplicate_points,
        "They lie where an earlier point lies; what looks joined there is not.",
        "{repair} merges them.",
    ),
    Fault(
        "duplicate tetrahedra",
        "tetrahedra",
        lambda mesh: np.flatnonzero(mesh.repeated),
        "An earlier tetrahedron has the same corners.",
        "{repair} drops them.",
    ),
    Fault(
        "unreferenced points",
        "points",
        lambda mesh: np.flatnonzero(~mesh.referenced),
        "No tetrahedron uses them.",
        "{repair} drops them.",
        severity=Severity.WARNING,
    ),
    Fault(
        "separate tetrahedra",
        "tetrahedra",
        _apart,
        "No chain of shared faces joins them to the largest part of the mesh.",
        "{repair} keeps the largest part and says what it dropped.",
    ),
    Fault(
        "non-manifold edges",
        "boundary edges",
        lambda mesh: topology.non_manifold_edges(mesh.boundary),
        "Two walls touch along them: more than two boundary faces meet there.",
        "{repair} drops the smaller side's tetrahedra at the edge. " + _REMESH,
    ),
    Fault(
        "non-manifold nodes",
        "points",
        lambda mesh: topology.non_manifold_nodes(mesh.boundary),
        "Two walls touch in them.",
        "{repair} drops the smaller side's tetrahedra at the node. " + _REMESH,
    ),
    Fault(
        "enclosed voids",
        "boundary faces",
        enclosed_voids,
        "Cavities lie within the wall without a way out; the count is of one face for each.",
        "{repair} fills those of a single tetrahedron. " + _REMESH,
        severity=Severity.WARNING,
    ),
    Fault(
        "wrong scale",
        "mesh",
        _out_of_scale,
        _say_scale,
        "Say what the unit of the file is: `twin mesh repair {file} --unit cm` (or um, m); nothing "
        "is rescaled unless asked.",
    ),
)
