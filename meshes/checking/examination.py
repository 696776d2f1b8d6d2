"""A volume under examination: what several faults are judged by, computed once."""

from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.spatial import cKDTree

from twin.meshes import topology
from twin.meshes.meshing.quality import scaled_jacobian
from twin.meshes.volume import Volume

FLAT = 1e-3
"""Scaled Jacobian below which a tetrahedron counts as flat."""

COINCIDENT = 1e-6
"""Points closer than this fraction of the mesh's size are the same."""


class Examination:
    """Everything is computed when first asked for; nothing guards against a gate left closed."""

    def __init__(self, volume: Volume) -> None:
        self.volume = volume
        self.points = np.asarray(volume.points, np.float64)
        self.tetrahedra = np.asarray(volume.tetrahedra, np.int64)

    @cached_property
    def size(self) -> float:
        """Longest side of the bounding box, in the unit of the points."""
        return float(np.ptp(self.points, axis=0).max())

    @cached_property
    def quality(self) -> Float[np.ndarray, " tets"]:
        """Scaled Jacobian."""
        return scaled_jacobian(self.points, self.tetrahedra)

    @cached_property
    def collapsed(self) -> Bool[np.ndarray, " tets"]:
        """Tetrahedra that name a node twice."""
        corners = np.sort(self.tetrahedra, axis=1)
        return (corners[:, 1:] == corners[:, :-1]).any(axis=1)

    @cached_property
    def flat(self) -> Bool[np.ndarray, " tets"]:
        return (np.abs(self.quality) < FLAT) & ~self.collapsed

    @cached_property
    def repeated(self) -> Bool[np.ndarray, " tets"]:
        """Tetrahedra whose corners an earlier one has."""
        return topology.repeated_rows(self.tetrahedra)

    @cached_property
    def faces(self) -> Int[np.ndarray, "faces 3"]:
        """Four of each tetrahedron."""
        return topology.tetrahedron_faces(self.tetrahedra)

    @cached_property
    def shared_faces(self) -> tuple[Int[np.ndarray, " pairs"], Int[np.ndarray, " pairs"]]:
        return topology.chain_equal_rows(np.sort(self.faces, axis=1))

    @cached_property
    def boundary(self) -> Int[np.ndarray, "faces 3"]:
        """The faces of one tetrahedron alone, facing outwards however that is numbered."""
        alone = np.ones(4 * len(self.tetrahedra), bool)
        for faces in self.shared_faces:
            alone[faces] = False
        boundary = self.faces[alone]
        inverted = self.quality[np.flatnonzero(alone) // 4] < 0
        boundary[inverted] = boundary[inverted][:, ::-1]
        return boundary

    @cached_property
    def components(self) -> Int[np.ndarray, " tets"]:
        one, other = self.shared_faces
        return topology.label_components(one // 4, other // 4, len(self.tetrahedra))

    @cached_property
    def overlapping(self) -> Int[np.ndarray, " tets"]:
        """Tetrahedra that lie on the same side of a shared face as another one.

        That is a fault of the geometry, whichever way the corners are numbered.
        """
        one, other = self.shared_faces
        side = np.repeat(np.sign(self.quality), 4) * _parity(self.faces)
        sound = ~(self.flat | self.repeated | self.collapsed)
        wrong = (side[one] == side[other]) & sound[one // 4] & sound[other // 4]
        third = other[1:][(one[1:] == other[:-1]) & sound[other[1:] // 4]]
        return np.unique(np.concatenate([one[wrong], other[wrong], third]) // 4)

    @cached_property
    def representative(self) -> Int[np.ndarray, " points"]:
        """The first of the points that coincide with each point."""
        pairs = cKDTree(self.points).query_pairs(COINCIDENT * self.size, output_type="ndarray")
        if len(pairs) == 0:
            return np.arange(len(self.points))
        labels = topology.label_components(pairs[:, 0], pairs[:, 1], len(self.points))
        return np.unique(labels, return_index=True)[1][labels]

    @cached_property
    def referenced(self) -> Bool[np.ndarray, " points"]:
        referenced = np.zeros(len(self.points), bool)
        referenced[self.tetrahedra.ravel()] = True
        return referenced

    @cached_property
    def triangle_of_face(self) -> Int[np.ndarray, " faces"]:
        """The row of the volume's own triangles that is each boundary face; -1 where none is."""
        own = np.sort(np.asarray(self.volume.triangles, np.int64), axis=1)
        keys = topology.row_keys(np.vstack([np.sort(self.boundary, axis=1), own]))
        of_face, of_own = np.split(keys, [len(self.boundary)])
        values, first = np.unique(of_own, return_index=True)
        at = np.minimum(np.searchsorted(values, of_face), len(values) - 1)
        return np.where(values[at] == of_face, first[at], -1) if len(own) else at

    def total(self, parts: str) -> int:
        counted = {
            "points": self.points,
            "tetrahedra": self.tetrahedra,
            "triangles": self.volume.triangles,
        }
        if parts in counted:
            return len(counted[parts])
        totals = {
            "boundary faces": len(self.boundary),
            "boundary edges": 3 * len(self.boundary) // 2,
        }
        return totals.get(parts, 1)

    def locate(self, parts: str, first: tuple[int, ...]) -> np.ndarray:
        """Where a part is; nothing where that cannot be said."""
        named = {"tetrahedra": self.tetrahedra, "triangles": self.volume.triangles}
        nodes = np.asarray(named[parts][first[0]] if parts in named else first, np.int64)
        if len(nodes) == 0 or nodes.min() < 0 or nodes.max() >= len(self.points):
            return np.zeros(0)
        place = self.points[nodes].mean(axis=0)
        return place if np.isfinite(place).all() else np.zeros(0)


def _parity(faces):
    """1 where an even number of swaps sorts the row, -1 where an odd number does."""
    a, b, c = faces.T
    return 1 - 2 * ((a > b) ^ (a > c) ^ (b > c)).astype(np.int8)
