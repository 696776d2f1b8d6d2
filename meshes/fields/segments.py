"""The seventeen segments of the American Heart Association (Cerqueira et al. 2002)."""

import numpy as np
from jaxtyping import Int

from twin.meshes.heart import Coordinates

APEX_TO_BASE_CUTS = (0.1, 0.4, 0.7)
"""Apicobasal coordinate where the tip ends, the apical ring ends, and the middle ring ends."""

NAMES = (
    "right ventricle",
    "basal anterior",
    "basal anteroseptal",
    "basal inferoseptal",
    "basal inferior",
    "basal inferolateral",
    "basal anterolateral",
    "mid anterior",
    "mid anteroseptal",
    "mid inferoseptal",
    "mid inferior",
    "mid inferolateral",
    "mid anterolateral",
    "apical anterior",
    "apical septal",
    "apical inferior",
    "apical lateral",
    "apex",
)
"""Name of each segment by its number; 0 is not a segment of the left ventricle."""

_SIX = np.array([4, 5, 6, 1, 2, 3])
_FOUR = np.array([15, 16, 13, 14])
_FOUR_START = -1 / 24
"""Where the first apical quarter begins, so that the septal one has its middle at 5/6."""


def aha_segments(coordinates: Coordinates) -> Int[np.ndarray, " points"]:
    """AHA segment of each node, 1 to 17; 0 in the right ventricle.

    Six equal sectors at the base and in the middle, counted from rotational 0 as inferior,
    inferolateral, anterolateral, anterior, anteroseptal, inferoseptal; four at the apex.
    """
    height = np.digitize(coordinates.apicobasal, APEX_TO_BASE_CUTS)
    rotational = coordinates.rotational % 1
    sixth = np.minimum((6 * rotational).astype(int), 5)
    quarter = (4 * ((rotational - _FOUR_START) % 1)).astype(int) % 4
    segments = np.choose(
        height, [np.full(len(height), 17), _FOUR[quarter], _SIX[sixth] + 6, _SIX[sixth]]
    )
    return np.where(coordinates.ventricle == 0, segments, 0).astype(np.int8)
