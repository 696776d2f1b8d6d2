"""Finer triangles where a surface is near something, its shape unchanged."""

import numpy as np
from jaxtyping import Bool, Float
from scipy.spatial import cKDTree

from twin.meshes.surface import Surface
from twin.meshes.topology import triangle_edges

PASSES = 3


def refine_near(
    surface: Surface, places: Float[np.ndarray, "places 3"], shortest: float
) -> Surface:
    """With edges halved that are longer than `shortest` mm and than their way to the places."""
    tree = cKDTree(places)
    for _ in range(PASSES):
        ends = surface.points[_edges(surface)[0]]
        lengths = np.linalg.norm(ends[:, 1] - ends[:, 0], axis=1)
        distances = tree.query(ends.mean(axis=1))[0]
        long = lengths > np.maximum(shortest, distances)
        if not long.any():
            break
        surface = halve_edges(surface, long)
    return surface


def halve_edges(surface: Surface, chosen: Bool[np.ndarray, " edges"]) -> Surface:
    """Both triangles at each chosen edge divided alike, into two, three or four."""
    edges, of_triangle = _edges(surface)
    middle = np.where(chosen, len(surface.points) + np.cumsum(chosen) - 1, -1)[of_triangle]
    count = (middle >= 0).sum(axis=1)
    # Turned so that edge 0 is the only one that is halved, or the only one that is not.
    turn = np.argmax(np.where(count[:, None] == 1, middle >= 0, middle < 0), axis=1)
    order = (turn[:, None] + np.arange(3)) % 3
    corners = np.take_along_axis(surface.triangles, order, 1)
    middle = np.take_along_axis(middle, order, 1)
    names = np.column_stack([corners, middle])
    pieces = [names[count == halved][:, parts] for halved, parts in PARTS.items()]
    triangles = np.concatenate([piece.reshape(-1, 3) for piece in pieces])
    return Surface(
        np.concatenate([surface.points, surface.points[edges[chosen]].mean(axis=1)]), triangles
    )


PARTS = {
    0: [0, 1, 2],
    1: [0, 3, 2, 3, 1, 2],
    2: [0, 1, 4, 0, 4, 5, 5, 4, 2],
    3: [0, 3, 5, 3, 1, 4, 5, 4, 2, 3, 4, 5],
}
"""Corners 0 to 2 and the middles of the edges 0-1, 1-2 and 2-0 as 3 to 5, by how many there are."""


def _edges(surface):
    """Each edge once, and the three of each triangle, 0-1 first."""
    edges = np.sort(triangle_edges(surface.triangles), axis=1)
    unique, number = np.unique(edges, axis=0, return_inverse=True)
    return unique, number.reshape(-1, 3)
