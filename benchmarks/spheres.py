"""Spherical conductors whose potentials are known as series."""

import numpy as np
import trimesh
from jaxtyping import Float
from scipy.special import comb, eval_legendre

from twin.meshes.surface import Surface


def sphere(
    radius: float = 1.0, halvings: int = 3, centre: tuple[float, float, float] = (0, 0, 0)
) -> Surface:
    """A halved icosahedron, 20 x 4^halvings triangles."""
    ball = trimesh.creation.icosphere(subdivisions=halvings, radius=radius)
    return Surface(np.array(ball.vertices) + np.array(centre), np.array(ball.faces))


def dipole_in_infinite_medium(
    places: Float[np.ndarray, "places 3"],
    at: Float[np.ndarray, " 3"],
    moment: Float[np.ndarray, " 3"],
) -> Float[np.ndarray, " places"]:
    """Potential times conductivity."""
    away = places - at
    return away @ moment / (4 * np.pi * np.linalg.norm(away, axis=1) ** 3)


def dipole_in_insulated_sphere(
    places: Float[np.ndarray, "places 3"],
    at: Float[np.ndarray, " 3"],
    moment: Float[np.ndarray, " 3"],
    terms: int = 80,
) -> Float[np.ndarray, " places"]:
    """Potential times conductivity on the unit sphere:
    1 / (4 pi) sum of (2n + 1) / n moment . grad [r^n P_n] at the dipole."""
    distance, step = np.linalg.norm(at), 1e-5

    def monopole(source):
        length = np.linalg.norm(source)
        cosine = places @ source / np.maximum(np.linalg.norm(places, axis=1) * length, 1e-300)
        n = np.arange(1, terms)
        factors = (2 * n + 1) / n * length**n
        return (factors * eval_legendre(n, cosine[:, None])).sum(axis=1) / (4 * np.pi)

    if distance < 1e-3:
        return 3 * dipole_in_infinite_medium(places, at, moment)
    sides = [(monopole(at + step * e) - monopole(at - step * e)) / (2 * step) for e in np.eye(3)]
    return moment @ np.array(sides)


def electrode_field_in_eccentric_spheres(
    places: Float[np.ndarray, "places 3"],
    offset: float,
    radius: float,
    inside: float,
    outside: float,
    terms: int = 70,
) -> Float[np.ndarray, " places"]:
    """Z of an electrode at (0, 0, 1) on the unit sphere of conductivity `outside`, which holds a
    sphere of `radius` and conductivity `inside` round (0, 0, offset); unit current leaves evenly.

    Solid harmonics about both centres, carried from one to the other by binomial sums.
    """
    n = np.arange(terms + 1)
    powers = np.where(n[:, None] >= n, n[:, None] - n, 0)
    carry = np.where(n[:, None] >= n, comb(n[:, None], n) * float(offset) ** powers, 0.0)
    change = radius ** (2 * n + 1.0) * n * (outside - inside) / ((n + 1) * outside + n * inside)
    induce = change[:, None] * carry.T
    system = np.diag(n.astype(float)) - (n + 1)[:, None] * (carry @ induce)
    system[0, 0] = 1
    current = np.where(n > 0, (2 * n + 1) / (4 * np.pi * outside), 0)
    regular = np.linalg.solve(system, current)
    induced = induce @ regular
    within = carry.T @ regular + induced * radius ** -(2 * n + 1.0)

    away = places - np.array([0, 0, offset])
    near = np.linalg.norm(away, axis=1)
    distance = np.linalg.norm(places, axis=1)

    def total(coefficients, lengths, heights, powers):
        waves = eval_legendre(n, (heights / lengths)[:, None])
        return (coefficients * lengths[:, None] ** powers * waves).sum(axis=1)

    outer = total(regular, distance, places[:, 2], n)
    outer += total(induced, np.maximum(near, radius), away[:, 2], -(n + 1.0))
    return np.where(near < radius, total(within, near, away[:, 2], n), outer)
