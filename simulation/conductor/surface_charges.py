"""An electrode's field in a piecewise homogeneous body, as that of charges on the interfaces.

Let g(x) be the monopole potentials 1 / (4 pi |r_j - x|) at the interfaces' nodes r_j, and phi =
A^-1 g(x) the potentials there of unit current at x (see boundary_elements.py). At a smooth place e
of the skin of conductivity s the same integral equation gives the electrode's potential

    Z(x) = 2 / s [1 / (4 pi |e - x|) + k_e . phi] = 2 / s [1 / (4 pi |e - x|) + y . g(x)]

with k_e the double layer as e sees it and y = A^-T k_e: by reciprocity, the field of the current
at the electrode and of charges y_j that it gathers on the interfaces. Their density is taken to
be linear on triangles, integrated analytically where x is near (Wilton et al., IEEE Trans Antennas
Propag 32:276, 1984) and by the midpoints of a triangle's edges, exact for quadratics, elsewhere.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float
from scipy import sparse
from scipy.spatial import cKDTree

from twin.meshes.topology import triangle_edges
from twin.simulation.conductor.boundary_elements import Conductor, seen_from
from twin.simulation.conductor.solid_angles import filled_up
from twin.simulation.conductor.triangle_integrals import blocks, hat_potentials, of_pairs

NEAR = 1.2
"""Longest edges of a triangle within which a place is near it."""

CLOSEST = 1e-3
"""mm; so near to the midpoint of an edge no place is taken to be."""

OBSERVERS, LUMPS = 4096, 1024
"""Computed at once, filled up to so many: one compiled program serves hearts of all sizes."""


def surroundings(
    conductor: Conductor,
    electrodes: Float[np.ndarray, "electrodes anchors 3"],
    observers: Float[np.ndarray, "points 3"],
) -> Float[np.ndarray, "electrodes anchors points"]:
    """Z at the observers without the electrodes' own 2 / (4 pi s distance), 1 / (S/m mm)."""
    skin = conductor.interfaces[0]
    charges = gathered_charges(conductor, electrodes.reshape(-1, 3)) * (2 / skin.inside)
    field = charge_potentials(conductor, charges, observers)
    return field.T.reshape(*electrodes.shape[:2], -1)


def gathered_charges(
    conductor: Conductor, electrodes: Float[np.ndarray, "electrodes 3"]
) -> Float[np.ndarray, "nodes electrodes"]:
    """On each node of the interfaces, for half a unit of current leaving each electrode."""
    return conductor.charges(seen_from(conductor, electrodes).T)


def charge_potentials(
    conductor: Conductor,
    charges: Float[np.ndarray, "nodes fields"],
    observers: Float[np.ndarray, "points 3"],
) -> Float[np.ndarray, "points fields"]:
    """Of charges spread linearly over the triangles around their nodes."""
    density = charges / conductor.node_areas[:, None]
    places, lumps = _edge_lumps(conductor, density)
    observers = np.asarray(observers, np.float32)
    potentials = _far_part(*_single(observers, places, lumps))
    (corners,) = _single(conductor.points[conductor.triangles])
    near = _near_part(observers, corners) @ _single(density[conductor.triangles.ravel()])[0]
    return (potentials + near) / (4 * np.pi)


def _edge_lumps(conductor, density):
    """Middles of all edges, and a third of the charge of both triangles beside each."""
    sides = np.sort(triangle_edges(conductor.triangles), axis=1)
    edges, number = np.unique(sides, axis=0, return_inverse=True)
    area = np.bincount(number.ravel(), np.repeat(conductor.areas / 3, 3))
    middles, means = (values[edges].mean(axis=1) for values in (conductor.points, density))
    return middles, area[:, None] * means


def _single(*arrays):
    return [np.asarray(array, np.float32) for array in arrays]


def _far_part(observers, places, lumps):
    """Sum of lump / distance."""
    found = np.zeros((len(observers), lumps.shape[1]), np.float32)
    for charged in blocks(len(places), LUMPS):
        at, charge = (
            filled_up(places[charged], LUMPS),
            np.zeros((LUMPS, lumps.shape[1]), np.float32),
        )
        charge[: charged.stop - charged.start] = lumps[charged]
        for some in blocks(len(observers), OBSERVERS):
            part = np.asarray(_sum_of_lumps(filled_up(observers[some], OBSERVERS), at, charge))
            found[some] += part[: some.stop - some.start]
    return found


@jax.jit
def _sum_of_lumps(observers, places, lumps):
    square = sum((observers[:, i, None] - places[:, i]) ** 2 for i in range(3))
    return jax.lax.rsqrt(jnp.maximum(square, CLOSEST**2)) @ lumps


def _near_part(observers, corners) -> sparse.csr_array:
    """What the linear density of near triangles makes beyond their lumps: a row for each observer,
    a column for each corner of each triangle."""
    place, face = _near_pairs(observers, corners)
    shares = of_pairs(_beyond_lumps, observers, corners, place, face)
    columns = 3 * face + np.arange(3)[:, None]
    shape = (len(observers), 3 * len(corners))
    entries = shares.ravel(), (np.tile(place, 3), columns.ravel())
    return sparse.coo_array(entries, shape=shape).tocsr()


def _near_pairs(observers, corners):
    """Observers and triangles that are near each other."""
    longest = np.linalg.norm(np.roll(corners, 1, axis=1) - corners, axis=2).max(axis=1)
    found = cKDTree(observers).query_ball_point(corners.mean(axis=1), NEAR * longest)
    face = np.repeat(np.arange(len(corners)), [len(places) for places in found])
    return np.concatenate(found).astype(np.int64), face


def _beyond_lumps(at, corners):
    """Of each pair of a place and a triangle, for each corner's hat function."""
    hats, area = hat_potentials(at, corners)
    middles = (corners + np.roll(corners, -1, axis=1)) / 2 - at[:, None]
    distances = np.sqrt((middles**2).sum(axis=2)).T
    lumps = area / 6 / np.maximum(distances, np.float32(CLOSEST))
    return hats - lumps - np.roll(lumps, 1, axis=0)
