"""What an ECG and a heart say about the infarct: how likely each zone is at each node, whole
infarcts that would explain the ECG, and from these every figure with its interval."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from jaxtyping import Float, Int

from twin.inverse.lattice import LATTICE, LEFT, Placement
from twin.simulation.infarct import Zone

LEVEL = 0.90
"""Of every interval."""

INVOLVED = 0.25
"""Share of a segment's mass from which it counts as infarcted."""


@dataclass(frozen=True)
class Estimate:
    """A number and the interval that holds the true one in `LEVEL` of all patients."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.0f} ({self.low:.0f} to {self.high:.0f})"


@dataclass(frozen=True)
class Segment:
    """Of an AHA segment: share of its mass that is scar, %, and the probability that the share
    reaches `INVOLVED`."""

    number: int
    name: str
    scar: Estimate
    involved: float


@dataclass(frozen=True, eq=False)
class Posterior:
    """`probabilities` of each `Zone` at the heart's nodes. `samples` are infarcts on the lattice
    (`lattice.py`), of which each is as likely as its weight.

    `margins` widen intervals by what calibration found missing, in the figure's own unit, by name
    (`burden`, `transmurality`, `segment`). `spread` is the standard deviation of scar at each node
    between the samples. `decided` are the zones that overlap the infarct best, where they are
    chosen otherwise than node by node.
    """

    placement: Placement
    probabilities: Float[np.ndarray, "points 3"]
    samples: Int[np.ndarray, "samples places"]
    weights: Float[np.ndarray, " samples"]
    healthy: float
    spread: Float[np.ndarray, " points"]
    margins: Mapping[str, float] = field(default_factory=dict)
    decided: Int[np.ndarray, " points"] | None = None

    @property
    def zones(self) -> Int[np.ndarray, " points"]:
        """The zone that each node is said to be."""
        if self.decided is not None:
            return self.decided
        return self.probabilities.argmax(axis=1).astype(np.int8)

    @property
    def burden(self) -> Estimate:
        """Scar, % of the left ventricle's mass."""
        return self._estimate(burdens(self.samples, self.placement), "burden")

    @property
    def transmurality(self) -> Estimate:
        """Mean depth of the scar where there is scar, % of the wall."""
        return self._estimate(depths(self.samples, self.placement), "transmurality")

    @cached_property
    def segments(self) -> tuple[Segment, ...]:
        """The seventeen of the American Heart Association."""
        from twin.meshes.fields.segments import NAMES

        shares = segment_shares(self.samples, self.placement)
        return tuple(
            Segment(
                number=k,
                name=NAMES[k],
                scar=self._estimate(shares[:, k - 1], "segment"),
                involved=float(self.weights[shares[:, k - 1] >= 100 * INVOLVED].sum()),
            )
            for k in range(1, 18)
        )

    def _estimate(self, values: Float[np.ndarray, " samples"], name: str) -> Estimate:
        known = np.isfinite(values)
        if not known.any():
            return Estimate(np.nan, np.nan, np.nan)
        share = self.weights[known] / self.weights[known].sum()
        tails = (1 - LEVEL) / 2
        low, middle, high = weighted_quantiles(values[known], share, [tails, 0.5, 1 - tails])
        margin = self.margins.get(name, 0.0)
        low, high = moved(low, -margin), moved(high, margin)
        return Estimate(middle, min(low, middle), max(high, middle))


def burdens(samples: Int[np.ndarray, "samples places"], placement: Placement):
    """Scar of each, % of the left ventricle's mass."""
    mass = np.where(LATTICE.left, placement.masses, 0.0)
    return 100 * ((samples == Zone.SCAR) @ mass) / mass.sum()


def depths(samples: Int[np.ndarray, "samples places"], placement: Placement):
    """Mean depth of each one's scar over the columns of wall that have any, %; NaN without scar."""
    scar = (samples[:, LATTICE.left] == Zone.SCAR).reshape(-1, LEFT[0] * LEFT[1], LEFT[2])
    mass = placement.masses[LATTICE.left].reshape(LEFT[0] * LEFT[1], LEFT[2])
    share = (scar * mass).sum(axis=2) / np.maximum(mass.sum(axis=1), 1e-9)
    weight = (share > 0) * mass.sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return 100 * (share * weight).sum(axis=1) / weight.sum(axis=1)


def segment_shares(samples: Int[np.ndarray, "samples places"], placement: Placement):
    """Scar of each, % of each segment's mass."""
    member = (LATTICE.segments[:, None] == np.arange(1, 18)) * placement.masses[:, None]
    return 100 * ((samples == Zone.SCAR) @ member) / np.maximum(member.sum(axis=0), 1e-9)


def moved(bound: float, by: float) -> float:
    """A bound of an interval, in %; one at the end of the scale stays, for nothing lies beyond."""
    return bound if bound <= 0 or bound >= 100 else min(max(bound + by, 0.0), 100.0)


def weighted_quantiles(values, weights, levels):
    """Quantiles of values that are as likely as their weights."""
    order = np.argsort(values)
    reached = np.cumsum(weights[order])
    at = np.searchsorted(reached, np.asarray(levels) * reached[-1])
    return values[order][np.minimum(at, len(values) - 1)].tolist()
