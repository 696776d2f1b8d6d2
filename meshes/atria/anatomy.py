"""The shape of a left atrium: a body, its veins, the appendage, the vestibule of the mitral valve.

In the frame of the body's centre, axes LPS. Each part is an implicit shape; the wall is where
their smooth union vanishes, and a place on it belongs to the part that is nearest.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
from jaxtyping import Float, Int

from twin.meshes.anatomy.implicit import (
    Egg,
    HalfSpace,
    Level,
    Undulation,
    normalise_blend,
    swollen,
    union,
)
from twin.meshes.atria.regions import VEINS, Region
from twin.meshes.atria.vessel import Vessel

CREASE = {
    Region.MITRAL_VESTIBULE: 9.0,
    Region.APPENDAGE: 3.0,
    Region.LEFT_COMMON_TRUNK: 5.0,
}
"""Within how many mm of each other the part and the rest are blended."""
VEIN_CREASE = 4.0

REACH = 14.0
"""How far around its ball a part is asked for its distance, mm; more than any crease."""
FAR = 1e3
MARGIN = 2.0
VESTIBULE = 7.0
"""Width of the band along the mitral ring, mm."""


class Part(Protocol):
    """A shape and a ball around it."""

    @property
    def ball(self) -> tuple[Float[np.ndarray, "3"], float]: ...

    def __call__(self, points: Float[np.ndarray, "3 points"]) -> Level: ...


@dataclass(frozen=True, eq=False)
class Body:
    """An ellipsoid with low harmonics."""

    ellipsoid: Egg
    undulation: Undulation

    def __call__(self, points: Float[np.ndarray, "3 points"]) -> Level:
        return swollen(self.ellipsoid(points), self.undulation(points))

    @property
    def ball(self) -> tuple[Float[np.ndarray, "3"], float]:
        return self.ellipsoid.centre, _longest(self.ellipsoid)


@dataclass(frozen=True, eq=False)
class Appendage:
    """Lobes, one grown out of another, from the neck to the tip."""

    lobes: tuple[Egg, ...]
    crease: float = 5.0

    def __call__(self, points: Float[np.ndarray, "3 points"]) -> Level:
        level = self.lobes[0](points)
        for lobe in self.lobes[1:]:
            level = normalise_blend(union(level, lobe(points), self.crease))
        return level

    @cached_property
    def ball(self) -> tuple[Float[np.ndarray, "3"], float]:
        centre = np.mean([lobe.centre for lobe in self.lobes], axis=0)
        reach = [np.linalg.norm(lobe.centre - centre) + _longest(lobe) for lobe in self.lobes]
        return centre, float(max(reach))


def _longest(ellipsoid: Egg) -> float:
    """Its longest semi-axis, mm."""
    return float(1 / np.linalg.norm(ellipsoid.to_unit_ball, ord=-2))


@dataclass(frozen=True, eq=False)
class Anatomy:
    """The parts by their region; every one but the body grows out of those before it."""

    body: Body
    vessels: Mapping[Region, Vessel]
    appendage: Appendage

    @cached_property
    def parts(self) -> dict[Region, Part]:
        first: dict[Region, Part] = {Region.BODY: self.body}
        return first | {**self.vessels, Region.APPENDAGE: self.appendage}

    @cached_property
    def openings(self) -> dict[Region, Vessel]:
        """The vessels that end in a rim."""
        ending = (*VEINS, Region.MITRAL_VESTIBULE)
        return {region: self.vessels[region] for region in ending if region in self.vessels}

    def wall(self, points: Float[np.ndarray, "3 points"]) -> Level:
        """Distance to first order from the endocardium, every vessel still closed."""
        whole = self.body(points)
        value, gradient = np.array(whole.value), np.array(whole.gradient)
        for region, part in self.parts.items():
            if region != Region.BODY:
                near = _near(part, points)
                before = Level(value[near], gradient[:, near])
                blend = union(before, part(points[:, near]), CREASE.get(region, VEIN_CREASE))
                value[near], gradient[:, near] = normalise_blend(blend)
        return Level(value, gradient)

    def ostium(self, region: Region, points: Float[np.ndarray, "3 points"]) -> Level:
        """Negative where this part is nearer than every other."""
        own, first = self._level(self.parts[region], points)
        rest, second = np.full(points.shape[1], FAR), np.zeros(points.shape)
        for name, part in self.parts.items():
            if name != region:
                value, gradient = self._level(part, points)
                nearer = value < rest
                rest = np.where(nearer, value, rest)
                second = np.where(nearer, gradient, second)
        return Level(own - rest, first - second)

    def regions(self, points: Float[np.ndarray, "3 points"]) -> Int[np.ndarray, " points"]:
        """The nearest part; of the vestibule's tube only the last of it is one."""
        names = np.array(list(self.parts), np.int8)
        values = np.array([self._level(part, points)[0] for part in self.parts.values()])
        found = names[values.argmin(axis=0)]
        found[found == Region.MITRAL_VESTIBULE] = Region.BODY
        band = (found == Region.BODY) & (self.vestibule(points).value > 0)
        found[band] = Region.MITRAL_VESTIBULE
        return found

    @cached_property
    def vestibule(self) -> HalfSpace:
        """Where the band along the mitral ring begins."""
        ring = self.vessels[Region.MITRAL_VESTIBULE].rim
        return HalfSpace(ring.normal, ring.offset - VESTIBULE)

    def _level(self, part: Part, points: Float[np.ndarray, "3 points"]) -> Level:
        """The part's own distance; `FAR` beyond where it matters."""
        near = _near(part, points)
        value, gradient = np.full(points.shape[1], FAR), np.zeros(points.shape)
        value[near], gradient[:, near] = part(points[:, near])
        return Level(value, gradient)

    @cached_property
    def bounds(self) -> tuple[Float[np.ndarray, "3"], Float[np.ndarray, "3"]]:
        """A box around the whole."""
        balls = [part.ball for part in self.parts.values()]
        low = np.min([centre - radius for centre, radius in balls], axis=0)
        high = np.max([centre + radius for centre, radius in balls], axis=0)
        return low - MARGIN, high + MARGIN


def _near(part: Part, points: Float[np.ndarray, "3 points"]) -> Int[np.ndarray, " near"]:
    """The points at which the part can make a difference to the wall."""
    centre, radius = part.ball
    offset = points - centre[:, None]
    squared = np.einsum("ij,ij->j", offset, offset)
    return np.flatnonzero(squared < (radius + REACH) ** 2)
