"""How fast each piece of a heart conducts, and where it does not conduct at all."""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float
from scipy.spatial import cKDTree

from twin.meshes.errors import InputError
from twin.meshes.heart import Boundary, Heart
from twin.meshes.shell import Shell


@dataclass(frozen=True)
class FastEndocardium:
    """A layer of `thickness` mm that the Purkinje network makes fast; speeds in mm/ms, the same in
    every direction.

    Dense network (LV below apicobasal 0.4, RV below 0.2 and its free wall), sparse network above
    it, and none from apicobasal 0.9 on. An element that the layer fills in part is fast in part.
    """

    thickness: float = 1.0
    dense: float = 1.5
    sparse: float = 1.1
    left_height: float = 0.4
    right_height: float = 0.2
    top: float = 0.9

    def __post_init__(self) -> None:
        if not (self.thickness > 0 and self.dense > 0 and self.sparse > 0):
            raise InputError(
                f"fast endocardium: thickness {self.thickness} mm, speeds {self.dense} and "
                f"{self.sparse} mm/ms; expected all above 0"
            )


@dataclass(frozen=True, eq=False)
class Tissue:
    """Conduction in every element of a mesh: a heart's tetrahedra, or a shell's triangles.

    `speeds` along fibre, sheet and normal are in mm/ms; in a triangle those along and across
    the fibre count. No front enters `blocked` elements.
    """

    speeds: Float[np.ndarray, "tets 3"]
    blocked: Bool[np.ndarray, " tets"]

    def __post_init__(self) -> None:
        if self.speeds.shape != (len(self.blocked), 3):
            raise InputError(
                f"tissue: speeds have the shape {self.speeds.shape}, expected "
                f"({len(self.blocked):,}, 3): fibre, sheet and normal of each tetrahedron"
            )
        bad = ~(np.isfinite(self.speeds) & (self.speeds > 0)).all(axis=1) & ~self.blocked
        if bad.any():
            first = int(np.argmax(bad))
            raise InputError(
                f"tissue: {bad.sum():,} of {len(bad):,} tetrahedra have a speed that is not a "
                f"positive number (first: {first:,}, {self.speeds[first].tolist()} mm/ms); block "
                "tissue that does not conduct instead"
            )

    @staticmethod
    def healthy(
        mesh: Heart | Shell,
        fibre: float = 0.65,
        sheet: float = 0.52,
        normal: float = 0.48,
        endocardium: FastEndocardium | None = None,
    ) -> "Tissue":
        """The same speeds everywhere, but for a fast endocardium where one is given."""
        elements = len(mesh.elements)
        speeds = np.broadcast_to(np.array([fibre, sheet, normal], mesh.points.dtype), (elements, 3))
        tissue = Tissue(speeds, np.zeros(elements, bool))
        if endocardium is None:
            return tissue
        if isinstance(mesh, Shell):
            raise InputError("a shell has no layers to line: give it an endocardium's own speeds")
        return tissue.line(mesh, endocardium)

    @staticmethod
    def of_nodes(mesh: Heart | Shell, speeds: Float[np.ndarray, "points 3"]) -> "Tissue":
        """From speeds at the nodes: in an element, time adds up, so slowness is averaged."""
        slowness = 1 / np.asarray(speeds)[mesh.elements]
        return Tissue(1 / slowness.mean(axis=1), np.zeros(len(mesh.elements), bool))

    def line(self, heart: Heart, endocardium: FastEndocardium) -> "Tissue":
        """With a fast layer along the endocardia; nothing becomes slower by it."""
        fast, share = _lining(heart, endocardium)
        gain = np.maximum(fast[:, None] - self.speeds, 0)
        lining = self.speeds + share[:, None] * gain
        return replace(self, speeds=lining.astype(self.speeds.dtype))

    def scale(self, factors: Float[np.ndarray, " tets"]) -> "Tissue":
        """With each element's speeds times a factor."""
        factors = np.asarray(factors, self.speeds.dtype)
        return replace(self, speeds=self.speeds * factors[:, None])

    def block(self, elements: Bool[np.ndarray, " tets"]) -> "Tissue":
        return replace(self, blocked=self.blocked | elements)


def _lining(heart: Heart, endocardium: FastEndocardium):
    """Speed of the fast layer in each element, 0 where there is none, and what share it fills."""
    fast, share = np.zeros(len(heart.tetrahedra)), np.zeros(len(heart.tetrahedra))
    for label in (Boundary.LV_ENDOCARDIUM, Boundary.RV_ENDOCARDIUM):
        triangles = heart.boundary_triangles(label)
        if not len(triangles):
            continue
        depths, nearest = _depths(heart.points, triangles)
        own = _share_below(depths[heart.tetrahedra], endocardium.thickness)
        speeds = _network(heart, endocardium, label)[nearest[heart.tetrahedra]].max(axis=1)
        wins = own * speeds > share * fast
        fast, share = np.where(wins, speeds, fast), np.where(wins, own, share)
    return fast, share


def _share_below(corners: np.ndarray, level: float) -> np.ndarray:
    """Share of each tetrahedron where what is linear in it, and known at its corners, is less."""
    share = (corners.max(axis=1) <= level).astype(float)
    mixed = np.flatnonzero((corners.min(axis=1) < level) & (corners.max(axis=1) > level))
    share[mixed] = (corners[mixed] @ TETRAHEDRON_SAMPLES.T < level).mean(axis=1)
    return share


def _depths(points: np.ndarray, triangles: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Distance of each point from a surface, mm, and a node of the nearest triangle."""
    corners = points[triangles]
    samples = (TRIANGLE_SAMPLES @ corners).reshape(-1, 3)
    distances, found = cKDTree(samples).query(points)
    return distances, triangles[found // len(TRIANGLE_SAMPLES), 0]


def _network(heart: Heart, endocardium: FastEndocardium, label: Boundary) -> np.ndarray:
    """Speed at each node if it is on the endocardium `label`."""
    c, e = heart.coordinates, endocardium
    dense = c.apicobasal < (e.left_height if label == Boundary.LV_ENDOCARDIUM else e.right_height)
    if label == Boundary.RV_ENDOCARDIUM:
        dense |= c.ventricle == 1
    return np.where(c.apicobasal >= e.top, 0.0, np.where(dense, e.dense, e.sparse))


TETRAHEDRON_SAMPLES = (
    np.array(
        [(i, j, k, 7 - i - j - k) for i in range(8) for j in range(8 - i) for k in range(8 - i - j)]
    )
    + 0.25
) / 8
TRIANGLE_SAMPLES = np.array([(i, j, 4 - i - j) for i in range(5) for j in range(5 - i)]) / 4
"""Barycentric weights of points spread evenly, over a triangle with its edges."""
