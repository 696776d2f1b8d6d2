"""Infarcts that a posterior draws from: those of the cohort it learned from, on the lattice.

Whatever is drawn is an infarct that the cohort's physiology made: graded from the endocardium,
in the reach of an artery, with its border zone.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float, Int, UInt8
from scipy.optimize import minimize
from scipy.special import logsumexp

from twin.inverse.lattice import LEFT, PLACES, RIGHT
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
        self, belief: Float[np.ndarray, " places"], slack: float
    ) -> Float[np.ndarray, " infarcts"]:
        """How likely each is where the probability of scar is `belief`: the weights nearest to
        even ones (in relative entropy) that give back the belief's mean over each group of places,
        but for what `slack` allows. A network's belief is of single places; what goes together with
        what is the library's to say."""
        wanted = GROUPS @ belief

        def dual(tilt: Float[np.ndarray, " groups"]):
            scaled = self._shares @ tilt
            largest = logsumexp(scaled)
            mean = np.exp(scaled - largest) @ self._shares
            value = largest - wanted @ tilt + slack * (tilt @ tilt) / 2
            return value, mean - wanted + slack * tilt

        found = minimize(dual, np.zeros(len(wanted)), jac=True, method="L-BFGS-B")
        return self._tilted(found.x)

    def _tilted(self, tilt: Float[np.ndarray, " groups"]) -> Float[np.ndarray, " infarcts"]:
        scaled = self._shares @ tilt
        return np.exp(scaled - logsumexp(scaled))

    @cached_property
    def _shares(self) -> Float[np.ndarray, "infarcts groups"]:
        """Scar of each group of places."""
        return (self.zones == Zone.SCAR).astype(np.float32) @ GROUPS.T


def _groups() -> Float[np.ndarray, "groups places"]:
    """Neighbouring places together, 3 x 3 x 2 in the left ventricle; each group's mean."""
    left = _blocks(LEFT, (3, 3, 2))
    right = left.max() + 1 + _blocks(RIGHT, (3, 4, 2))
    member = np.concatenate([left, right]) == np.arange(right.max() + 1)[:, None]
    return member / member.sum(axis=1, keepdims=True)


def _blocks(shape: tuple[int, int, int], size: tuple[int, int, int]) -> Int[np.ndarray, " places"]:
    at = np.indices(shape) // np.array(size)[:, None, None, None]
    counts = [n // k for n, k in zip(shape, size, strict=True)]
    return np.ravel_multi_index(tuple(at), counts).ravel()


GROUPS = _groups()
