"""Scar and border zone from late gadolinium enhancement, by the thresholds radiologists use."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from twin.meshes.errors import InputError
from twin.simulation.infarct import Zone

BRIGHTEST = 99.5
"""Percentile of the wall that counts as its maximum, so that no single bright voxel does."""

HALVES = 200
"""Bins in which the commonest intensity is looked for."""


@dataclass(frozen=True)
class FullWidthHalfMaximum:
    """Scar is brighter than `core` of the wall's maximum (Amado et al. 2004), the border zone
    brighter than `border` of it; both count from the remote wall's mean where `above_remote`."""

    core: float = 0.5
    border: float = 0.35
    above_remote: bool = False

    def __post_init__(self) -> None:
        if not 0 < self.border <= self.core < 1:
            raise InputError(
                f"full width at half maximum: core {self.core}, border {self.border}; expected "
                "0 < border <= core < 1"
            )

    def limits(self, wall: Float[np.ndarray, " wall"]) -> tuple[float, float]:
        floor = remote_wall(wall)[0] if self.above_remote else 0.0
        height = float(np.percentile(wall, BRIGHTEST)) - floor
        return floor + self.border * height, floor + self.core * height


@dataclass(frozen=True)
class StandardDeviations:
    """Scar is more than `core` standard deviations brighter than the remote wall's mean, the
    border zone more than `border` (Kim et al. 1999; 2 to 6 are in use)."""

    core: float = 5.0
    border: float = 2.0

    def __post_init__(self) -> None:
        if not 0 < self.border <= self.core:
            raise InputError(
                f"standard deviations: core {self.core}, border {self.border}; expected "
                "0 < border <= core"
            )

    def limits(self, wall: Float[np.ndarray, " wall"]) -> tuple[float, float]:
        mean, deviation = remote_wall(wall)
        return mean + self.border * deviation, mean + self.core * deviation


Threshold = FullWidthHalfMaximum | StandardDeviations


def remote_wall(wall: Float[np.ndarray, " wall"]) -> tuple[float, float]:
    """Mean and standard deviation of healthy wall: it makes the histogram's highest peak, whose
    darker side is nothing but healthy."""
    counts, edges = np.histogram(wall, HALVES)
    smooth = np.convolve(counts, np.ones(9) / 9, mode="same")
    peak = float((edges[smooth.argmax()] + edges[smooth.argmax() + 1]) / 2)
    darker = wall[wall <= peak]
    return peak, float(np.sqrt(np.mean((darker - peak) ** 2))) if len(darker) else 0.0


def zones_of_enhancement(
    values: Float[np.ndarray, " points"], wall: Bool[np.ndarray, " points"], threshold: Threshold
) -> tuple[Int[np.ndarray, " points"], tuple[float, float]]:
    """The zone of each node by its intensity, healthy outside of the `wall`, and the two limits."""
    own = values[wall]
    if not np.isfinite(own).all():
        bad = int((~np.isfinite(own)).sum())
        raise InputError(f"{bad:,} of {len(own):,} intensities in the wall are not finite numbers")
    if np.ptp(own) == 0:
        raise InputError(f"all intensities in the wall are {own[0]:g}: nothing is enhanced there")
    border, core = threshold.limits(own)
    zones = np.where(values > core, Zone.SCAR, np.where(values > border, Zone.BORDER, 0))
    return np.where(wall, zones, Zone.HEALTHY).astype(np.int8), (border, core)
