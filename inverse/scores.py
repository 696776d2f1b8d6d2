"""How near an inferred infarct comes to the true one: every measure of the protocols.

Nodes count alike, as in the published figures; masses are those of nodes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from scipy.spatial import cKDTree

from twin.meshes.heart import Heart
from twin.simulation.infarct import Zone

INVOLVED = 0.25
"""Share of a segment's mass from which it counts as infarcted."""

NOTHING = 0.005
"""Share of the left ventricle's mass below which an answer counts as healthy."""


@dataclass(frozen=True, eq=False)
class Truth:
    """A case's zones, and what of its heart the scores need.

    `masses` are those of nodes in any unit; `segments` AHA-17, 0 outside of the left ventricle.
    """

    zones: Int[np.ndarray, " points"]
    points: Float[np.ndarray, "points 3"]
    masses: Float[np.ndarray, " points"]
    segments: Int[np.ndarray, " points"]

    @staticmethod
    def of(heart: Heart, zones: Int[np.ndarray, " points"]) -> "Truth":
        quarters = np.repeat(heart.element_volumes / 4, 4)
        masses = np.bincount(heart.tetrahedra.ravel(), quarters, len(heart.points))
        return Truth(zones, heart.points, masses, heart.segments)

    @property
    def healthy(self) -> bool:
        return not (self.zones == Zone.SCAR).any()

    @property
    def diameter(self) -> float:
        """Of the heart, mm: what a missed scar is away."""
        low, high = self.points.min(axis=0), self.points.max(axis=0)
        return float(np.linalg.norm(high - low))


def score(
    truth: Truth,
    probabilities: Float[np.ndarray, "points 3"],
    answer: Int[np.ndarray, " points"] | None = None,
) -> dict[str, float]:
    """One case's figures, by name; NaN where a question does not arise (a healthy heart has no
    Dice). `probabilities` are those of `Zone` at each node; the answer is the likeliest zone where
    none is given."""
    answer = probabilities.argmax(axis=1) if answer is None else answer
    found, scar = answer == Zone.SCAR, truth.zones == Zone.SCAR
    left = truth.segments > 0
    total = truth.masses[left].sum()
    burden = [float(truth.masses[nodes & left].sum() / total) for nodes in (scar, found)]
    figures = {
        "burden_error": 100 * abs(burden[1] - burden[0]),
        "answered_healthy": float(burden[1] < NOTHING),
        **_segment_figures(truth, scar, found),
    }
    if truth.healthy:
        return figures
    return {
        **figures,
        "hard_scar": dice(found, scar),
        "hard_border": dice(answer == Zone.BORDER, truth.zones == Zone.BORDER),
        "soft_scar": soft_dice(probabilities[:, Zone.SCAR], scar),
        "soft_border": soft_dice(probabilities[:, Zone.BORDER], truth.zones == Zone.BORDER),
        "hd95": hausdorff95(truth, found, scar),
        "centre_error": centre_error(truth, found, scar),
    }


def burden(truth: Truth, nodes: np.ndarray) -> float:
    """Share of the left ventricle's mass that the nodes are."""
    left = truth.segments > 0
    return float(truth.masses[nodes & left].sum() / truth.masses[left].sum())


def true_figures(truth: Truth, transmurality: float) -> dict[str, float]:
    """What intervals are stated of, in %, by name; `transmurality` is the scar's depth as a share.

    By nodes, as they are stated: by elements, of which one corner is enough, a coarse mesh has more
    scar.
    """
    scar = truth.zones == Zone.SCAR
    shares = 100 * segment_shares(truth, scar)
    own = {"burden": 100 * burden(truth, scar), "transmurality": 100 * float(transmurality)}
    return own | {f"segment_{k:02d}": float(shares[k - 1]) for k in range(1, 18)}


def dice(found: np.ndarray, true: np.ndarray) -> float:
    """2 |both| / (|found| + |true|); 1 where both are empty."""
    together = found.sum() + true.sum()
    return float(2 * (found & true).sum() / together) if together else 1.0


def soft_dice(probability: Float[np.ndarray, " points"], true: np.ndarray) -> float:
    """The same of probabilities, as the published figures are computed."""
    return float(2 * probability[true].sum() / (probability.sum() + true.sum()))


def hausdorff95(truth: Truth, found: np.ndarray, true: np.ndarray) -> float:
    """95 % of either's nodes are within so many mm of the other; missed scar is the heart's
    diameter away."""
    if not found.any() or not true.any():
        return truth.diameter
    one, other = truth.points[found], truth.points[true]
    there = cKDTree(other).query(one)[0]
    back = cKDTree(one).query(other)[0]
    return float(max(np.percentile(there, 95), np.percentile(back, 95)))


def centre_error(truth: Truth, found: np.ndarray, true: np.ndarray) -> float:
    """mm between the centres of mass; missed scar is the heart's diameter away."""
    if not found.any():
        return truth.diameter
    centres = [
        np.average(truth.points[nodes], axis=0, weights=truth.masses[nodes])
        for nodes in (found, true)
    ]
    return float(np.linalg.norm(centres[0] - centres[1]))


def segment_shares(truth: Truth, nodes: np.ndarray) -> Float[np.ndarray, " 17"]:
    """Share of each AHA segment's mass that the nodes are; NaN for one that the heart lacks."""
    whole = np.bincount(truth.segments, truth.masses, minlength=18)[1:18]
    part = np.bincount(truth.segments[nodes], truth.masses[nodes], minlength=18)[1:18]
    with np.errstate(invalid="ignore"):
        return part / np.where(whole > 0, whole, np.nan)


def _segment_figures(truth: Truth, scar: np.ndarray, found: np.ndarray) -> dict[str, float]:
    shares = segment_shares(truth, scar)
    there = ~np.isnan(shares)
    true = shares[there] >= INVOLVED
    said = segment_shares(truth, found)[there] >= INVOLVED
    return {
        "segment_hits": float((true & said).sum()),
        "segment_involved": float(true.sum()),
        "segment_rejections": float((~true & ~said).sum()),
        "segment_spared": float((~true).sum()),
    }


@dataclass(frozen=True)
class Interval:
    """A mean over cases, and its 95 % interval over anatomies."""

    mean: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.mean:.3f} [{self.low:.3f}, {self.high:.3f}]"


RATIOS = {
    "segment_sensitivity": ("segment_hits", "segment_involved"),
    "segment_specificity": ("segment_rejections", "segment_spared"),
}
"""Figures that are sums over sums."""


def summarise(
    cases: Sequence[Mapping[str, float]],
    anatomies: Int[np.ndarray, " cases"],
    draws: int = 1000,
    seed: int = 0,
) -> dict[str, Interval]:
    """Every figure's mean over the cases that have it, with its interval from drawing whole
    anatomies anew: cases of one heart are not independent."""
    names = dict.fromkeys(name for case in cases for name in case)
    values = {n: np.array([case.get(n, np.nan) for case in cases], float) for n in names}
    groups = [np.flatnonzero(anatomies == one) for one in np.unique(anatomies)]
    random = np.random.default_rng(seed)
    picks = [random.integers(len(groups), size=len(groups)) for _ in range(draws)]
    figures = {
        name: _interval(values[name], np.isfinite(values[name]).astype(float), groups, picks)
        for name in names
        if not name.startswith("segment_")
    }
    for name, (above, below) in RATIOS.items():
        if above in values:
            figures[name] = _interval(values[above], values[below], groups, picks)
    return figures


def _interval(above, below, groups, picks) -> Interval:
    """Of sum(above) / sum(below), each summed by anatomy first."""
    tops = np.array([np.nansum(above[group]) for group in groups])
    bottoms = np.array([np.nansum(below[group]) for group in groups])
    chosen = np.array(picks)
    with np.errstate(invalid="ignore", divide="ignore"):
        drawn = tops[chosen].sum(axis=1) / bottoms[chosen].sum(axis=1)
        mean = tops.sum() / bottoms.sum()
    low, high = np.nanpercentile(drawn, [2.5, 97.5]) if np.isfinite(drawn).any() else (np.nan,) * 2
    return Interval(float(mean), float(low), float(high))


def calibration_error(
    probabilities: Float[np.ndarray, "nodes 3"], zones: Int[np.ndarray, " nodes"], bins: int = 15
) -> float:
    """Expected calibration error of the likeliest zone, over all nodes given."""
    return float(calibration_of(reliability(probabilities, zones, bins)))


def reliability(
    probabilities: Float[np.ndarray, "nodes 3"], zones: Int[np.ndarray, " nodes"], bins: int = 15
) -> Float[np.ndarray, "3 bins"]:
    """Nodes, right answers and stated confidence, summed by the confidence of the likeliest zone:
    these of several cases may be added."""
    confidence, answer = probabilities.max(axis=1), probabilities.argmax(axis=1)
    place = np.minimum((confidence * bins).astype(int), bins - 1)
    sums = (None, answer == zones, confidence)
    return np.stack([np.bincount(place, each, minlength=bins) for each in sums]).astype(float)


def calibration_of(reliability: Float[np.ndarray, "... 3 bins"]) -> Float[np.ndarray, "..."]:
    """Expected calibration error of what `reliability` summed."""
    count, right, stated = np.moveaxis(reliability, -2, 0)
    return np.abs(right - stated).sum(axis=-1) / count.sum(axis=-1)


def coverage(truth: Float[np.ndarray, " cases"], intervals: Float[np.ndarray, "cases 2"]) -> float:
    """Share of cases whose true value lies within the stated interval."""
    return float(((truth >= intervals[:, 0]) & (truth <= intervals[:, 1])).mean())
