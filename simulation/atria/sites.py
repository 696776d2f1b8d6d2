"""Where beats of a left atrium begin, by its coordinates."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from twin.meshes.atria.regions import Region
from twin.meshes.atrium import Atrium
from twin.meshes.errors import InputError


class Site(NamedTuple):
    """A place (`septal_lateral`, `posterior_anterior`) in a region, and when it fires, ms."""

    septal_lateral: float
    posterior_anterior: float
    region: Region = Region.BODY
    time: float = 0.0


SINUS = (
    Site(0.14, 0.64),
    Site(0.06, 0.85, time=14.0),
    Site(0.62, 0.10, time=32.0),
)
"""Bachmann's bundle first, then the fossa's rim, then the coronary sinus: how the impulse comes
over from the right atrium (Lemery et al., Heart Rhythm 2007;4:1388)."""

PACED = {
    "left-superior-vein": (Site(0.95, 0.50, Region.LEFT_SUPERIOR_VEIN),),
    "left-inferior-vein": (Site(0.90, 0.30, Region.LEFT_INFERIOR_VEIN),),
    "right-superior-vein": (Site(0.05, 0.50, Region.RIGHT_SUPERIOR_VEIN),),
    "right-inferior-vein": (Site(0.10, 0.30, Region.RIGHT_INFERIOR_VEIN),),
    "appendage": (Site(0.80, 0.85, Region.APPENDAGE),),
    "roof": (Site(0.50, 0.50),),
    "posterior-wall": (Site(0.50, 0.25),),
    "coronary-sinus": (Site(0.62, 0.08),),
}

RHYTHMS = {"sinus": SINUS, **PACED}


def beginnings(
    atrium: Atrium, rhythm: str
) -> tuple[Int[np.ndarray, " sources"], Float[np.ndarray, " sources"]]:
    """The nodes at which a rhythm begins, and when, ms."""
    if rhythm not in RHYTHMS:
        raise InputError(f"rhythm {rhythm!r} is not known; expected one of {', '.join(RHYTHMS)}")
    sites = RHYTHMS[rhythm]
    nodes = np.array([nearest_node(atrium, site) for site in sites])
    return nodes, np.array([site.time for site in sites])


def nearest_node(atrium: Atrium, site: Site) -> int:
    """The node of the site's region whose coordinates are the nearest."""
    nodes = atrium.nodes(site.region)
    coordinates = atrium.coordinates
    across = coordinates.septal_lateral[nodes] - site.septal_lateral
    height = coordinates.posterior_anterior[nodes] - site.posterior_anterior
    return int(nodes[np.argmin(across**2 + height**2)])
