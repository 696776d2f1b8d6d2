"""A left ventricle in a round torso: small enough for quick checks of lead fields."""

import numpy as np

from twin.benchmarks.ellipsoid import TruncatedEllipsoid
from twin.benchmarks.spheres import sphere
from twin.meshes.heart import Coordinates, Fibres, Heart
from twin.meshes.torso import Torso

ELECTRODE_PLACES = {
    "RA": (-100, 40, 80),
    "LA": (110, 40, 80),
    "LL": (70, 20, -120),
    "V1": (-20, -140, 10),
    "V2": (20, -140, 10),
    "V3": (60, -120, 0),
    "V4": (90, -100, -10),
    "V5": (130, -40, -10),
    "V6": (140, 0, -10),
}


def small_heart(layers: int = 2) -> Heart:
    """A truncated ellipsoid about 40 mm off the centre, its fibres upright."""
    volume = TruncatedEllipsoid().volume(layers)
    nodes, elements = len(volume.points), len(volume.tetrahedra)
    zeros = np.zeros(nodes)
    coordinates = Coordinates(zeros, zeros, zeros, np.zeros(nodes, np.int8))
    x, y, z = (np.broadcast_to(row, (elements, 3)).copy() for row in np.eye(3))
    points = volume.points + np.array([30.0, -30.0, 0.0])
    return Heart(
        points, volume.tetrahedra, volume.triangles, volume.boundary, coordinates, Fibres(z, x, y)
    )


def round_torso(radius: float = 150.0) -> Torso:
    skin = sphere(radius, 3)
    lung = sphere(35.0, 2, (-70.0, 0.0, 0.0))
    places = np.array(list(ELECTRODE_PLACES.values()), float)
    middles = skin.corners.mean(axis=1)
    nearest = np.linalg.norm(middles[None] - places[:, None], axis=2).argmin(axis=1)
    inner = 0.8 * middles[nearest] + 0.2 * skin.corners[nearest, 0]
    electrodes = dict(zip(ELECTRODE_PLACES, inner, strict=True))
    return Torso(skin, electrodes, (lung,))
