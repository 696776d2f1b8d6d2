"""The body as a conductor: skin, lungs and blood, and how finely their surfaces are divided."""

import numpy as np

from twin.meshes.atrium import Atrium
from twin.meshes.heart import Heart
from twin.meshes.surface import Surface
from twin.meshes.torso import Torso
from twin.simulation.conductor.blood_pools import blood_pools
from twin.simulation.conductor.boundary_elements import Conductor, Interface
from twin.simulation.conductor.refinement import refine_near

SHORTEST_EDGE = 12.0
"""To which skin and lungs are divided where the heart is near, mm."""


def torso_conductor(heart: Heart | Atrium, torso: Torso) -> Conductor:
    """Muscle counts as torso; the blood is the patient's own or what the heart's cavities hold."""
    conductivities = torso.conductivities
    wall = heart.points[np.unique(heart.triangles)]
    skin = Interface(refine_near(torso.skin, wall, SHORTEST_EDGE), conductivities.torso, 0.0)
    within = [
        (refine_near(lung, wall, SHORTEST_EDGE), conductivities.lungs) for lung in torso.lungs
    ]
    within += [(pool, conductivities.blood) for pool in pools_of(heart, torso)]
    return Conductor([skin, *(Interface(s, c, conductivities.torso) for s, c in within)])


def pools_of(heart: Heart | Atrium, torso: Torso) -> tuple[Surface, ...]:
    return torso.blood_pools or blood_pools(heart)
