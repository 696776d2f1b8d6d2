"""Random left atria: what is drawn, and how much it varies.

Sizes in mm, in the frame of the body's centre, axes LPS: x to the left, y to the back, z up.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from twin.meshes.anatomy.implicit import Egg, Undulation
from twin.meshes.atria.anatomy import Anatomy, Appendage, Body
from twin.meshes.atria.regions import Region
from twin.meshes.atria.vessel import Vessel

Vector = Float[np.ndarray, "3"]

SEMI_AXES = np.array([24.0, 17.5, 22.0])
SIZE_SPREAD, AXIS_SPREAD = 0.055, 0.05
"""Of the whole, and of each axis by itself, as shares."""

PLACE_SPREAD = 0.045
"""Of an ostium on the unit ball."""
DIRECTION_SPREAD = 0.10
"""Of an axis, radians."""

COMMON_LEFT_SHARE = 0.12
"""Of people with one ostium for both left veins; published 3 to 30 %, by how it is defined."""
EXTRA_RIGHT_SHARE = 0.15
"""Of people with a right middle vein; published 9 to 27 %."""

MITRAL_AXIS = np.array([0.44, -0.56, -0.70])


@dataclass(frozen=True)
class VeinForm:
    """A vein as it is on average.

    `place` is its ostium on the body's unit ball. Circumference of the rim, mm, with its spread.
    `mouth` is how much wider it is where it begins.
    """

    place: tuple[float, float, float]
    axis: tuple[float, float, float]
    bend: tuple[float, float, float]
    rim: float
    rim_spread: float
    length: float = 11.0
    mouth: float = 1.45


VEIN_FORMS = {
    Region.LEFT_SUPERIOR_VEIN: VeinForm(
        (0.74, 0.40, 0.58), (0.74, 0.38, 0.55), (0.1, 0.6, 0.5), 34.5, 3.0
    ),
    Region.LEFT_INFERIOR_VEIN: VeinForm(
        (0.78, 0.62, -0.20), (0.70, 0.70, -0.18), (0.2, 0.5, -0.6), 31.5, 2.6
    ),
    Region.RIGHT_SUPERIOR_VEIN: VeinForm(
        (-0.80, 0.28, 0.54), (-0.84, 0.10, 0.50), (-0.1, 0.3, 0.8), 36.0, 3.2
    ),
    Region.RIGHT_INFERIOR_VEIN: VeinForm(
        (-0.80, 0.58, -0.22), (-0.74, 0.66, -0.18), (-0.2, 0.6, -0.5), 33.5, 2.8
    ),
}
MIDDLE_VEIN = VeinForm(
    (-0.88, 0.46, 0.16), (-0.88, 0.44, 0.14), (0, 0.5, 0), 26.6, 0.9, length=10.5, mouth=1.1
)
ASIDE_FOR_MIDDLE_VEIN = 0.17
"""How much higher and lower its neighbours lie then, on the unit ball."""


@dataclass(frozen=True)
class Variants:
    """Which of the common variants of the pulmonary veins a subject has."""

    common_left_trunk: bool
    right_middle_vein: bool


def draw_anatomy(random: np.random.Generator) -> tuple[Anatomy, Variants]:
    """One atrium of the population; most of what is drawn is within two standard deviations."""
    variants = Variants(
        bool(random.random() < COMMON_LEFT_SHARE), bool(random.random() < EXTRA_RIGHT_SHARE)
    )
    size = np.exp(_around(random, 0, SIZE_SPREAD))
    semi_axes = SEMI_AXES * size * np.exp(_around(random, np.zeros(3), AXIS_SPREAD))
    turn = _rotation(_around(random, np.zeros(3), 0.07))
    body = Body(
        Egg(np.zeros(3), np.diag(1 / semi_axes) @ turn.T),
        Undulation.draw(random, deviation=0.7, shortest=45.0),
    )
    ball = turn @ np.diag(semi_axes)
    vessels: dict[Region, Vessel] = {}
    if variants.common_left_trunk:
        vessels |= _left_trunk(random, ball)
    forms = _forms(variants)
    for region, form in forms.items():
        vessels[region] = _vein(random, form, ball)
    vessels[Region.MITRAL_VESTIBULE] = _vestibule(random, size, turn)
    return Anatomy(body, vessels, _appendage(random, ball)), variants


def _forms(variants: Variants) -> Mapping[Region, VeinForm]:
    """The veins that grow out of the body itself."""
    forms = dict(VEIN_FORMS)
    if variants.common_left_trunk:
        del forms[Region.LEFT_SUPERIOR_VEIN], forms[Region.LEFT_INFERIOR_VEIN]
    if variants.right_middle_vein:
        for region, sense in ((Region.RIGHT_SUPERIOR_VEIN, 1), (Region.RIGHT_INFERIOR_VEIN, -1)):
            x, y, z = forms[region].place
            aside = (x, y, z + sense * ASIDE_FOR_MIDDLE_VEIN)
            forms[region] = replace(forms[region], place=aside)
        forms[Region.RIGHT_MIDDLE_VEIN] = MIDDLE_VEIN
    return forms


def _vein(random: np.random.Generator, form: VeinForm, ball: Float[np.ndarray, "3 3"]) -> Vessel:
    place = np.array(form.place) + _around(random, np.zeros(3), PLACE_SPREAD)
    ostium = ball @ (place / np.linalg.norm(place))
    return _tube(random, form, ostium)


def _tube(random: np.random.Generator, form: VeinForm, ostium: Vector) -> Vessel:
    """From a little within the ostium; the funnel narrows where the vein leaves the wall."""
    axis = _unit(_rotation(_around(random, np.zeros(3), DIRECTION_SPREAD)) @ np.array(form.axis))
    radius = float(_around(random, form.rim, form.rim_spread)) / (2 * np.pi)
    mouth = radius * max(1.05, float(_around(random, form.mouth, 0.08)))
    inside = 0.7 * mouth
    outside = float(_around(random, form.length, 1.8))
    bend = float(_around(random, 0.006, 0.003)) * _across(np.array(form.bend), axis)
    return Vessel(
        start=ostium - inside * axis,
        axis=axis,
        bend=bend,
        wide=np.array([0.0, 0.2, 1.0]),
        length=inside + outside,
        mouth_radius=mouth,
        rim_radius=radius,
        funnel=inside + 3.0,
        funnel_width=4.0,
        oval=float(np.exp(np.abs(_around(random, 0, 0.08)))),
    )


def _left_trunk(
    random: np.random.Generator, ball: Float[np.ndarray, "3 3"]
) -> dict[Region, Vessel]:
    """A short common trunk and the two veins that it divides into."""
    place = _unit(np.array([0.78, 0.52, 0.18]) + _around(random, np.zeros(3), PLACE_SPREAD))
    ostium = ball @ place
    axis = _unit(np.array([0.76, 0.60, 0.18]))
    length = float(_around(random, 7.0, 1.2))
    trunk = Vessel(
        start=ostium - 8 * axis,
        axis=axis,
        bend=np.zeros(3),
        wide=np.array([0.0, 0.0, 1.0]),
        length=8 + length - 3,
        mouth_radius=11.0,
        rim_radius=8.4,
        funnel=10.0,
        funnel_width=4.0,
        oval=1.3,
    )
    fork = ostium + (length - 2.0) * axis
    up = _across(np.array([0.0, 0.0, 1.0]), axis)
    vessels = {Region.LEFT_COMMON_TRUNK: trunk}
    for region, sense in ((Region.LEFT_SUPERIOR_VEIN, 1), (Region.LEFT_INFERIOR_VEIN, -1)):
        direction = tuple(_unit(axis + 0.62 * sense * up).tolist())
        branch = replace(VEIN_FORMS[region], axis=direction, length=12.5, mouth=1.1)
        vessels[region] = _tube(random, branch, fork + 3.6 * sense * up)
    return vessels


def _vestibule(random: np.random.Generator, size: float, turn: Float[np.ndarray, "3 3"]) -> Vessel:
    """The way to the mitral ring, which is oval, its longer diameter from side to side."""
    axis = _unit(_rotation(_around(random, np.zeros(3), 0.06)) @ turn @ MITRAL_AXIS)
    radius = float(_around(random, 109.0, 4.5)) / (2 * np.pi)
    return Vessel(
        start=size * np.array([2.0, -1.0, -2.0]),
        axis=axis,
        bend=np.zeros(3),
        wide=np.array([1.0, 0.3, 0.4]),
        length=size * float(_around(random, 20.5, 0.8)),
        mouth_radius=radius * 1.12,
        rim_radius=radius,
        funnel=14.0,
        funnel_width=5.0,
        oval=float(np.exp(np.abs(_around(random, 0.06, 0.04)))),
    )


def _appendage(random: np.random.Generator, ball: Float[np.ndarray, "3 3"]) -> Appendage:
    """A neck in front of the left superior vein, and lobes along a bent line to the tip."""
    place = _unit(np.array([0.76, -0.58, 0.34]) + _around(random, np.zeros(3), 0.03))
    ostium = ball @ place
    axis = _unit(np.array([0.72, -0.62, 0.34]) + _around(random, np.zeros(3), 0.07))
    towards = _across(np.array([-0.55, -0.75, 0.1]) + _around(random, np.zeros(3), 0.2), axis)
    length = float(np.clip(_around(random, 25.0, 4.0), 18, 32))
    angle = float(np.clip(_around(random, 1.15, 0.4), 0.4, 1.9))
    neck = float(_around(random, 7.6, 0.55))
    lobes = [_lobe(random, ostium - 1.5 * axis, neck, axis)]
    place, direction = ostium, axis
    shares = (0.30, 0.56, 0.80, 1.0)
    radii = neck * np.array([0.98, 0.92, 0.76, 0.56])
    for before, share, radius in zip((0.0, *shares), shares, radii, strict=False):
        bend = angle * (0.5 * (before + share))
        direction = np.cos(bend) * axis + np.sin(bend) * towards
        place = place + (share - before) * length * direction
        lobes.append(_lobe(random, place, float(radius), direction))
        if random.random() < 0.5 and share < 1:
            side = _across(random.normal(size=3), direction)
            lobes.append(_lobe(random, place + 0.75 * radius * side, 0.55 * radius, side))
    return Appendage(tuple(lobes))


def _lobe(random: np.random.Generator, centre: Vector, radius: float, along: Vector) -> Egg:
    """A ball drawn out along its branch and flattened across it."""
    wide = _across(np.array([0.2, 0.3, 1.0]), along)
    axes = np.stack([along, wide, np.cross(along, wide)])
    radii = radius * np.array([1.1, 1.0, 0.85]) * np.exp(_around(random, np.zeros(3), 0.05))
    return Egg(np.array(centre), np.diag(1 / radii) @ axes)


def _around(random: np.random.Generator, mean, deviation: float):
    """Normal, cut off at two standard deviations; as many as the mean has."""
    return mean + deviation * np.clip(random.normal(size=np.shape(mean)), -2, 2)


def _unit(vector: Vector) -> Vector:
    return vector / np.linalg.norm(vector)


def _across(vector: Vector, axis: Vector) -> Vector:
    """The direction of the vector's part that stands across the axis."""
    return _unit(vector - (vector @ axis) * axis)


def _rotation(vector: Vector) -> Float[np.ndarray, "3 3"]:
    """About the vector by its length, radians (Rodrigues)."""
    angle = np.linalg.norm(vector)
    x, y, z = vector / max(angle, 1e-12)
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross
