"""The body as a conductor: skin, lungs and blood, and which of them a place lies in."""

from twin.meshes.heart import Heart
from twin.meshes.surface import Surface
from twin.meshes.torso import Torso
from twin.simulation.blood_pools import blood_pools
from twin.simulation.boundary_elements import Conductor, Interface


def torso_conductor(heart: Heart, torso: Torso) -> Conductor:
    """Muscle counts as torso; the blood is the patient's own or what the heart's cavities hold."""
    conductivities = torso.conductivities
    skin = Interface(torso.skin, conductivities.torso, 0.0)
    within = [(lung, conductivities.lungs) for lung in torso.lungs]
    within += [(pool, conductivities.blood) for pool in pools_of(heart, torso)]
    return Conductor([skin, *(Interface(s, c, conductivities.torso) for s, c in within)])


def pools_of(heart: Heart, torso: Torso) -> tuple[Surface, ...]:
    return torso.blood_pools or blood_pools(heart)
