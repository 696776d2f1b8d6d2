"""Coordinates that grow evenly along the trajectories from one part of a wall to another."""

import numpy as np
from jaxtyping import Bool, Float

from twin.meshes.laplace import DirichletProblem, LinearElements, unit

LEAK = 0.002
"""Conductivity across the trajectories relative to that along them: neighbouring trajectories
hold on to each other, so that the equations stay well-posed on any mesh."""


def even_coordinate(
    elements: LinearElements,
    fixed: Bool[np.ndarray, " points"],
    values: Float[np.ndarray, " points"],
    layers: Float[np.ndarray, "tets 3"] | None = None,
) -> Float[np.ndarray, " points"]:
    """Interpolate the fixed nodes' values evenly by length along each trajectory between them.

    The trajectories follow the flux q of a potential with the same fixed values; where `layers`
    gives normals, q keeps within the layers. As div q = 0, the section of a thin tube of
    trajectories is inverse to |q|, and div(|q|^-1 q (q . grad s)) = 0 says that ds/dl is constant
    along it: s is the length to one end over the whole length, the distance of Yezzi and Prince
    (IEEE Trans. Med. Imaging 22:1332, 2003), by one symmetric solve.
    """
    within = None if layers is None else _within(layers)
    potential = DirichletProblem(elements.stiffness(within), fixed).solve(values)
    flux = elements.gradient(potential)
    if within is not None:
        flux = np.einsum("txy,ty->tx", within, flux)
    strength = np.linalg.norm(flux, axis=1)
    strength = np.maximum(strength, 1e-3 * np.median(strength))
    along = strength[:, None, None] * (_outer(unit(flux)) + LEAK * np.eye(3))
    coordinate = DirichletProblem(elements.stiffness(along), fixed).solve(values)
    # On obtuse elements the discrete solution may pass the values it interpolates by a trifle.
    return np.clip(coordinate, values[fixed].min(), values[fixed].max())


def _within(normals: np.ndarray) -> np.ndarray:
    return np.eye(3) - (1 - LEAK) * _outer(normals)


def _outer(vectors: np.ndarray) -> np.ndarray:
    return vectors[:, :, None] * vectors[:, None, :]
