"""How fast each piece of a heart conducts, and where it does not conduct at all."""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float

from twin.meshes.errors import InputError
from twin.meshes.heart import Boundary, Heart
from twin.meshes.shell import Shell


@dataclass(frozen=True)
class FastEndocardium:
    """A thin layer that the Purkinje network makes fast; speeds in mm/ms, the same in every
    direction, on the elements that touch an endocardium.

    Dense network (LV below apicobasal 0.4, RV below 0.2 and its free wall), sparse network above
    it, and none from apicobasal 0.9 on.
    """

    dense: float = 1.5
    sparse: float = 1.1
    left_height: float = 0.4
    right_height: float = 0.2
    top: float = 0.9


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
        lining = np.maximum(self.speeds, _lining(heart, endocardium)[:, None])
        return replace(self, speeds=lining.astype(self.speeds.dtype))

    def scale(self, factors: Float[np.ndarray, " tets"]) -> "Tissue":
        """With each element's speeds times a factor."""
        factors = np.asarray(factors, self.speeds.dtype)
        return replace(self, speeds=self.speeds * factors[:, None])

    def block(self, elements: Bool[np.ndarray, " tets"]) -> "Tissue":
        return replace(self, blocked=self.blocked | elements)


def _lining(heart: Heart, endocardium: FastEndocardium) -> Float[np.ndarray, " tets"]:
    """Speed of the fast layer in each element, 0 where there is none."""
    c = heart.coordinates
    speed = np.zeros(len(heart.points))
    left = heart.boundary_nodes(Boundary.LV_ENDOCARDIUM)
    right = heart.boundary_nodes(Boundary.RV_ENDOCARDIUM)
    e = endocardium
    speed[left] = np.where(c.apicobasal[left] < e.left_height, e.dense, e.sparse)
    free_wall = c.ventricle[right] == 1
    dense = (c.apicobasal[right] < e.right_height) | free_wall
    speed[right] = np.where(dense, e.dense, e.sparse)
    speed[c.apicobasal >= e.top] = 0
    return speed[heart.tetrahedra].max(axis=1)
