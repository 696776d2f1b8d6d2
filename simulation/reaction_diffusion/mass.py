"""How the capacitance of an element is shared out to its nodes.

The ionic current is interpolated from the nodes, so M dV/dt = -K V + M R(V), and the mass matrix M
acts on diffusion alone: dV/dt = R - M^-1 K V. With L the lumped mass and M = L - E, its inverse is
taken to first order in E,

    M^-1 K V = w + L^-1 E w,  w = L^-1 K V,

one more sparse product and no system to solve. On a line of spacing h with E = s h^2 / 6 times the
stiffness of unit conductivity, s = 0 is lumped, s = 1 consistent to this order, and s = 1/2 makes
diffusion of smooth potentials fourth order. A front that is not resolved is slowed down by the
nodes' own dynamics besides, and takes more.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from jaxtyping import Float

from twin.meshes.errors import InputError
from twin.simulation.reaction_diffusion.simplices import Simplices

SPACINGS = (0.3, 0.4, 0.5, 0.65, 0.8, 1.0, 1.26, 1.5, 1.78, 2.1, 2.5, 3.0)
SHARES = (0.636, 0.743, 0.850, 1.006, 1.169, 1.407, 1.758, 2.112, 2.547, 3.060, 3.712, 4.532)
"""Where a line of ten Tusscher-Panfilov cells, h / sqrt(D) apart (root of ms), conducts with the
speed of the cable equation. `cable.balance` finds them anew, for this or another cell."""


class Mass(Protocol):
    """What differs from the lumped mass."""

    def difference(
        self, simplices: Simplices, diffusivities: Float[np.ndarray, "elements 3"]
    ) -> Float[np.ndarray, "elements corners corners"] | None:
        """E of each element; None for nothing."""


@dataclass(frozen=True)
class MixedMass:
    """M = (1 - s) lumped + s consistent, with s the `consistent` share."""

    consistent: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.consistent <= 2:
            raise InputError(f"mass: the consistent share is {self.consistent}, expected 0 to 2")

    def difference(self, simplices, diffusivities):
        if self.consistent == 0:
            return None
        lumped = np.eye(simplices.corners) * (simplices.sizes / simplices.corners)[:, None, None]
        return self.consistent * (lumped - simplices.consistent_mass)


LUMPED = MixedMass()


@dataclass(frozen=True)
class BalancedMass:
    """E is the stiffness of a tensor s h^2 / 6, its own along each axis of the fibres: h is the
    element's extent there and s the share for which a line with its h / sqrt(D) conducts as fast as
    the cable equation.

    Fronts run in all directions through a mesh. Over these the line's fourth moment, which is 1
    along it, has the mean 3 / (d + 2) in d dimensions (3/4 on shells, 3/5 in tetrahedra), and so
    much of s is taken.

    So a front has the right speed on meshes that are too coarse for it, along and across the fibres
    alike, while potentials that vary slowly, as in recovery, diffuse with the tissue's own
    conductivity. `shares` belong to `spacings`, roots of ms; beyond them the last counts.
    """

    spacings: tuple[float, ...] = SPACINGS
    shares: tuple[float, ...] = SHARES

    def difference(self, simplices, diffusivities):
        extents = simplices.extents
        spacings = extents / np.sqrt(np.where(diffusivities > 0, diffusivities, np.inf))
        shares = np.interp(spacings, self.spacings, self.shares)
        mean_moment = 3 / (simplices.corners + 1)
        return simplices.stiffness(mean_moment * shares * extents**2 / 6)
