"""The border zone: an irregular band around scar, as far as it is through the myocardium."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from scipy.sparse.csgraph import dijkstra

from twin.meshes.errors import InputError
from twin.simulation.infarction.wall import Wall

NARROWEST, WIDEST = 1.0, 5.0
"""mm."""


@dataclass(frozen=True)
class BorderZone:
    """A band of `width` mm in the mean whose logarithm varies by `irregularity`, correlated over
    `length` mm, between NARROWEST and WIDEST; 0 makes it even.

    A band is never thinner than one edge of the mesh.
    """

    width: float = 2.5
    irregularity: float = 0.35
    length: float = 10.0

    def __post_init__(self) -> None:
        if not NARROWEST <= self.width <= WIDEST:
            raise InputError(
                f"border zone of {self.width} mm; expected {NARROWEST:g} to {WIDEST:g} mm"
            )
        if not (0 <= self.irregularity <= 1 and self.length > 0):
            raise InputError(
                f"border zone: irregularity {self.irregularity} over {self.length} mm; expected 0 "
                "to 1 over a positive length"
            )

    def around(
        self,
        scar: Bool[np.ndarray, " points"],
        wall: Wall,
        allowed: Bool[np.ndarray, " points"],
        random: np.random.Generator,
    ) -> Bool[np.ndarray, " points"]:
        """The nodes within the band's width of scar, by the way through the myocardium."""
        if not scar.any():
            return np.zeros(len(scar), bool)
        rim = wall.graph.around(scar)
        sources = np.flatnonzero(rim & scar)
        distance = dijkstra(wall.mesh_ways, indices=sources, min_only=True, limit=WIDEST)
        near = np.flatnonzero(np.isfinite(distance) & ~scar)
        width = self._widths(wall, random, bool(allowed.all()))[wall.columns[near]]
        rim[near[distance[near] <= width]] = True
        return rim & allowed & ~scar

    def _widths(
        self, wall: Wall, random: np.random.Generator, right: bool
    ) -> Float[np.ndarray, " columns"]:
        spread, field = self.irregularity, wall.field(self.length, random, right)
        return np.clip(self.width * np.exp(spread * field - spread**2 / 2), NARROWEST, WIDEST)
