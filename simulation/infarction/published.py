"""The sixteen infarcts of a published cohort (arXiv 2605.22044), made on the heart itself.

Eight sets of AHA segments, each transmural or within the inner half of the wall. There, scar is
where smooth noise, scaled to 0 to 1 within the set, exceeds a threshold. As published the noise
filled the heart's bounding box, where the walls of two ventricles, and opposite walls, may be
close; here it is a field in the coordinates of the wall, as smooth in mm. The border zone is an
even band by the way through the myocardium. What scar encloses is dead too.
"""

from dataclasses import dataclass
from importlib.metadata import version

import numpy as np
from jaxtyping import Float

from twin.meshes.errors import InputError
from twin.meshes.heart import Heart
from twin.simulation.infarct import Infarct, Zone
from twin.simulation.infarction.border_zone import BorderZone
from twin.simulation.infarction.extent import touched
from twin.simulation.infarction.random_field import random_field
from twin.simulation.infarction.wall import Wall

SMOOTHING = 0.1
"""Standard deviation of the noise's smoothing, of the longest side of the heart."""

USUAL, HIGH = 0.5, 0.7
INNER_HALF = 0.5
EVEN_BAND = BorderZone(width=2.5, irregularity=0.0)


@dataclass(frozen=True)
class PublishedPlace:
    """`kind` is what files of the Li layout call it."""

    name: str
    kind: str
    segments: tuple[int, ...]
    threshold: float = USUAL
    subendocardial: bool = False

    @property
    def label(self) -> str:
        return f"{self.kind}_{'subendo' if self.subendocardial else 'transmural'}"


_EIGHT = (
    ("septal", "A1", (7, 8, 9, 13, 14), USUAL),
    ("apical", "A2", (13, 14, 15, 16, 17), USUAL),
    ("extensive anterior", "A3", (1, 2, 3, 7, 8, 9, 13, 14, 15, 16, 17), USUAL),
    ("limited anterior", "A4", (1, 6, 7, 12, 13, 16, 17), USUAL),
    ("large lateral", "B1_large", (5, 6, 11, 12, 16), USUAL),
    ("small lateral", "B1_small", (5, 6, 11, 12, 16), HIGH),
    ("inferior", "B2", (3, 4, 9, 10, 14, 15, 17), USUAL),
    ("inferolateral", "B3", (3, 4, 5, 9, 10, 11, 12, 15, 16), USUAL),
)

PUBLISHED_PLACES = tuple(
    PublishedPlace(name, kind, segments, threshold, subendocardial)
    for name, kind, segments, threshold in _EIGHT
    for subendocardial in (True, False)
)
"""In the order in which the recipe takes them."""


def sample_published(
    heart: Heart, number: int, seed: int, border: BorderZone = EVEN_BAND
) -> Infarct:
    """The infarct of place `number` of `PUBLISHED_PLACES`; the same seed gives the same bits."""
    if not 0 <= number < len(PUBLISHED_PLACES):
        raise InputError(f"place {number}: there are {len(PUBLISHED_PLACES)}, counted from 0")
    place, wall = PUBLISHED_PLACES[number], Wall.of(heart)
    random = np.random.default_rng([int(seed), number, 6])
    own = np.isin(heart.segments, place.segments) & wall.within_left
    if not own.any():
        raise InputError(
            f"this heart has no nodes in the AHA segments {place.segments} ({place.name}); a "
            "finer mesh has"
        )
    noise = _noise(wall, random)
    low, high = noise[own].min(), noise[own].max()
    scar = own & (noise > low + place.threshold * (high - low))
    if place.subendocardial:
        scar &= wall.depth <= INNER_HALF
    scar |= wall.graph.cut_off(scar, touched(wall, scar))
    band = border.around(scar, wall, wall.within_left, random)
    zones = np.where(scar, Zone.SCAR, np.where(band, Zone.BORDER, Zone.HEALTHY))
    provenance = {
        "origin": "published",
        "place": place.label,
        "seed": int(seed),
        "heart": heart.content,
        "version": version("twin"),
    }
    return Infarct(zones, False, provenance)


def _noise(wall: Wall, random: np.random.Generator) -> Float[np.ndarray, " points"]:
    """White noise that a Gaussian of standard deviation s has smoothed is correlated over a
    distance r by exp(-r^2 / (4 s^2))."""
    points = wall.heart.points
    deviation = SMOOTHING * float(np.ptp(points, axis=0).max())
    depth = np.linalg.norm(points - points[wall.feet[wall.columns]], axis=1)
    places = np.column_stack([wall.places[wall.columns], depth])
    return random_field(places, np.sqrt(2) * deviation, random)
