"""Scar as a wavefront from the endocardium outwards that has gone deepest at its centre.

Every column gets a `spread`: how far it is along the wall from the nearest centre, ruffled by a
random field. The columns with a spread below a limit are the footprint. A node of the footprint is
scar where its depth is below a factor times its column's profile, which falls from the centre to
the edge. Limit and factor are solved for: each element has a critical value of both, and the
volumes of the elements add up in the order of these.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.sparse import csr_array, diags_array
from scipy.sparse.csgraph import dijkstra

from twin.simulation.infarction.places import Area
from twin.simulation.infarction.wall import Wall

SHALLOWEST = 0.05
"""Least profile within a footprint."""

BINS = 1 << 14
"""Into which critical factors are sorted: finer than one element of any mesh."""


@dataclass(frozen=True)
class Roughness:
    """How irregular scar is.

    edge, edge_length: spread of the logarithm of distance along the wall, and over how many mm it
        is correlated.
    depth, depth_length: the same of the depth.
    islands, island_length: share of the footprint's columns that survive, and their size, mm.
    """

    edge: float = 0.30
    edge_length: float = 14.0
    depth: float = 0.35
    depth_length: float = 9.0
    islands: float = 0.05
    island_length: float = 4.0


def spread_from(
    wall: Wall, centres: list[int], sizes: list[float], areas: list[Area], reach_right: bool
) -> Float[np.ndarray, " columns"]:
    """mm along the wall from the nearest centre over its size; ways outside of an area count
    more."""
    ways = wall.column_ways if reach_right else wall.left_column_ways
    spreads = [
        dijkstra(_lengthened(ways, area, wall), indices=centre) / size
        for centre, size, area in zip(centres, sizes, areas, strict=True)
    ]
    return np.min(spreads, axis=0)


def _lengthened(ways: csr_array, area: Area, wall: Wall) -> csr_array:
    outside = ~area.columns & ~wall.is_right
    if not outside.any():
        return ways
    factor = np.where(outside, area.outside if np.isfinite(area.outside) else 0.0, 1.0)
    if np.isfinite(area.outside):
        rows = np.repeat(factor, np.diff(ways.indptr))
        columns = factor[ways.indices]
        longer = ways.data * (rows + columns) / 2
        return csr_array((longer, ways.indices, ways.indptr), shape=ways.shape)
    within = diags_array(factor)
    kept = (within @ ways @ within).tocsr()
    kept.eliminate_zeros()
    return kept


@dataclass(frozen=True, eq=False)
class Shape:
    """A wavefront without its size: the spread of each column, infinite where it survives, and
    how deep it goes there against the mean of the same spread."""

    spread: Float[np.ndarray, " columns"]
    relief: Float[np.ndarray, " columns"]
    steepness: float

    @staticmethod
    def draw(
        wall: Wall,
        spread: Float[np.ndarray, " columns"],
        roughness: Roughness,
        random: np.random.Generator,
    ) -> "Shape":
        rough, right = roughness, bool(np.isfinite(spread[wall.is_right]).any())
        edge = wall.field(rough.edge_length, random, right)
        relief = wall.field(rough.depth_length, random, right)
        patches = wall.field(rough.island_length, random, right)
        limit = np.quantile(patches, 1 - rough.islands)
        # Around an island the scar is thinner, so that it opens like a funnel or a channel.
        funnel = np.clip((limit - patches) / 0.7, 0, 1)
        spread = np.where(patches > limit, np.inf, spread * np.exp(rough.edge * edge))
        relief = np.exp(rough.depth * relief) * (0.3 + 0.7 * funnel)
        return Shape(spread, relief, float(random.uniform(1.2, 4.0)))

    def profile(self, limit: float) -> Float[np.ndarray, " columns"]:
        """How deep, relative to the centre's mean; 0 outside of the footprint."""
        share = np.minimum(self.spread / limit, 1)
        depth = np.maximum((1 - share**self.steepness) * self.relief, SHALLOWEST)
        return np.where(self.spread < limit, depth, 0.0)


class Solver:
    """Footprint and depth by volume, for one shape, in one ventricle.

    `nodes` may become scar; the tetrahedra with these `corners` and `volumes` are what counts.
    """

    def __init__(
        self,
        wall: Wall,
        shape: Shape,
        nodes: Bool[np.ndarray, " points"],
        corners: Int[np.ndarray, "4 part"],
        volumes: Float[np.ndarray, " part"],
    ) -> None:
        self.wall, self.shape = wall, shape
        order = np.argsort(shape.spread, kind="stable")
        rank = np.empty(len(order), np.int32)
        rank[order] = np.arange(len(order))
        self.spreads = shape.spread[order]
        self.rank = np.where(nodes, rank[wall.columns], len(order)).astype(np.int32)
        self.corners, self.volumes = corners, volumes
        first = np.minimum.reduce([self.rank.take(corner) for corner in self.corners])
        covered = np.bincount(first, self.volumes, len(order) + 1)
        self.covered = np.cumsum(covered[:-1])
        self.finite = int(np.isfinite(self.spreads).sum())

    @property
    def largest(self) -> float:
        """Volume of the largest footprint, mm3."""
        return float(self.covered[self.finite - 1]) if self.finite else 0.0

    def limit(self, volume: float) -> float:
        """The spread up to which columns with the wall's `volume`, mm3, are the footprint."""
        count = int(np.abs(self.covered[: self.finite] - volume).argmin()) + 1
        if count == self.finite:
            return float(np.nextafter(self.spreads[count - 1], np.inf))
        return float(self.spreads[count])

    def footprint_volume(self, limit: float) -> float:
        count = int(np.searchsorted(self.spreads, limit))
        return float(self.covered[count - 1]) if count else 0.0

    def scar(self, limit: float, volume: float) -> Bool[np.ndarray, " points"]:
        """The footprint's nodes up to such a depth that elements with `volume`, mm3, are scar."""
        profile = self.shape.profile(limit)[self.wall.columns]
        inside = (profile > 0) & (self.rank < len(self.spreads))
        factor = np.divide(
            self.wall.depth, profile, out=np.full(len(profile), np.inf), where=inside
        )
        # From 0 to BINS - 1 in the order of the factor; outside of the footprint BINS.
        level = np.where(inside, (BINS - 1) * (factor / (1 + np.minimum(factor, 1e9))), BINS)
        level = np.ceil(level).astype(np.int32)
        least = np.minimum.reduce([level.take(corner) for corner in self.corners])
        filled = np.cumsum(np.bincount(least, self.volumes, BINS + 1)[:BINS])
        return level <= int(np.abs(filled - min(volume, filled[-1])).argmin())

    def thinnest(self, limit: float) -> float:
        """Volume of the scar if it takes no more than the elements at the footprint's feet."""
        inside = (self.rank < np.searchsorted(self.spreads, limit)) & (self.wall.depth == 0)
        touched = np.logical_or.reduce([inside.take(corner) for corner in self.corners])
        return float(self.volumes[touched].sum())
