"""One person of an atrial cohort: what is drawn of him, and how his atrium conducts.

What a user of the learned forward model knows of a patient is the anatomy: the atrium with the
fibres that the rule gives it. What he does not know is drawn here: how the tissue of each region
conducts, how fibrotic it is and, where asked for, by how much its fibres turn from the rule.
"""

from dataclasses import asdict, dataclass, replace

import numpy as np
from jaxtyping import Float

from twin.meshes.anatomy.population import Sex
from twin.meshes.atria.tissue import random_field
from twin.meshes.atrium import Atrium
from twin.meshes.fields.surface_elements import SurfaceElements
from twin.meshes.torso import HEIGHTS, Torso
from twin.simulation.atria.conduction import AtrialWall, ConductingAtrium

SPREAD = 0.25
"""SD of the logarithm of each region's anisotropy, and of the conductivity across fibres."""
FIBROTIC = (0.1, 0.5)
"""Conductivity that fibrosis leaves, least and most."""
FIBRE_REACH = 15.0
"""mm over which fibres turn from the rule alike."""
HEIGHT_SPREAD = 65.0
"""mm, SD in each sex."""
REFERENCE = AtrialWall()


@dataclass(frozen=True, eq=False)
class Subject:
    """`atrium` is the anatomy as one would know it; `conducting` is how it truly is."""

    atrium: Atrium
    conducting: ConductingAtrium
    torso: Torso
    drawn: dict[str, float | str]

    @staticmethod
    def draw(seed: int, nodes: int, fibre_angle: float = 0.0) -> "Subject":
        """The same seed gives the same person; fibres turn from the rule by `fibre_angle` degrees
        (SD)."""
        atrium = Atrium.sample(seed, nodes=nodes)
        random = np.random.default_rng([seed, 8])
        sex = (Sex.FEMALE, Sex.MALE)[int(random.integers(2))]
        height = HEIGHTS[sex] + HEIGHT_SPREAD * float(np.clip(random.normal(), -2, 2))
        torso = Torso.template(sex=sex, height=height, seed=int(random.integers(2**31)))
        wall = _draw_wall(random)
        turned = _turned(atrium, fibre_angle, random) if fibre_angle else atrium
        drawn = {"sex": sex.value, "height": height, **asdict(wall)}
        return Subject(atrium, wall.of(turned), torso, drawn)


def _draw_wall(random: np.random.Generator) -> AtrialWall:
    ratios = ("working", "bachmann", "pectinate", "sleeve", "vestibule")

    def varied(name: str) -> float:
        return float(getattr(REFERENCE, name) * np.exp(SPREAD * random.normal()))

    wall = replace(
        REFERENCE,
        across=varied("across"),
        fibrotic=float(random.uniform(*FIBROTIC)),
        **{name: max(1.0, varied(name)) for name in ratios},
    )
    # Fronts are as fast as the root of the conductivity along the fibres goes.
    faster = np.sqrt(wall.across * wall.working / (REFERENCE.across * REFERENCE.working))
    return replace(wall, speed=float(REFERENCE.speed * faster))


def _turned(atrium: Atrium, degrees: float, random: np.random.Generator) -> Atrium:
    """Its fibres turned within the wall, alike in both layers."""
    elements = SurfaceElements(atrium.points, atrium.triangles)
    field = random_field(elements, FIBRE_REACH, random)[atrium.triangles].mean(axis=1)
    angle = np.radians(degrees) * field[:, None]

    def turn(fibre: Float[np.ndarray, "tris 3"]):
        aside = np.cross(elements.normals, fibre)
        return np.cos(angle) * fibre + np.sin(angle) * aside

    return replace(
        atrium,
        endocardial_fibre=turn(atrium.endocardial_fibre),
        epicardial_fibre=turn(atrium.epicardial_fibre),
    )
