"""Labels of a boundary made whole: one patch for each wall, without specks and frayed edges."""

import numpy as np
from jaxtyping import Float, Int

from twin.meshes.topology import label_components, shared_edges

SPECK = 0.05
"""A patch with a smaller share of its label's area belongs to what surrounds it."""

SMOOTHING_ROUNDS = 5


def whole_patches(
    points: Float[np.ndarray, "points 3"],
    triangles: Int[np.ndarray, "faces 3"],
    labels: Int[np.ndarray, " faces"],
) -> Int[np.ndarray, " faces"]:
    """The labels with single triangles and small patches given to their neighbours."""
    one, other = (row // 3 for row in shared_edges(triangles))
    labels = _smooth(labels, one, other)
    a, b, c = (points[triangles[:, corner]] for corner in range(3))
    area = np.linalg.norm(np.cross(b - a, c - a), axis=1) / 2
    while True:
        same = labels[one] == labels[other]
        patch = label_components(one[same], other[same], len(labels))
        patch_area = np.bincount(patch, area)
        speck = patch_area < SPECK * np.bincount(labels, area)[labels[_first_of(patch)]]
        beside = _label_beside(patch, labels, one, other, len(speck))
        speck &= beside >= 0
        if not speck.any():
            return labels
        given = speck & ~_touching(speck, patch[one[~same]], patch[other[~same]])
        if not given.any():
            given[np.argmin(np.where(speck, patch_area, np.inf))] = True
        labels = np.where(given[patch], beside[patch], labels).astype(labels.dtype)


def _smooth(labels, one, other):
    """Triangles of which two neighbours agree on another label, given that label."""
    kinds = np.unique(labels)
    for _ in range(SMOOTHING_ROUNDS):
        votes = np.zeros((len(labels), len(kinds)), int)
        np.add.at(votes, (one, np.searchsorted(kinds, labels[other])), 1)
        np.add.at(votes, (other, np.searchsorted(kinds, labels[one])), 1)
        elected = np.where(votes.max(axis=1) >= 2, kinds[votes.argmax(axis=1)], labels)
        if (elected == labels).all():
            break
        labels = elected.astype(labels.dtype)
    return labels


def _touching(speck, one, other):
    """Patches beside a speck; two that touch must not exchange their labels."""
    touching = np.zeros(len(speck), bool)
    touching[one[speck[other]]] = True
    touching[other[speck[one]]] = True
    return touching


def _first_of(patch):
    return np.unique(patch, return_index=True)[1]


def _label_beside(patch, labels, one, other, count):
    """The label that most edges of each patch's rim have on their other side; -1 where none."""
    rim = patch[one] != patch[other]
    mine = np.concatenate([patch[one[rim]], patch[other[rim]]])
    theirs = np.concatenate([labels[other[rim]], labels[one[rim]]])
    votes = np.zeros((count, int(labels.max()) + 1), int)
    np.add.at(votes, (mine, theirs), 1)
    return np.where(votes.any(axis=1), votes.argmax(axis=1), -1)
