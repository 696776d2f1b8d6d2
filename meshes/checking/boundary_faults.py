"""Faults of the labelled boundary, and how they are mended.

A volume without triangles has none of them: its walls are found by shape later.
"""

from dataclasses import replace

import numpy as np

from twin.meshes import topology
from twin.meshes.checking.examination import Examination
from twin.meshes.checking.findings import Fault
from twin.meshes.heart import Boundary
from twin.meshes.volume import NO_FACES, NO_LABELS, Volume

UNKNOWN = 0
ISLAND = 0.01
"""A patch with less than this fraction of its label's triangles is an island."""

NOTHING = np.zeros(0, np.int64)


def _labelled(mesh: Examination) -> bool:
    return len(mesh.volume.triangles) > 0 and len(mesh.boundary) > 0


def _wrong_number(mesh: Examination):
    wrong = len(mesh.volume.boundary) != len(mesh.volume.triangles)
    return np.zeros((int(wrong), 0))


def _say_number(mesh: Examination) -> str:
    labels, triangles = len(mesh.volume.boundary), len(mesh.volume.triangles)
    return f"There are {labels:,} labels for {triangles:,} triangles."


def _outside_indices(mesh: Examination):
    corners = np.asarray(mesh.volume.triangles)
    return np.flatnonzero(((corners < 0) | (corners >= len(mesh.points))).any(axis=1))


def _off_boundary(mesh: Examination):
    if not _labelled(mesh):
        return NOTHING
    off = np.ones(len(mesh.volume.triangles), bool)
    off[mesh.triangle_of_face[mesh.triangle_of_face >= 0]] = False
    return np.flatnonzero(off)


def _missing(mesh: Examination):
    if not _labelled(mesh):
        return np.zeros((0, 3), np.int64)
    return mesh.boundary[mesh.triangle_of_face < 0]


def _facing_inwards(mesh: Examination):
    if not _labelled(mesh):
        return NOTHING
    found = mesh.triangle_of_face >= 0
    own = mesh.triangle_of_face[found]
    face, triangle = mesh.boundary[found], np.asarray(mesh.volume.triangles)[own]
    turned = [np.roll(triangle, shift, axis=1) for shift in range(3)]
    same = np.any([(face == turn).all(axis=1) for turn in turned], axis=0)
    return np.sort(own[~same])


def _impossible(mesh: Examination):
    return np.flatnonzero(~np.isin(mesh.volume.boundary, [UNKNOWN, *Boundary]))


def _unlabelled(mesh: Examination):
    return np.flatnonzero(np.asarray(mesh.volume.boundary) == UNKNOWN)


def _islands(mesh: Examination):
    if not _labelled(mesh):
        return NOTHING
    volume = mesh.volume
    return np.flatnonzero(islands(np.asarray(volume.triangles), np.asarray(volume.boundary)))


def islands(triangles: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """True on triangles of patches too small to be a wall."""
    one, other = (edges // 3 for edges in topology.shared_edges(triangles))
    same = labels[one] == labels[other]
    patch = topology.label_components(one[same], other[same], len(triangles))
    patch_size, label_size = np.bincount(patch)[patch], np.bincount(labels)[labels]
    return patch_size < ISLAND * label_size


def _walls_missing(mesh: Examination):
    if not _labelled(mesh):
        return NOTHING
    needed = [Boundary.LV_ENDOCARDIUM, Boundary.EPICARDIUM, Boundary.BASE]
    return np.setdiff1d(needed, mesh.volume.boundary)


def _say_walls(mesh: Examination) -> str:
    names = [Boundary(label).name.replace("_", " ") for label in _walls_missing(mesh)]
    return f"No boundary triangle is labelled {' or '.join(names)}."


def open_rims(triangles: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Edges where an endocardium meets another wall than the base, around holes.

    The rim of an endocardium falls into closed curves. Around a valve it meets the base; a curve
    more than half of which meets epicardium or the other endocardium goes around a hole.
    """
    edges = topology.triangle_edges(triangles)
    one, other = topology.shared_edges(triangles)
    found = [np.zeros((0, 2), np.int64)]
    for endocardium in (Boundary.LV_ENDOCARDIUM, Boundary.RV_ENDOCARDIUM):
        inner, outer = labels[one // 3] == endocardium, labels[other // 3] == endocardium
        rim = edges[one[inner != outer]]
        facing = np.where(inner, labels[other // 3], labels[one // 3])[inner != outer]
        if len(rim) == 0:
            continue
        nodes, ends = np.unique(rim, return_inverse=True)
        one_end, other_end = ends.reshape(-1, 2).T
        curve = topology.label_components(one_end, other_end, len(nodes))[one_end]
        elsewhere = facing != Boundary.BASE
        share = np.bincount(curve, elsewhere) / np.bincount(curve)
        found.append(rim[elsewhere & (share[curve] > 0.5)])
    return np.unique(np.sort(np.vstack(found), axis=1), axis=0)


def _open_endocardium(mesh: Examination):
    if not _labelled(mesh):
        return np.zeros((0, 2), np.int64)
    labels = np.asarray(mesh.volume.boundary)
    return open_rims(np.asarray(mesh.volume.triangles, np.int64), labels)


def mend_boundary(volume: Volume) -> tuple[Volume, str]:
    """The whole boundary, facing outwards; what has no label takes that of the triangles beside it.

    Labels are dropped altogether where they cannot be told apart or none is known.
    """
    triangles, labels = np.asarray(volume.triangles), np.asarray(volume.boundary)
    usable = len(labels) == len(triangles)
    if usable:
        inside = ((triangles >= 0) & (triangles < len(volume.points))).all(axis=1)
        volume = replace(volume, triangles=triangles[inside], boundary=labels[inside])
        mesh = Examination(volume)
        row = mesh.triangle_of_face
        labels = np.where(row >= 0, volume.boundary[row], UNKNOWN) if inside.any() else row * 0
        labels[~np.isin(labels, list(Boundary))] = UNKNOWN
        labels[islands(mesh.boundary, labels)] = UNKNOWN
        usable = bool((labels != UNKNOWN).any())
    if not usable:
        unlabelled = replace(volume, triangles=NO_FACES.copy(), boundary=NO_LABELS.copy())
        return unlabelled, "dropped the labels; the walls are found by shape"
    spread = _spread_labels(mesh.boundary, labels)
    changed = int((labels != spread).sum())
    kind = volume.boundary.dtype
    faces = mesh.boundary.astype(volume.triangles.dtype)
    mended = replace(volume, triangles=faces, boundary=spread.astype(kind))
    return mended, f"took the {len(faces):,} boundary faces; {changed:,} got a neighbour's label"


def _spread_labels(triangles, labels):
    """Unknown labels from the neighbours, most frequent first, until nothing changes."""
    labels = labels.copy()
    one, other = (edges // 3 for edges in topology.shared_edges(triangles))
    one, other = np.concatenate([one, other]), np.concatenate([other, one])
    while True:
        votes = np.zeros((len(triangles), max(Boundary) + 1), np.int64)
        np.add.at(votes, (one, labels[other]), 1)
        votes[:, UNKNOWN] = 0
        heard = (labels == UNKNOWN) & (votes.sum(axis=1) > 0)
        if not heard.any():
            return labels
        labels[heard] = votes[heard].argmax(axis=1)


FAULTS = (
    Fault(
        "wrong number of labels",
        "labels",
        _wrong_number,
        _say_number,
        "{repair} drops the labels and the walls are found by shape.",
        gate=True,
    ),
    Fault(
        "triangle node numbers out of range",
        "triangles",
        _outside_indices,
        "They name points that do not exist; perhaps the file counts from 1.",
        "{repair} drops them.",
        gate=True,
    ),
    Fault(
        "triangles off the boundary",
        "triangles",
        _off_boundary,
        "They are not a face of exactly one tetrahedron, or are there twice.",
        "{repair} drops them.",
    ),
    Fault(
        "boundary faces without triangle",
        "boundary faces",
        _missing,
        "The labelled triangles do not cover the whole boundary.",
        "{repair} adds them with the label of their neighbours.",
    ),
    Fault(
        "triangles facing inwards",
        "triangles",
        _facing_inwards,
        "Their corners are numbered so that the normal points into the wall.",
        "{repair} turns them.",
    ),
    Fault(
        "impossible labels",
        "triangles",
        _impossible,
        "A label is 1 base, 2 epicardium, 3 LV endocardium or 4 RV endocardium.",
        "{repair} gives them the label of their neighbours.",
    ),
    Fault(
        "unlabelled triangles",
        "triangles",
        _unlabelled,
        "Their label is 0, unknown.",
        "{repair} gives them the label of their neighbours, or drops all labels if none is known.",
    ),
    Fault(
        "label islands",
        "triangles",
        _islands,
        f"They lie in patches under {ISLAND:.0%} of their wall, amid another wall.",
        "{repair} gives them the label around them.",
    ),
    Fault(
        "walls without triangles",
        "walls",
        _walls_missing,
        _say_walls,
        "Label them in the file, or leave all labels out: the walls are then found by shape.",
    ),
    Fault(
        "endocardium open to the outside",
        "boundary edges",
        _open_endocardium,
        "An endocardium meets epicardium or the other endocardium: the wall or septum has a hole.",
        "Close the hole in the surface that was meshed and mesh it again; or, if the labels are "
        "wrong there, leave them out and the walls are found by shape.",
    ),
)
