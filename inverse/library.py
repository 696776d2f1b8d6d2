"""Infarcts that a posterior draws from: those of the cohort it learned from, on the lattice.

Whatever is drawn is an infarct that the cohort's physiology made: graded from the endocardium,
in the reach of an artery, with its border zone.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float, Int, UInt8
from scipy.special import logsumexp

from twin.inverse.lattice import PLACES
from twin.simulation.infarct import Zone

IN_A_BYTE = 4
"""Zones; two bits each."""

MOST = 4000


@dataclass(frozen=True, eq=False)
class Library:
    """`zones` of infarcts at the places of the lattice; none of them is healthy."""

    zones: Int[np.ndarray, "infarcts places"]

    @staticmethod
    def of(zones: Int[np.ndarray, "cases places"], most: int = MOST) -> "Library":
        """Those with any scar; of many, `most`, evenly through the cohort."""
        scarred = zones[(zones == Zone.SCAR).any(axis=1)]
        every = np.linspace(0, len(scarred) - 1, min(most, len(scarred))).round().astype(int)
        return Library(scarred[every])

    def packed(self) -> UInt8[np.ndarray, "infarcts bytes"]:
        parts = self.zones.reshape(len(self.zones), -1, IN_A_BYTE).astype(np.uint8)
        return (parts << np.arange(0, 8, 2, dtype=np.uint8)).sum(axis=-1).astype(np.uint8)

    @staticmethod
    def unpacked(packed: UInt8[np.ndarray, "infarcts bytes"]) -> "Library":
        parts = (packed[..., None] >> np.arange(0, 8, 2, dtype=np.uint8)) & 3
        return Library(parts.reshape(len(packed), PLACES).astype(np.int8))

    def weights(
        self,
        belief: Float[np.ndarray, "places 3"],
        masses: Float[np.ndarray, " places"],
        trust: float,
    ) -> Float[np.ndarray, " infarcts"]:
        """How likely each is by what the network believes of every place.

        Places are not independent witnesses: their log-likelihoods, weighted by mass, are averaged
        and count as many as `trust`, which calibration finds.
        """
        share = masses / masses.sum()
        evidence = np.log(np.clip(belief, 1e-4, 1.0)) * share[:, None]
        scaled = trust * (self._members @ evidence.T.ravel().astype(np.float32)).astype(float)
        return np.exp(scaled - logsumexp(scaled))

    @cached_property
    def _members(self) -> Float[np.ndarray, "infarcts zones_places"]:
        return np.concatenate([self.zones == zone for zone in Zone], axis=1).astype(np.float32)
