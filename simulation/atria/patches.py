"""A left atrium as some hundred patches, and what the ECG needs of the potentials on each.

A lead is an integral of a smooth field times conductivity times the gradient of the potential. Over
a patch of some millimetres the field hardly changes, so that the integrals of the gradient, and of
its part along the fibres, over each patch are all that potentials on the finest mesh have to say.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float, Int
from scipy import sparse
from scipy.spatial import cKDTree

from twin.meshes.atria.regions import Region
from twin.meshes.atria.tissue import TissueClass
from twin.meshes.atrium import Atrium
from twin.meshes.errors import InputError
from twin.meshes.fields.surface_elements import SurfaceElements

COUNT = 400
FOLD = 8.0
"""mm that turning a normal by a radian counts as, so that walls back to back stay apart."""

WINDOW = 8.0
"""ms over which potentials are averaged before the passage of fronts is taken from them: within 2
ms a front comes and goes, and its slope in time would be missed where that in space is not."""
LEAP = 2
"""Every so many windows a passage is taken."""


@dataclass(frozen=True, eq=False)
class Passage:
    """How fronts went through each patch during a recording.

    `rise` is the mean square of dV/dt (mV/ms), `slope` that of the gradient (mV/mm), `along` its
    part along the fibres: rise over slope is the square of the speed, mm/ms. All scale alike with
    the potential, so that their quotients tell of the tissue and not of the amplitude.
    """

    rise: Float[np.ndarray, " patches"]
    slope: Float[np.ndarray, " patches"]
    along: Float[np.ndarray, " patches"]


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
        places = np.concatenate([centres, FOLD * elements.normals], axis=1)
        chosen = _spread(places, min(count, len(places)))
        _, nearest = cKDTree(places[chosen]).query(places)
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

    def known(self) -> dict[str, np.ndarray]:
        """What the anatomy says of each patch."""
        names = ("areas", "centres", "normals", "fibre_dyads", "region_shares", "tissue_shares")
        return {name: getattr(self, name) for name in (*names, "coordinates")}

    def node_mean(
        self, potentials: Float[np.ndarray, "times points"]
    ) -> Float[np.ndarray, "patches times"]:
        """Mean potential of each patch, mV."""
        corners = self._gather @ self._corners
        return corners @ np.asarray(potentials, np.float32).T

    @cached_property
    def moment_weights(self) -> sparse.csr_matrix:
        """Potentials at the nodes to `moments`: rows by patch, then kind, then axis."""
        return self._sum(2) @ sparse.vstack([self._gradient, self._fibre_gradient]).tocsr()

    def moments(
        self, potentials: Float[np.ndarray, "times points"]
    ) -> Float[np.ndarray, "patches 2 3 times"]:
        """Integrals of the gradient (mV mm) and of fibre (fibre . gradient) over each patch."""
        found = self.moment_weights @ np.asarray(potentials, np.float32).T
        return found.reshape(self.count, 2, 3, -1)

    def passage(self, potentials: Float[np.ndarray, "times points"], interval: float) -> Passage:
        """`interval` is the time between two frames, ms."""
        frames = max(1, round(WINDOW / interval))
        count = len(potentials) // frames
        if count < 2:
            raise InputError(f"a recording of {len(potentials)} frames is too short to tell speeds")
        windows = np.asarray(potentials[: count * frames], np.float32)
        windows = windows.reshape(count, frames, -1).mean(axis=1)
        chosen, later = windows[:-1:LEAP], windows[1::LEAP]
        corners = self.atrium.triangles
        change = ((later - chosen) / (frames * interval))[:, corners].mean(axis=2)
        middle = (chosen + later) / 2
        slope = (self._gradient @ middle.T).reshape(3, len(corners), -1)
        fibre = (self._fibre_gradient @ middle.T).reshape(3, len(corners), -1)
        return Passage(
            self.mean((change**2).mean(axis=0)),
            self.mean((slope**2).sum(axis=0).mean(axis=1)),
            self.mean((slope * fibre).sum(axis=0).mean(axis=1)),
        )

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


def _spread(places: Float[np.ndarray, "places n"], count: int) -> Int[np.ndarray, " count"]:
    """Places far from each other: each the farthest from those before."""
    chosen = np.zeros(count, np.int64)
    distance = ((places - places[0]) ** 2).sum(axis=1)
    for k in range(1, count):
        chosen[k] = np.argmax(distance)
        distance = np.minimum(distance, ((places - places[chosen[k]]) ** 2).sum(axis=1))
    return chosen
