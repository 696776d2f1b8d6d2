"""The sizes that imaging reports of a left atrium, measured on its surface."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from twin.meshes.atria.openings import Rims, circumference, lid_volume, total_curvature
from twin.meshes.atria.regions import VEINS, Region
from twin.meshes.surface import Surface


@dataclass(frozen=True)
class AtrialSizes:
    """Area in cm2, volume in ml up to the planes of the rims, circumferences and sides in mm.

    `rim_turns` is the total curvature of the most jagged rim over that of a plane convex curve.
    """

    area: float
    volume: float
    vein_rims: tuple[float, ...]
    mitral_rim: float
    rim_turns: float
    appendage_area: float
    box: tuple[float, float, float]


def measure(
    points: Float[np.ndarray, "points 3"],
    triangles: Int[np.ndarray, "tris 3"],
    regions: Int[np.ndarray, " tris"],
    openings: Rims,
) -> AtrialSizes:
    # Volumes are sums of large terms that cancel: they are taken about the middle.
    points = points - points.mean(axis=0)
    surface = Surface(points, triangles)
    areas = np.linalg.norm(surface.area_vectors, axis=1) / 100
    loops = {region: points[nodes] for region, nodes in openings.items()}
    lids = sum(lid_volume(loop) for loop in loops.values())
    return AtrialSizes(
        area=float(areas.sum()),
        volume=(surface.enclosed_volume + lids) / 1000,
        vein_rims=tuple(circumference(loops[region]) for region in VEINS if region in loops),
        mitral_rim=circumference(loops[Region.MITRAL_VESTIBULE]),
        rim_turns=max(total_curvature(loop) for loop in loops.values()),
        appendage_area=float(areas[regions == Region.APPENDAGE].sum()),
        box=tuple(np.ptp(points, axis=0).tolist()),
    )
