"""How well each element of a tissue conducts, and where it has no membrane of its own."""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float

from twin.meshes.errors import InputError
from twin.meshes.heart import Heart
from twin.meshes.shell import Shell

BIDOMAIN = (0.17 * 0.62 / (0.17 + 0.62), 0.019 * 0.24 / (0.019 + 0.24))
"""S/m along and across the fibres: half the harmonic mean of the intra- and extracellular
conductivities of the N-version benchmark (Niederer et al. 2011)."""


SURFACE_TO_VOLUME, CAPACITANCE = 140.0, 0.01
"""chi (1/mm) and Cm (uF/mm2) of the same."""


@dataclass(frozen=True, eq=False)
class TissueConductivity:
    """Monodomain conductivities of a mesh's elements along fibre, sheet and normal, S/m.

    `blocked` elements conduct nothing. Nodes of `passive` elements alone have no action potential:
    they leak to rest, and take and give what their neighbours' potentials drive through them.
    """

    conductivities: Float[np.ndarray, "elements 3"]
    blocked: Bool[np.ndarray, " elements"]
    passive: Bool[np.ndarray, " elements"]

    def __post_init__(self) -> None:
        shape = (len(self.blocked), 3)
        if self.conductivities.shape != shape or self.passive.shape != self.blocked.shape:
            raise InputError(
                f"conductivities have the shape {self.conductivities.shape}, expected {shape}: "
                "fibre, sheet and normal of each element"
            )
        fine = np.isfinite(self.conductivities) & (self.conductivities > 0)
        bad = ~fine.all(axis=1) & ~self.blocked
        if bad.any():
            first = int(np.argmax(bad))
            raise InputError(
                f"{bad.sum():,} of {len(bad):,} elements have a conductivity that is not a "
                f"positive number (first: {first:,}, {self.conductivities[first].tolist()} S/m); "
                "block elements that do not conduct instead"
            )

    @property
    def diffusivities(self) -> Float[np.ndarray, "elements 3"]:
        """Conductivity over chi Cm, mm2/ms: S/m are mS/mm. Zero where blocked."""
        conducting = np.where(self.blocked[:, None], 0.0, self.conductivities)
        return conducting / (SURFACE_TO_VOLUME * CAPACITANCE)

    @staticmethod
    def uniform(
        mesh: Heart | Shell,
        along: float = BIDOMAIN[0],
        across: float = BIDOMAIN[1],
        normal: float | None = None,
    ) -> "TissueConductivity":
        """The same everywhere; `normal` to the sheets as `across` the fibres unless given."""
        columns = np.array([along, across, across if normal is None else normal])
        nowhere = np.zeros(len(mesh.elements), bool)
        return TissueConductivity(np.tile(columns, (len(mesh.elements), 1)), nowhere, nowhere)

    def scale(
        self,
        factors: Float[np.ndarray, " elements"] | float,
        where: Bool[np.ndarray, " elements"] | None = None,
    ) -> "TissueConductivity":
        """With conductivities times a factor: slow tissue. A front's speed goes with its root."""
        factors = np.broadcast_to(factors, self.blocked.shape)
        if where is not None:
            factors = np.where(where, factors, 1.0)
        return replace(self, conductivities=self.conductivities * factors[:, None])

    def block(self, elements: Bool[np.ndarray, " elements"]) -> "TissueConductivity":
        return replace(self, blocked=self.blocked | elements)

    def without_membrane(self, elements: Bool[np.ndarray, " elements"]) -> "TissueConductivity":
        return replace(self, passive=self.passive | elements)
