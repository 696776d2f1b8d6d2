"""Where an atrium is open: the rims of its veins and of the mitral valve."""

import numpy as np
from jaxtyping import Float, Int

from twin.meshes.atria.regions import Region
from twin.meshes.errors import InputError
from twin.meshes.meshing.sheet import rims

Rims = dict[Region, Int[np.ndarray, " nodes"]]


def find_openings(triangles: Int[np.ndarray, "tris 3"], regions: Int[np.ndarray, " tris"]) -> Rims:
    """Each rim's nodes once around, by the region that it bounds."""
    found: Rims = {}
    for loop in rims(triangles):
        on = np.zeros(int(triangles.max()) + 1, bool)
        on[loop] = True
        along = on[triangles].sum(axis=1) >= 2
        region = Region(int(np.bincount(regions[along]).argmax()))
        if region in found:
            raise InputError(f"two rims belong to {region.name}; give each vein its own label")
        found[region] = loop
    return found


def circumference(loop: Float[np.ndarray, "nodes 3"]) -> float:
    """mm."""
    return float(np.linalg.norm(np.roll(loop, -1, axis=0) - loop, axis=1).sum())


def total_curvature(loop: Float[np.ndarray, "nodes 3"]) -> float:
    """Turns of a closed curve: 1 if it is plane and convex (Fenchel), more if it is jagged."""
    step = np.roll(loop, -1, axis=0) - loop
    step /= np.linalg.norm(step, axis=1, keepdims=True)
    cosine = np.einsum("ij,ij->i", step, np.roll(step, -1, axis=0))
    return float(np.arccos(np.clip(cosine, -1, 1)).sum() / (2 * np.pi))


def lid_volume(loop: Float[np.ndarray, "nodes 3"]) -> float:
    """What a fan that closes the rim adds to the integral of x . n / 3, mm3."""
    centre = loop.mean(axis=0)
    a, b = np.roll(loop, -1, axis=0) - centre, loop - centre
    return float((np.cross(a, b) / 2 @ centre).sum() / 3)
