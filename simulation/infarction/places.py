"""Where an infarct lies: a coronary artery's territory, AHA segments, or any place in the wall."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

import numpy as np
from jaxtyping import Bool, Float

from twin.meshes.errors import InputError
from twin.meshes.fields.segments import APEX_TO_BASE_CUTS
from twin.simulation.infarction.wall import Wall


class Artery(Enum):
    """A coronary artery, with the AHA segments that Cerqueira et al. (2002) assign to it."""

    LAD = (1, 2, 7, 8, 13, 14, 17)
    LCX = (5, 6, 11, 12, 16)
    RCA = (3, 4, 9, 10, 15)

    @staticmethod
    def named(name: str) -> "Artery":
        try:
            return Artery[name.strip().upper()]
        except KeyError:
            known = ", ".join(artery.name for artery in Artery)
            raise InputError(f"artery {name!r} is not known; expected one of {known}") from None


class Dominance(Enum):
    """Which artery supplies the inferior wall; the value is where the RCA's territory ends and the
    LCx's begins, as a rotational coordinate: the inferior wall runs from 0 to 1/6 and the
    inferoseptal one from -1/6."""

    RIGHT = 1 / 6
    BALANCED = 0.0
    LEFT = -1 / 6


DOMINANCE_SHARES = {Dominance.RIGHT: 0.82, Dominance.BALANCED: 0.09, Dominance.LEFT: 0.09}
"""Of people, about (docs/infarct.md)."""

BORDER_SPREAD = 0.02
"""Standard deviation of the borders between territories, of a full turn: 7 degrees."""

WAVINESS, WAVE_LENGTH = 0.025, 15.0
"""How much such a border winds, of a full turn, and over how many mm."""

OUTSIDE = 3.0
"""How much farther it counts to spread beyond a territory than within it."""

OVERFLOW = 1.15
"""Of its territory's volume that an infarct may come to cover."""

SEPTAL = {"upper": 5 / 6, "apical": 23 / 24}
LATERAL = {"upper": 1 / 2, "apical": 11 / 24}
INFERIOR = {"upper": 1 / 6, "apical": 5 / 24}
"""Borders between LAD and RCA, LAD and LCx, RCA and LCx: above, and among the apical segments."""


@dataclass(frozen=True, eq=False)
class Area:
    """The columns in which an infarct may lie, and the factor that a way outside of them counts;
    infinite where it may not leave them. `words` say which area it is, and `weights` how likely a
    column of it is to be the centre, for its volume."""

    columns: Bool[np.ndarray, " columns"]
    outside: float
    words: str
    weights: Float[np.ndarray, " columns"]


@dataclass(frozen=True)
class Territory:
    """What an artery supplies, or the part of it beyond an occlusion.

    dominance: None draws it as it is distributed among people.
    extent: the share of the territory that is beyond the occlusion, 1 where it is proximal. Of the
        LAD's the lowest part is left, of the LCx's the inferolateral, of the RCA's the one that
        borders on the LCx's.
    wrap: height up to which the LAD supplies all of the apex around it.

    Borders between territories vary by `BORDER_SPREAD` from one seed to the next.
    """

    artery: Artery
    dominance: Dominance | None = None
    extent: float = 1.0
    wrap: float = APEX_TO_BASE_CUTS[0]

    def __post_init__(self) -> None:
        if not 0 < self.extent <= 1:
            raise InputError(f"extent of a territory: {self.extent}; expected above 0, at most 1")
        if not 0 <= self.wrap <= 0.5:
            raise InputError(f"wrap of the LAD: {self.wrap}; expected a height of 0 to 0.5")

    def area(self, wall: Wall, random: np.random.Generator) -> Area:
        dominance = self.dominance or self._draw_dominance(random)
        supplied, along = _supply(wall, self.artery, dominance, self.wrap, random)
        if supplied.any():
            supplied &= along <= np.quantile(along[supplied], self.extent)
        words = f"the {self.artery.name}'s territory ({dominance.name.lower()} dominance)"
        return Area(supplied, OUTSIDE, words, _central(wall, supplied, along))

    def _draw_dominance(self, random: np.random.Generator) -> Dominance:
        """Where the left dominates, the RCA supplies none of the left ventricle."""
        kinds = [
            kind for kind in Dominance if not (self.artery is Artery.RCA and kind is Dominance.LEFT)
        ]
        shares = np.array([DOMINANCE_SHARES[kind] for kind in kinds])
        return kinds[int(random.choice(len(kinds), p=shares / shares.sum()))]


@dataclass(frozen=True)
class Segments:
    """A set of AHA segments, whose borders an infarct keeps."""

    numbers: Sequence[int]

    def __post_init__(self) -> None:
        wrong = [n for n in self.numbers if n not in range(1, 18)]
        if wrong or not len(self.numbers):
            raise InputError(f"AHA segments {list(self.numbers)}: expected numbers from 1 to 17")

    def area(self, wall: Wall, random: np.random.Generator) -> Area:
        own = np.isin(wall.heart.segments[wall.feet], list(self.numbers))
        words = f"the AHA segments {', '.join(map(str, sorted(self.numbers)))}"
        return Area(own, np.inf, words, _central(wall, own, np.zeros(len(own))))


@dataclass(frozen=True)
class Centre:
    """Around a place of the left ventricle given by its coordinates, as far as it takes."""

    apicobasal: float
    rotational: float

    def __post_init__(self) -> None:
        if not (0 <= self.apicobasal <= 1 and np.isfinite(self.rotational)):
            raise InputError(
                f"centre ({self.apicobasal}, {self.rotational}): expected an apicobasal coordinate "
                "from 0 to 1 and a rotational one, 0 to 1 around"
            )

    def area(self, wall: Wall, random: np.random.Generator) -> Area:
        return _everywhere(wall)


@dataclass(frozen=True)
class Anywhere:
    """Around a place drawn evenly from the left ventricle."""

    def area(self, wall: Wall, random: np.random.Generator) -> Area:
        return _everywhere(wall)


Place = Territory | Segments | Centre | Anywhere


def draw_centre(place: Place, area: Area, wall: Wall, random: np.random.Generator) -> int:
    """The column where the infarct is deepest."""
    if isinstance(place, Centre):
        return wall.column_at(place.apicobasal, place.rotational)
    own = np.flatnonzero(area.columns)
    if not len(own):
        raise InputError(
            f"{area.words} holds nothing of this heart's left ventricle; ask for another place"
        )
    weights = wall.column_volumes[own] * area.weights[own]
    return int(own[random.choice(len(own), p=weights / weights.sum())])


def _everywhere(wall: Wall) -> Area:
    left = ~wall.is_right
    return Area(left, np.inf, "the left ventricle", left.astype(float))


def _central(
    wall: Wall, own: Bool[np.ndarray, " columns"], along: Float[np.ndarray, " columns"]
) -> Float[np.ndarray, " columns"]:
    """Greatest around the middle of an area, and towards the end of the artery's course: what it
    supplies last dies first."""
    weights = np.zeros(len(own))
    if own.any():
        volumes = wall.column_volumes[own] * (1.3 - _ranks(along[own])) ** 2
        middle = np.average(wall.places[own], axis=0, weights=volumes)
        squared = ((wall.places[own] - middle) ** 2).sum(axis=1)
        weights[own] = np.exp(-3 * squared / np.average(squared, weights=volumes))
    return weights


def _ranks(values: np.ndarray) -> np.ndarray:
    """From 0 to 1 in the order of the values."""
    _, place = np.unique(values, return_inverse=True)
    return place / max(1, place.max())


def _supply(
    wall: Wall, artery: Artery, dominance: Dominance, wrap: float, random: np.random.Generator
) -> tuple[Bool[np.ndarray, " columns"], Float[np.ndarray, " columns"]]:
    """The left ventricle's columns that the artery supplies, and how far from the end of its
    course each lies."""
    c = wall.heart.coordinates
    height, angle = c.apicobasal[wall.feet], c.rotational[wall.feet]
    angle = (angle + WAVINESS * wall.field(WAVE_LENGTH, random, right=False)) % 1
    # From the upper borders to the apical ones over a tenth of the height.
    apical = np.clip((APEX_TO_BASE_CUTS[1] + 0.05 - height) / 0.1, 0, 1)

    def border(places: dict[str, float], shift: float = 0.0) -> np.ndarray:
        middle = places["upper"] + (places["apical"] - places["upper"]) * apical
        return middle + shift + BORDER_SPREAD * np.clip(random.normal(), -2, 2)

    septal, lateral = border(SEPTAL), border(LATERAL)
    inferior = border(INFERIOR, dominance.value - Dominance.RIGHT.value)
    by_lad = ((angle > lateral) & (angle < septal)) | (height < wrap)
    # From the septal border through the inferior wall to the lateral one, as 0 to 1.
    turn = (angle - septal) % 1
    span = np.maximum((inferior - septal + 0.25) % 1 - 0.25, 0)
    by_rca = ~by_lad & (turn < span)
    by_lcx = ~by_lad & ~by_rca
    own, along = {
        Artery.LAD: (by_lad, height),
        Artery.RCA: (by_rca, span - turn),
        Artery.LCX: (by_lcx, turn - span),
    }[artery]
    return own & ~wall.is_right, along
