"""Random hearts whose sizes are distributed as in healthy women and men.

Volumes, mass, length to diameter and the right wall are drawn, correlated, and imposed on the
anatomy; the left wall's thickness follows from them. docs/population.md has the sources and the
comparison.
"""

from dataclasses import asdict, dataclass, replace
from enum import Enum
from importlib.metadata import version

import numpy as np
from jaxtyping import Float

from twin.meshes.anatomy.biventricular import Anatomy
from twin.meshes.anatomy.implicit import Undulation
from twin.meshes.anatomy.sizes import (
    MYOCARDIAL_DENSITY,
    Sizes,
    fit_anatomy,
    heart_centroid,
    integrate_volumes,
)
from twin.meshes.errors import InputError
from twin.meshes.heart import Heart
from twin.meshes.progress import Progress, silent

USUAL_NODES = 100_000
ATTEMPTS = 50
LARGEST_FACTOR = 2.5
FARTHEST_DRAW = 2.8
"""Standard deviations; beyond it a size is drawn again."""

THINNEST_WALL, THICKEST_WALL = 3.0, 10.0
"""Of a healthy left ventricle, mm."""


class Sex(Enum):
    FEMALE = "female"
    MALE = "male"


MEANS = {
    Sex.FEMALE: Sizes(1.70, 124, 130, 70, 1.41, 3.5),
    Sex.MALE: Sizes(1.95, 166, 182, 103, 1.40, 3.5),
}
DEVIATIONS = {
    Sex.FEMALE: Sizes(0.14, 21, 24, 13, 0.10, 0.17),
    Sex.MALE: Sizes(0.16, 32, 36, 21, 0.10, 0.17),
}
CORRELATIONS = np.array(
    [
        [1.00, 0.60, 0.60, 0.60, 0.00, 0.10],
        [0.60, 1.00, 0.85, 0.55, -0.10, 0.10],
        [0.60, 0.85, 1.00, 0.55, -0.10, 0.10],
        [0.60, 0.55, 0.55, 1.00, 0.00, 0.30],
        [0.00, -0.10, -0.10, 0.00, 1.00, 0.00],
        [0.10, 0.10, 0.10, 0.30, 0.00, 1.00],
    ]
)
"""Between the fields of `Sizes`, in their order."""

CENTROID = np.array([55.0, 70.0, -25.0])
"""Of the heart from the midpoint between the electrodes V1 and V2, mm."""

CENTROID_SPREAD = 20.0
"""Root mean square distance from it, mm."""

FRONTAL_AXIS, FRONTAL_SPREAD = 38.0, 8.0
"""Long axis in the frontal plane: degrees from the vertical towards the patient's left."""

FORWARD_AXIS, FORWARD_SPREAD = 30.0, 6.0
"""Long axis out of the frontal plane: degrees that the apex points forwards."""

RIGHT_SIDE = np.array([-0.76, -0.65, 0.0])
"""From the left ventricle to the right one."""

ROLL_SPREAD = 8.0
"""Degrees about the long axis."""


@dataclass(frozen=True)
class Remodelling:
    """How a heart departs from health, each as a factor; ones are a healthy heart.

    hypertrophy: of the left wall's thickness, around the same cavity (concentric). dilation: of
    the left cavity; the mass grows half as much and the ventricle becomes rounder (eccentric).
    rv_overload: of the right cavity; the right wall grows half as much and the septum flattens.
    """

    hypertrophy: float = 1.0
    dilation: float = 1.0
    rv_overload: float = 1.0

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if not 1 <= value <= LARGEST_FACTOR:
                raise InputError(
                    f"{name} is {value}; expected a factor between 1 (health) and {LARGEST_FACTOR}"
                )

    def applied(self, healthy: Anatomy, sizes: Sizes) -> Anatomy | None:
        """The healthy anatomy with these changes; None where none has the sizes they ask for."""
        if self == Remodelling():
            return healthy
        form = _thickened(healthy, self.hypertrophy)
        whole, cavity, _ = integrate_volumes(form)
        mass = (whole - cavity) * MYOCARDIAL_DENSITY * (1 + self.dilation) / 2
        changed = replace(
            sizes,
            lv_volume=sizes.lv_volume * self.dilation,
            lv_mass=mass,
            length_to_diameter=form.length / form.outer_diameter * self.dilation**-0.2,
            rv_volume=sizes.rv_volume * self.rv_overload,
            rv_wall_thickness=sizes.rv_wall_thickness * (1 + self.rv_overload) / 2,
        )
        widening = form.outer_diameter / healthy.outer_diameter * self.dilation**0.4
        form = replace(
            form,
            rv_wrap=_wrap_around_wider(healthy.rv_wrap, widening),
            septal_flattening=0.5 * (1 - 1 / self.rv_overload),
        )
        return fit_anatomy(form, changed)


def _wrap_around_wider(wrap: float, widening: float) -> float:
    """A larger left ventricle bulges between the insertions and moves them apart, half and half."""
    return 2 * float(np.degrees(np.arcsin(np.sin(np.radians(wrap / 2)) / np.sqrt(widening))))


def _thickened(anatomy: Anatomy, factor: float) -> Anatomy:
    """The left wall grown outwards; its cavity and the base stay where they are."""
    growth = (factor - 1) * anatomy.wall_thickness
    length = anatomy.length + growth * anatomy.apical_thinning
    return replace(
        anatomy,
        outer_diameter=anatomy.outer_diameter + 2 * growth,
        length=length,
        widest_level=1 - anatomy.base_height / length,
        wall_thickness=anatomy.wall_thickness + growth,
    )


@dataclass(frozen=True)
class Subject:
    """Whose heart it is, before it is meshed; `sizes` are those it had in health."""

    seed: int
    sex: Sex
    sizes: Sizes
    remodelling: Remodelling
    anatomy: Anatomy

    @property
    def provenance(self) -> dict[str, object]:
        anatomy = asdict(self.anatomy)
        shape = {name: value for name, value in anatomy.items() if isinstance(value, float)}
        return {
            "origin": "population",
            "seed": self.seed,
            "sex": self.sex.value,
            "sizes": asdict(self.sizes),
            "anatomy": shape,
            **asdict(self.remodelling),
            "version": version("twin"),
        }


def sample_heart(
    seed: int,
    *,
    sex: Sex | str | None = None,
    hypertrophy: float = 1.0,
    dilation: float = 1.0,
    rv_overload: float = 1.0,
    spacing: float | None = None,
    nodes: int | None = None,
    even: bool = False,
    progress: Progress = silent,
) -> Heart:
    """A random heart, meshed and complete, in a body whose origin is midway between V1 and V2.

    `spacing` (mm) or `nodes` chooses the resolution, 100,000 nodes where neither is given; an
    `even` mesh is not finer in thin walls, so that it can have few nodes; the
    others are those of `sample_subject`.
    """
    from twin.meshes.build import build_heart
    from twin.meshes.meshing.lattice import mesh_solid

    subject = sample_subject(
        seed, sex=sex, hypertrophy=hypertrophy, dilation=dilation, rv_overload=rv_overload
    )
    if spacing is None and nodes is None:
        nodes = USUAL_NODES
    volume = mesh_solid(
        subject.anatomy.solid, spacing=spacing, nodes=nodes, even=even, progress=progress
    )
    volume = replace(volume, provenance={**volume.provenance, **subject.provenance})
    return build_heart(volume, progress=progress)


def sample_anatomy(seed: int, *, sex: Sex | str | None = None, **remodelling: float) -> Anatomy:
    """The shape alone; see `sample_subject`."""
    return sample_subject(seed, sex=sex, **remodelling).anatomy


def sample_subject(
    seed: int,
    *,
    sex: Sex | str | None = None,
    hypertrophy: float = 1.0,
    dilation: float = 1.0,
    rv_overload: float = 1.0,
) -> Subject:
    """The same seed gives the same bits. Where `sex` is not given the seed decides it.

    Whatever no plausible heart has is thrown away and drawn again. Health is judged before the
    remodelling, so that the same seed is the same heart, well and ill.
    """
    remodelling = Remodelling(hypertrophy, dilation, rv_overload)
    random = np.random.default_rng(_valid_seed(seed))
    drawn_sex = (Sex.FEMALE, Sex.MALE)[random.integers(2)]
    chosen = drawn_sex if sex is None else _valid_sex(sex)
    for _ in range(ATTEMPTS):
        sizes, form = _draw_sizes(random, chosen), _draw_form(random)
        healthy = fit_anatomy(form, sizes)
        if healthy is None or not THINNEST_WALL <= healthy.wall_thickness <= THICKEST_WALL:
            continue
        anatomy = remodelling.applied(healthy, sizes)
        if anatomy is not None:
            return Subject(seed, chosen, sizes, remodelling, _placed(anatomy))
    raise InputError(
        f"seed {seed}: none of {ATTEMPTS} draws made a plausible heart with {remodelling}; "
        "ask for less remodelling"
    )


def _draw_sizes(random: np.random.Generator, sex: Sex) -> Sizes:
    """Correlated log-normal sizes with the published means and standard deviations."""
    mean, deviation = MEANS[sex].vector, DEVIATIONS[sex].vector
    spread = np.sqrt(np.log1p((deviation / mean) ** 2))
    draw = _draw_within(random, np.linalg.cholesky(CORRELATIONS))
    return Sizes(*(mean * np.exp(spread * draw - spread**2 / 2)).tolist())


def _draw_within(
    random: np.random.Generator, factor: Float[np.ndarray, "sizes sizes"]
) -> Float[np.ndarray, " sizes"]:
    while True:
        draw = factor @ random.normal(size=len(factor))
        if (np.abs(draw) < FARTHEST_DRAW).all():
            return draw


def _draw_form(random: np.random.Generator) -> Anatomy:
    """All that the sizes leave open: proportions, low harmonics, where it lies and how."""

    def around(mean: float, deviation: float) -> float:
        return float(mean + deviation * np.clip(random.normal(), -2, 2))

    return Anatomy(
        apical_thinning=around(0.6, 0.04),
        widest_level=around(0.667, 0.015),
        rv_wrap=around(165, 6),
        rv_apex_gap=around(0.1, 0.02),
        outflow_rise=around(14, 2),
        base_tilt=(around(0, 0.04), around(0, 0.04)),
        shape=Undulation.draw(random, deviation=1.0, shortest=70.0),
        thickness=Undulation.draw(random, deviation=0.25, shortest=70.0),
        rotation=_rotation(
            np.radians(around(FRONTAL_AXIS, FRONTAL_SPREAD)),
            np.radians(around(FORWARD_AXIS, FORWARD_SPREAD)),
            np.radians(around(0, ROLL_SPREAD)),
        ),
        centre=CENTROID + CENTROID_SPREAD / np.sqrt(3) * np.clip(random.normal(size=3), -2, 2),
    )


def _rotation(frontal: float, forward: float, roll: float) -> Float[np.ndarray, "3 3"]:
    """Columns: the heart's x, y and z in the body (LPS); z points from apex to base."""
    apex = np.array([np.sin(frontal), 0, -np.cos(frontal)]) * np.cos(forward)
    apex[1] = -np.sin(forward)
    z = -apex
    x = RIGHT_SIDE - (RIGHT_SIDE @ z) * z
    x /= np.linalg.norm(x)
    x = np.cos(roll) * x + np.sin(roll) * np.cross(z, x)
    return np.column_stack([x, np.cross(z, x), z])


def _placed(anatomy: Anatomy) -> Anatomy:
    """Its centroid where its origin was meant to be."""
    return replace(anatomy, centre=anatomy.centre - anatomy.rotation @ heart_centroid(anatomy))


def _valid_seed(seed: int) -> int:
    if not isinstance(seed, int | np.integer) or isinstance(seed, bool) or seed < 0:
        raise InputError(f"seed is {seed!r}; expected a whole number, 0 or more")
    return int(seed)


def _valid_sex(sex: Sex | str) -> Sex:
    try:
        return Sex(sex)
    except ValueError:
        expected = " or ".join(repr(one.value) for one in Sex)
        raise InputError(f"sex is {sex!r}; expected {expected}") from None
