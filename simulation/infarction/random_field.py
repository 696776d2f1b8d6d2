"""Correlated random fields on the heart itself, in coordinates without a seam."""

import numpy as np
from jaxtyping import Float

FEATURES = 96
"""Waves that a field is made of; with more it is no closer to Gaussian than can be seen."""


def random_field(
    places: Float[np.ndarray, "places axes"], length: float, random: np.random.Generator
) -> Float[np.ndarray, " places"]:
    """A Gaussian field of mean 0 and variance 1 whose correlation over a distance r is
    exp(-r^2 / (2 length^2)), both in mm, as a sum of random waves (Rahimi and Recht 2007)."""
    waves = (random.normal(size=(places.shape[1], FEATURES)) / length).astype(np.float32)
    phases = random.uniform(0, 2 * np.pi, FEATURES).astype(np.float32)
    angles = places.astype(np.float32) @ waves
    angles += phases
    return np.sqrt(2 / FEATURES) * np.cos(angles, out=angles).sum(axis=1).astype(float)
