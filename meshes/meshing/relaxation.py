"""Moves nodes so that the worst tetrahedra of a mesh get better."""

import numpy as np
from jaxtyping import Bool, Float, Int

from twin.meshes.meshing.quality import scaled_jacobian
from twin.meshes.meshing.solid import Solid
from twin.meshes.meshing.stuffing import surface_triangles

TRIALS = 8
"""Places tried for a node in each round."""

ROUNDS, WIDENINGS = 30, 3

STRIDE = 0.3
"""Length of the longest trial step, as a fraction of the mean edge round the node."""


def relax(
    points: Float[np.ndarray, "points 3"],
    tetrahedra: Int[np.ndarray, "tets 4"],
    surface: Bool[np.ndarray, " points"],
    solid: Solid,
    *,
    target: float = 0.15,
) -> Float[np.ndarray, "points 3"]:
    """Points moved until no scaled Jacobian is under `target`, as far as so many rounds reach.

    A node goes to the best of some random places near it if that betters the worst tetrahedron
    round it (after Freitag and Ollivier-Gooch 1997); nodes of the boundary stay on it. Where that
    does not reach, the neighbourhood is moved along and made better than asked for, to give way.
    """
    outer = tetrahedra[surface[tetrahedra].any(axis=1)]
    normals = _node_normals(points, surface_triangles(tetrahedra, surface))
    for widening in range(WIDENINGS):
        movable = np.zeros(len(points), bool)
        movable[outer[scaled_jacobian(points, outer) < target]] = True
        if not movable.any():
            break
        for _ in range(widening):
            movable[tetrahedra[movable[tetrahedra].any(axis=1)]] = True
        near = tetrahedra[movable[tetrahedra].any(axis=1)]
        used, number = np.unique(near, return_inverse=True)
        part = _Part(points[used], number.reshape(-1, 4), movable[used], normals[used], solid)
        points = points.copy()
        points[used] = part.relax((1 + widening) * target)
    return points


class _Part:
    """A part of a mesh that holds all tetrahedra round its movable nodes."""

    def __init__(self, points, tetrahedra, movable, normals, solid):
        self.points, self.tetrahedra, self.movable = points, tetrahedra, movable
        self.normals, self.solid = normals, solid
        self.generator = np.random.default_rng(len(tetrahedra))

    def relax(self, target):
        """The points, moved."""
        quality = scaled_jacobian(self.points, self.tetrahedra)
        for _ in range(ROUNDS):
            bad = np.unique(self.tetrahedra[quality < target])
            bad = bad[self.movable[bad]]
            if len(bad) == 0:
                break
            star = _Stars(self.tetrahedra, self._apart(bad))
            best, worst = self.points[star.nodes], star.worst(quality[star.tetrahedra])
            for trial in self._trials(star):
                reached = star.worst(star.quality(self.points, trial))
                better = reached > worst
                best[better], worst[better] = trial[better], reached[better]
            self.points[star.nodes] = best
            quality[star.tetrahedra] = scaled_jacobian(self.points, star.others)
        return self.points

    def _apart(self, nodes):
        """As many of the nodes as are easily found of which no two share a tetrahedron."""
        rank = np.full(len(self.points), -1)
        rank[nodes] = self.generator.permutation(len(nodes))
        ranks = rank[self.tetrahedra]
        beaten = self.tetrahedra[(ranks < ranks.max(axis=1, keepdims=True)) & (ranks >= 0)]
        return np.setdiff1d(nodes, beaten)

    def _trials(self, star):
        """Some random places near each node, on the surface where the node is."""
        here = self.points[star.nodes]
        away = self.points[star.others] - np.repeat(here, star.counts, axis=0)[:, None]
        edge = star.mean(np.linalg.norm(away, axis=2).sum(axis=1) / 3)
        size = STRIDE * edge[:, None] * self.generator.random((TRIALS, len(here), 1))
        trials = here + size * self.generator.standard_normal((TRIALS, len(here), 3))
        surface = np.flatnonzero(self.normals[star.nodes].any(axis=1))
        normal = self.normals[star.nodes[surface]]
        for _ in range(2 if len(surface) else 0):
            distance = self.solid.distance(trials[:, surface].reshape(-1, 3))
            trials[:, surface] -= distance.reshape(TRIALS, -1, 1) * normal
        return trials


class _Stars:
    """The tetrahedra round each of some nodes, no two of which share a tetrahedron."""

    def __init__(self, tetrahedra, nodes):
        wanted = np.zeros(tetrahedra.max() + 1, bool)
        wanted[nodes] = True
        owner, corner = np.nonzero(wanted[tetrahedra])
        order = np.argsort(tetrahedra[owner, corner], kind="stable")
        self.tetrahedra, self.corner = owner[order], corner[order]
        self.nodes, self.first = np.unique(tetrahedra[owner, corner][order], return_index=True)
        self.counts = np.diff(np.append(self.first, len(order)))
        self.others = tetrahedra[self.tetrahedra]

    def worst(self, quality):
        return np.minimum.reduceat(quality, self.first)

    def mean(self, values):
        return np.add.reduceat(values, self.first) / self.counts

    def quality(self, points, places):
        """Scaled Jacobians with the nodes at other places."""
        corners = points[self.others]
        corners[np.arange(len(corners)), self.corner] = np.repeat(places, self.counts, axis=0)
        return scaled_jacobian(corners.reshape(-1, 3), np.arange(corners.size // 3).reshape(-1, 4))


def _node_normals(points, faces):
    """Outward unit normals at nodes of the boundary, zero elsewhere."""
    a, b, c = (points[faces[:, corner]] for corner in range(3))
    area = np.cross(b - a, c - a)
    total = np.zeros_like(points)
    for corner in range(3):
        for axis in range(3):
            total[:, axis] += np.bincount(faces[:, corner], area[:, axis], len(points))
    return total / np.maximum(np.linalg.norm(total, axis=1, keepdims=True), 1e-300)
