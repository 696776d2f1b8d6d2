"""Coordinates that grow evenly along the trajectories from one part of a wall to another."""

import numpy as np
from jaxtyping import Bool, Float

from twin.meshes.fields.laplace import DirichletProblem, LinearElements, unit

BESIDE = 0.05
"""Conductivity from a trajectory to its neighbours in the layer, relative to that along it: they
hold on to each other, so that the coordinate is smooth on any mesh."""

ACROSS = 0.0005
"""The same from layer to layer; far smaller, as layers lie close and each has its own length."""


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
    across = np.zeros((3, 3)) if layers is None else _outer(layers)
    within = np.eye(3) - (1 - ACROSS) * across
    potential = DirichletProblem(elements.stiffness(within), fixed).solve(values, 1e-5)
    flux = (within @ elements.gradient(potential)[..., None])[..., 0]
    strength = np.linalg.norm(flux, axis=1)
    strength = np.maximum(strength, 1e-3 * np.median(strength))
    beside = BESIDE * np.eye(3) - (BESIDE - ACROSS) * across
    conductivity = strength[:, None, None] * ((1 - BESIDE) * _outer(unit(flux)) + beside)
    problem = DirichletProblem(elements.stiffness(conductivity), fixed)
    coordinate = problem.solve(values, guess=potential)
    # On obtuse elements the discrete solution may pass the values it interpolates by a trifle.
    return np.clip(coordinate, values[fixed].min(), values[fixed].max())


def _outer(vectors: np.ndarray) -> np.ndarray:
    return vectors[:, :, None] * vectors[:, None, :]
