"""An infarct in numbers. Masses are those of elements, by the most severe of their corners."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Int
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from twin.meshes.anatomy.sizes import MYOCARDIAL_DENSITY
from twin.meshes.heart import Heart
from twin.simulation.infarct import Infarct, Zone
from twin.simulation.infarction.extent import extent_of
from twin.simulation.infarction.wall import Wall

SMALLEST_PIECE = 0.002
"""Share of all scar below which a part of it is not counted as a piece."""


@dataclass(frozen=True)
class Description:
    """Shares of mass unless said otherwise.

    scar, border: of the left ventricle. scar_grams: of scar in the left ventricle.
    right_scar: of the right ventricle.
    transmurality: scar's share of the left wall in the columns whose feet are scar.
    compactness: 36 pi V^2 / S^3 of all scar, V its volume and S its surface: 1 for a ball, less
        the more it is spread out or broken up; on a finer mesh S shows more detail.
    pieces: parts of scar that are not connected, specks left out.
    segments_scar, segments_border: of each AHA segment, 1 to 17.
    """

    scar: float
    scar_grams: float
    border: float
    right_scar: float
    transmurality: float
    compactness: float
    pieces: int
    segments_scar: Mapping[int, float]
    segments_border: Mapping[int, float]
    acute: bool

    @property
    def main_segments(self) -> tuple[int, ...]:
        """Segments of which half or more is scar."""
        return tuple(number for number, share in self.segments_scar.items() if share >= 0.5)


def describe(infarct: Infarct, heart: Heart) -> Description:
    wall = Wall.of(heart)
    zones = infarct.elements(heart)
    scar, border = zones == Zone.SCAR, zones == Zone.BORDER
    left = ~wall.right_tetrahedra
    extent = extent_of(infarct.zones == Zone.SCAR, wall)
    return Description(
        scar=extent.left / wall.left_volume,
        scar_grams=extent.left * MYOCARDIAL_DENSITY / 1000,
        border=float(wall.volumes[border & left].sum()) / wall.left_volume,
        right_scar=extent.right / wall.right_volume if wall.right_volume else 0.0,
        transmurality=extent.transmurality,
        compactness=compactness(scar, wall),
        pieces=count_pieces(scar, wall),
        segments_scar=segment_shares(scar, wall),
        segments_border=segment_shares(border, wall),
        acute=infarct.acute,
    )


def segment_shares(elements: Bool[np.ndarray, " tets"], wall: Wall) -> dict[int, float]:
    """The share of each AHA segment's mass that the elements are."""
    volumes = np.bincount(wall.segments[elements], wall.volumes[elements], minlength=18)
    shares = volumes / np.maximum(wall.segment_volumes, 1e-12)
    return {number: float(shares[number]) for number in range(1, 18)}


def compactness(elements: Bool[np.ndarray, " tets"], wall: Wall) -> float:
    if not elements.any():
        return 0.0
    neighbours = wall.face_neighbours[elements]
    bare = (neighbours < 0) | ~elements[neighbours]
    surface = float(wall.face_areas[elements][bare].sum())
    volume = float(wall.volumes[elements].sum())
    return 36 * np.pi * volume**2 / surface**3


def count_pieces(elements: Bool[np.ndarray, " tets"], wall: Wall) -> int:
    """Parts of the elements that no shared node connects, but for specks."""
    if not elements.any():
        return 0
    part = _parts(wall.heart.tetrahedra[elements], len(wall.heart.points))
    volumes = np.bincount(part, wall.volumes[elements])
    return int((volumes > SMALLEST_PIECE * volumes.sum()).sum())


def _parts(tetrahedra: Int[np.ndarray, "part 4"], nodes: int) -> Int[np.ndarray, " part"]:
    first, other = np.repeat(tetrahedra[:, 0], 3), tetrahedra[:, 1:].ravel()
    links = coo_array((np.ones(len(first), bool), (first, other)), shape=(nodes, nodes))
    return connected_components(links, directed=False)[1][tetrahedra[:, 0]]
