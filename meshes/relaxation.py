"""Moves nodes so that the worst tetrahedra of a mesh get better."""

import numpy as np
from jaxtyping import Float, Int

from twin.meshes.quality import scaled_jacobian
from twin.meshes.solid import Solid
from twin.meshes.stuffing import boundary_faces

TRIALS = 8
"""Places tried for a node in each round."""

STRIDE = 0.3
"""Length of the longest trial step, as a fraction of the mean edge round the node."""


def relax(
    points: Float[np.ndarray, "points 3"],
    tetrahedra: Int[np.ndarray, "tets 4"],
    solid: Solid,
    *,
    target: float = 0.2,
    rounds: int = 12,
    seed: int = 0,
) -> Float[np.ndarray, "points 3"]:
    """Points moved until no scaled Jacobian is under `target`, as far as so many rounds reach.

    A node goes to the best of some random places near it if that betters the worst tetrahedron
    round it (after Freitag and Ollivier-Gooch 1997); nodes of the boundary stay on it.
    """
    points, generator = points.copy(), np.random.default_rng(seed)
    normals = _node_normals(points, tetrahedra)
    quality = scaled_jacobian(points, tetrahedra)
    for _ in range(rounds):
        bad = np.unique(tetrahedra[quality < target])
        if len(bad) == 0:
            break
        star = _Stars(tetrahedra, _apart(tetrahedra, bad, generator))
        best, worst = points[star.nodes], star.worst(quality[star.tetrahedra])
        for _ in range(TRIALS):
            trial = _trial(points, star, normals, solid, generator)
            reached = star.worst(star.quality(points, tetrahedra, trial))
            better = reached > worst
            best[better], worst[better] = trial[better], reached[better]
        points[star.nodes] = best
        quality[star.tetrahedra] = scaled_jacobian(points, tetrahedra[star.tetrahedra])
    return points


class _Stars:
    """The tetrahedra round each of some nodes, no two of which share a tetrahedron."""

    def __init__(self, tetrahedra, nodes):
        found = np.isin(tetrahedra, nodes)
        owner, corner = np.nonzero(found)
        order = np.argsort(tetrahedra[owner, corner], kind="stable")
        self.tetrahedra, self.corner = owner[order], corner[order]
        self.nodes, self.first = np.unique(tetrahedra[owner, corner][order], return_index=True)
        self.counts = np.diff(np.append(self.first, len(order)))
        self.others = tetrahedra[self.tetrahedra]

    def worst(self, quality):
        return np.minimum.reduceat(quality, self.first)

    def mean(self, values):
        return np.add.reduceat(values, self.first) / self.counts.reshape(
            -1, *[1] * (values.ndim - 1)
        )

    def quality(self, points, tetrahedra, places):
        """Scaled Jacobians with the nodes at other places."""
        corners = points[self.others]
        corners[np.arange(len(corners)), self.corner] = np.repeat(places, self.counts, axis=0)
        return scaled_jacobian(corners.reshape(-1, 3), np.arange(corners.size // 3).reshape(-1, 4))


def _trial(points, star, normals, solid, generator):
    here = points[star.nodes]
    edge = np.linalg.norm(
        points[star.others].mean(axis=1) - np.repeat(here, star.counts, axis=0), axis=1
    )
    size = STRIDE * star.mean(edge)[:, None] * generator.random((len(here), 1))
    trial = here + size * generator.standard_normal(here.shape)
    normal = normals[star.nodes]
    outside = np.flatnonzero(normal.any(axis=1))
    for _ in range(2):
        away = solid.distance(trial[outside])[:, None]
        trial[outside] -= away * normal[outside]
    return trial


def _apart(tetrahedra, nodes, generator):
    """As many of the nodes as can be found at once of which no two share a tetrahedron."""
    rank = np.full(tetrahedra.max() + 1, -1)
    rank[nodes] = generator.permutation(len(nodes))
    ranks = rank[tetrahedra]
    highest = ranks.max(axis=1)
    beaten = tetrahedra[(ranks < highest[:, None]) & (ranks >= 0)]
    return np.setdiff1d(nodes, beaten)


def _node_normals(points, tetrahedra):
    """Outward unit normals at nodes of the boundary, zero elsewhere."""
    faces, _ = boundary_faces(tetrahedra)
    a, b, c = (points[faces[:, corner]] for corner in range(3))
    area = np.cross(b - a, c - a)
    total = np.zeros_like(points)
    for corner in range(3):
        for axis in range(3):
            total[:, axis] += np.bincount(faces[:, corner], area[:, axis], len(points))
    return total / np.maximum(np.linalg.norm(total, axis=1, keepdims=True), 1e-300)
