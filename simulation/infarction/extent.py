"""How much of a heart is scar, by the volume of elements: the most severe corner decides."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool

from twin.simulation.infarction.wall import Wall


@dataclass(frozen=True)
class Extent:
    """Volumes in mm3: of scar in the left and in the right ventricle, and of the left wall in the
    columns whose feet are scar, without the nodes that touch the right ventricle."""

    left: float
    right: float
    footprint: float

    @property
    def transmurality(self) -> float:
        """Share of the footprint's wall that is scar; 0 where no foot is."""
        return self.left / self.footprint if self.footprint else 0.0


def touched(wall: Wall, nodes: Bool[np.ndarray, " points"]) -> Bool[np.ndarray, " tets"]:
    """The elements with a corner among the nodes."""
    a, b, c, d = (nodes.take(corner) for corner in wall.corners)
    return a | b | c | d


def extent_of(
    scar: Bool[np.ndarray, " points"],
    wall: Wall,
    dead: Bool[np.ndarray, " tets"] | None = None,
) -> Extent:
    """`dead` are the elements with a corner in the scar, where they are known."""
    left, volumes = ~wall.right_tetrahedra, wall.volumes
    dead = touched(wall, scar) if dead is None else dead
    above_scar = (scar[wall.feet] & ~wall.is_right)[wall.columns] & wall.within_left
    footprint = touched(wall, above_scar) | dead if above_scar.any() else np.zeros_like(dead)
    return Extent(
        left=float(volumes[dead & left].sum()),
        right=float(volumes[dead & ~left].sum()),
        footprint=float(volumes[footprint & left].sum()),
    )
