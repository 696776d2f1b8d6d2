"""What an infarct does to conduction and repolarisation."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float

from twin.meshes.errors import InputError
from twin.meshes.heart import Heart
from twin.simulation.infarct import Infarct, Zone
from twin.simulation.purkinje import Purkinje
from twin.simulation.tissue import Tissue

CHRONIC_DURATIONS, ACUTE_DURATIONS = (1.1, 1.3), (0.5, 0.8)
"""Ranges of the border zone's factor of action potential duration (physics.md)."""


@dataclass(frozen=True)
class InfarctPhysiology:
    """How scar and border zone conduct and recover.

    core: blocked tissue lets no front in and has no sources. A passive core differs from it only
        where potentials spread by diffusion; an eikonal front and its ECG know no such current, so
        here it is the same as blocked. A slow core conducts at `core_speed` times the speed, has
        sources, and keeps its Purkinje fibres: tracts that have survived.
    border_speed, border_duration: factors of the border zone's speed, and of its action potential
        durations themselves (not of their gradients).

    Speeds are those of elements, and an element is what the most severe of its corners is: so even
    a band one element thick is slow from side to side, and no front skips it.
    """

    core: Literal["blocked", "passive", "slow"] = "blocked"
    core_speed: float = 0.1
    border_speed: float = 0.5
    border_duration: float = 1.2

    def __post_init__(self) -> None:
        if self.core not in ("blocked", "passive", "slow"):
            raise InputError(f"core {self.core!r}; expected 'blocked', 'passive' or 'slow'")
        for name, low, high in (
            ("core_speed", 0.01, 1.0),
            ("border_speed", 0.01, 1.0),
            ("border_duration", 0.2, 2.0),
        ):
            value = getattr(self, name)
            if not low <= value <= high:
                raise InputError(
                    f"infarct physiology: {name} is {value}, expected a factor of {low} to {high}"
                )

    @staticmethod
    def of(infarct: Infarct, **settings) -> "InfarctPhysiology":
        """With the border zone's duration in the middle of the range for its age."""
        low, high = ACUTE_DURATIONS if infarct.acute else CHRONIC_DURATIONS
        return InfarctPhysiology(**{"border_duration": (low + high) / 2, **settings})

    @property
    def conducts(self) -> bool:
        """Whether fronts enter scar."""
        return self.core == "slow"

    def tissue(self, tissue: Tissue, infarct: Infarct, heart: Heart) -> Tissue:
        """The healthy tissue with the infarct in it."""
        zones = infarct.elements(heart)
        changed = tissue.scale(self.speed_factors()[zones])
        return changed if self.conducts else changed.block(zones == Zone.SCAR)

    def speed_factors(self) -> Float[np.ndarray, " 3"]:
        """By `Zone`; that of a core that does not conduct counts for nothing."""
        return np.array([1.0, self.border_speed, self.core_speed if self.conducts else 1.0])

    def durations(
        self, durations: Float[np.ndarray, " points"], infarct: Infarct
    ) -> Float[np.ndarray, " points"]:
        """The nodes' action potential durations with those of the border zone changed."""
        return np.asarray(durations) * self.duration_factors()[infarct.zones]

    def duration_factors(self) -> Float[np.ndarray, " 3"]:
        """By `Zone`."""
        return np.array([1.0, self.border_duration, 1.0])

    def tree(self, tree: Purkinje, infarct: Infarct, heart: Heart) -> Purkinje:
        """The conduction system without what lies in a core that does not conduct."""
        infarct.check(heart)
        return tree if self.conducts else tree.without(heart, infarct.zones == Zone.SCAR)
