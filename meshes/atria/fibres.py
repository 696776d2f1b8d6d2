"""Rule-based fibres of a left atrium, on its inner and on its outer side.

A fibre stands across the gradient of a potential, within the surface (Piersanti et al. 2021).
Around each vein, the appendage and the mitral ring that makes it run around them, on both sides.
Inside, the body follows the potential from the appendage over the ring to the right veins.
Outside, the septopulmonary bundle runs over the roof and down the back, and Bachmann's bundle
crosses the front (Ho et al., Europace 2012;14:1053).
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from twin.meshes.atria.coordinates import AtrialCoordinates, Potentials
from twin.meshes.atria.regions import VEINS, Region
from twin.meshes.fields.surface_elements import SurfaceElements

SMOOTHING = 3
"""Rounds in which neighbours' directions are averaged: bundles merge, they do not end."""


class AtrialFibres(NamedTuple):
    """Unit vectors in each triangle; axes without a sense."""

    endocardial: Float[np.ndarray, "tris 3"]
    epicardial: Float[np.ndarray, "tris 3"]


def rule_based_fibres(
    elements: SurfaceElements,
    regions: Int[np.ndarray, " tris"],
    coordinates: AtrialCoordinates,
    potentials: Potentials,
) -> AtrialFibres:
    across = elements.gradient(potentials.across)
    veins = elements.gradient(potentials.between_veins)
    ring = elements.gradient(potentials.from_veins)
    anterior = coordinates.posterior_anterior[elements.triangles].mean(axis=1) > 0.5
    body = regions == Region.BODY
    sleeves = np.isin(regions, (*VEINS, Region.LEFT_COMMON_TRUNK))

    def along(front, back) -> Float[np.ndarray, "tris 3"]:
        transverse = np.where((body & anterior)[:, None], front, across)
        transverse = np.where((body & ~anterior)[:, None], back, transverse)
        transverse = np.where(sleeves[:, None], veins, transverse)
        transverse = np.where((regions == Region.MITRAL_VESTIBULE)[:, None], ring, transverse)
        return _smoothed(elements, np.cross(elements.normals, transverse))

    return AtrialFibres(along(across, across), along(ring, veins))


def _smoothed(elements: SurfaceElements, vectors) -> Float[np.ndarray, "tris 3"]:
    """Directions without a sense, averaged as dyads f f' with those around."""
    length = np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    dyads = np.einsum("ti,tj->tij", vectors / length, vectors / length)
    for _ in range(SMOOTHING):
        dyads = elements.at_nodes(dyads)[elements.triangles].mean(axis=1)
    return principal_directions(dyads, elements.normals)


def principal_directions(
    dyads: Float[np.ndarray, "tris 3 3"], normals: Float[np.ndarray, "tris 3"]
) -> Float[np.ndarray, "tris 3"]:
    """The unit vectors within each triangle along which its symmetric tensor is the largest."""
    within = np.eye(3) - np.einsum("ti,tj->tij", normals, normals)
    flat = within @ dyads @ within
    return np.linalg.eigh(flat)[1][:, :, 2]
