"""A left atrium as some hundred patches, and what the ECG needs of the potentials on each.

A lead is an integral of a smooth field times conductivity times the gradient of the potential. Over
a patch of some millimetres the field hardly changes, so that the integrals of the gradient, and of
its part along the fibres, over each patch are all that potentials on the finest mesh have to say.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float, Float32, Int
from scipy import sparse
from scipy.spatial import cKDTree

from twin.meshes.atria.regions import Region
from twin.meshes.atria.tissue import TissueClass
from twin.meshes.atrium import Atrium
from twin.meshes.fields.surface_elements import SurfaceElements
from twin.meshes.torso import Torso
from twin.simulation.atria.body_frame import body_frame
from twin.simulation.lead_field import electrode_places

COUNT = 1000
"""With the true fields and conductivities of so many R2 is 0.995; of 500 it was 0.989."""
FOLD = 8.0
"""mm that turning a normal by a radian counts as, so that walls back to back stay apart."""

CANDIDATES = 10
"""Triangles a patch among which the middles of patches are chosen."""
MIXED = 5.0
"""mm that another kind of tissue counts as, so that a patch is of one kind."""

LUNGS, NO_LUNG = 2, 200.0
"""Lungs that are looked at, and mm at which one that is not there counts as."""


@dataclass(frozen=True, eq=False)
class Patches:
    """`of_triangle` says to which patch each triangle belongs. `dyads` are means over both layers
    of fibre times fibre."""

    atrium: Atrium
    elements: SurfaceElements
    of_triangle: Int[np.ndarray, " tris"]
    dyads: Float[np.ndarray, "tris 3 3"]

    @staticmethod
    def of(atrium: Atrium, count: int = COUNT) -> "Patches":
        elements = SurfaceElements(atrium.points, atrium.triangles)
        centres = atrium.points[atrium.triangles].mean(axis=1)
        kinds = atrium.tissue[:, None] == np.array(TissueClass)
        places = np.concatenate([centres, FOLD * elements.normals, MIXED * kinds], axis=1)
        every = max(1, len(places) // (CANDIDATES * count))
        chosen = _spread(places[::every], min(count, len(places)))
        _, nearest = cKDTree(places[::every][chosen]).query(places, workers=-1)
        layers = (atrium.endocardial_fibre, atrium.epicardial_fibre)
        dyads = sum(np.einsum("ti,tj->tij", f, f) for f in layers) / len(layers)
        return Patches(atrium, elements, np.asarray(nearest), np.asarray(dyads))

    @cached_property
    def count(self) -> int:
        return int(self.of_triangle.max()) + 1

    @cached_property
    def areas(self) -> Float[np.ndarray, " patches"]:
        return np.bincount(self.of_triangle, self.elements.areas, self.count)

    def mean(self, values: Float[np.ndarray, "tris ..."]) -> Float[np.ndarray, "patches ..."]:
        """Over each patch, of values in triangles."""
        flat = values.reshape(len(values), -1)
        return (self._gather @ flat).reshape(self.count, *values.shape[1:])

    @cached_property
    def centres(self) -> Float[np.ndarray, "patches 3"]:
        return self.mean(self.atrium.points[self.atrium.triangles].mean(axis=1))

    @cached_property
    def normals(self) -> Float[np.ndarray, "patches 3"]:
        return self.mean(self.elements.normals)

    @cached_property
    def fibre_dyads(self) -> Float[np.ndarray, "patches 3 3"]:
        return self.mean(self.dyads)

    @cached_property
    def region_shares(self) -> Float[np.ndarray, "patches regions"]:
        return self.mean(self.atrium.regions[:, None] == np.array(Region))

    @cached_property
    def tissue_shares(self) -> Float[np.ndarray, "patches kinds"]:
        return self.mean(self.atrium.tissue[:, None] == np.array(TissueClass))

    @cached_property
    def coordinates(self) -> Float[np.ndarray, "patches 3"]:
        """From septum to side, and the height as a point on a circle: it jumps where it closes."""
        own, corners = self.atrium.coordinates, self.atrium.triangles
        turn = 2 * np.pi * own.posterior_anterior[corners]
        parts = (own.septal_lateral[corners], np.cos(turn), np.sin(turn))
        return self.mean(np.stack([part.mean(axis=1) for part in parts], axis=1))

    def surroundings(self, torso: Torso) -> dict[str, np.ndarray]:
        """Where skin and lungs of a torso that stands around the atrium lie: distances (mm) from
        each patch to the nearest point of the skin and of each lung, and how far the skin is from
        the middle of the atrium to the right, left, front, back, bottom and top of the body."""
        surfaces = (torso.skin, *torso.lungs[:LUNGS])
        near = [cKDTree(one.points).query(self.centres)[0] for one in surfaces]
        near += [np.full(self.count, NO_LUNG)] * (1 + LUNGS - len(near))
        middle = np.average(self.centres, axis=0, weights=self.areas)
        frame, _ = body_frame(electrode_places(torso))
        around = (torso.skin.points - middle) @ frame.T
        reach = [side(np.delete(around, axis, 1), around[:, axis]) for axis in range(3)
                 for side in (_below, _above)]  # fmt: skip
        return {"near": np.stack(near, axis=1), "reach": np.array(reach)}

    def known(self) -> dict[str, np.ndarray]:
        """What the anatomy says of each patch."""
        names = ("areas", "centres", "normals", "fibre_dyads", "region_shares", "tissue_shares")
        return {name: getattr(self, name) for name in (*names, "coordinates")}

    def mean_gradients(
        self, values: Float[np.ndarray, "fields points"]
    ) -> Float32[np.ndarray, "fields patches 3"]:
        """Of fields at the nodes, over each patch."""
        slopes = np.stack([self.elements.gradient(np.asarray(v, float)) for v in values], axis=1)
        return np.moveaxis(self.mean(slopes), 1, 0).astype(np.float32)

    def node_mean(
        self, potentials: Float[np.ndarray, "points times"]
    ) -> Float[np.ndarray, "patches times"]:
        """Mean potential of each patch, mV."""
        return (self._gather @ self._corners) @ np.asarray(potentials, np.float32)

    @cached_property
    def mean_weights(self) -> sparse.csr_matrix:
        """Potentials at the nodes to the mean potential of each patch, and then the mean of its
        gradient (mV/mm), axis after axis."""
        slopes = sparse.kron(sparse.eye(3), self._gather, "csr") @ self._gradient
        return sparse.vstack([self._gather @ self._corners, slopes]).astype(np.float32).tocsr()

    @cached_property
    def moment_weights(self) -> sparse.csr_matrix:
        """Potentials at the nodes to `moments`: rows by patch, then kind, then axis."""
        return self._sum(2) @ sparse.vstack([self._gradient, self._fibre_gradient]).tocsr()

    def moments(
        self, potentials: Float[np.ndarray, "points times"]
    ) -> Float[np.ndarray, "patches 2 3 times"]:
        """Integrals of the gradient (mV mm) and of fibre (fibre . gradient) over each patch."""
        found = self.moment_weights @ np.asarray(potentials, np.float32)
        return found.reshape(self.count, 2, 3, -1)

    @cached_property
    def _corners(self) -> sparse.csr_matrix:
        """At the nodes to the mean of each triangle."""
        corners = self.atrium.triangles
        rows = np.repeat(np.arange(len(corners)), 3)
        third = np.full(corners.size, 1 / 3, np.float32)
        shape = (len(corners), len(self.atrium.points))
        return sparse.csr_matrix((third, (rows, corners.ravel())), shape=shape)

    @cached_property
    def _gather(self) -> sparse.csr_matrix:
        shares = self.elements.areas / self.areas[self.of_triangle]
        return self._member(shares)

    def _member(self, values) -> sparse.csr_matrix:
        count = len(self.of_triangle)
        at = (self.of_triangle, np.arange(count))
        return sparse.csr_matrix((values.astype(np.float32), at), shape=(self.count, count))

    def _sum(self, kinds: int) -> sparse.csr_matrix:
        """Integrals over patches of fields that stand axis after axis, kind after kind."""
        whole = sparse.kron(sparse.eye(3 * kinds), self._member(self.elements.areas), "csr")
        rows = np.arange(whole.shape[0]).reshape(3 * kinds, self.count).T.ravel()
        return whole[rows]

    @cached_property
    def _gradient(self) -> sparse.csr_matrix:
        """At the nodes to the triangles, axis after axis."""
        return self._along(self.elements.gradients)

    @cached_property
    def _fibre_gradient(self) -> sparse.csr_matrix:
        return self._along(np.einsum("txy,tiy->tix", self.dyads, self.elements.gradients))

    def _along(self, slopes: Float[np.ndarray, "tris 3 3"]) -> sparse.csr_matrix:
        corners = self.atrium.triangles
        count = len(corners)
        rows = np.arange(3 * count).reshape(3, count)[:, :, None]
        columns = np.broadcast_to(corners, (3, count, 3))
        values = np.moveaxis(slopes, 2, 0).astype(np.float32)
        at = (np.broadcast_to(rows, columns.shape).ravel(), columns.ravel())
        shape = (3 * count, len(self.atrium.points))
        return sparse.csr_matrix((values.ravel(), at), shape=shape)


BEAM = 15.0
"""mm about an axis through the middle of the atrium, within which the skin is met."""


def _above(aside: Float[np.ndarray, "points 2"], along: Float[np.ndarray, " points"]) -> float:
    """How far the skin is along an axis, by its points near to it."""
    ahead = along > 0
    off = np.linalg.norm(aside[ahead], axis=1)
    return float(along[ahead][off <= max(BEAM, off.min() + 1)].mean())


def _below(aside, along) -> float:
    return _above(aside, -along)


def _spread(places: Float[np.ndarray, "places n"], count: int) -> Int[np.ndarray, " count"]:
    """Places far from each other: each the farthest from those before."""
    chosen = np.zeros(count, np.int64)
    distance = ((places - places[0]) ** 2).sum(axis=1)
    for k in range(1, count):
        chosen[k] = np.argmax(distance)
        distance = np.minimum(distance, ((places - places[chosen[k]]) ** 2).sum(axis=1))
    return chosen
