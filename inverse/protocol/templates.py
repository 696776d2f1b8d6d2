"""Rivals that read no ECG, or one number of it: mean maps of training cases on the lattice.

What is scored hard is not the likeliest zone, which for a mean map is health nearly everywhere,
but the zone that is likeliest once scar and border zone have been multiplied by the two factors
that gave the best Dice on the validation part: the rivals at their best.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Protocol

import numpy as np
from jaxtyping import Float, Int
from scipy.spatial import cKDTree

from twin.inverse.protocol.part import Feature, Part
from twin.simulation.infarct import Zone

FACTORS = np.geomspace(0.5, 32, 10)
"""What border zone and scar may be multiplied by."""

Maps = Float[np.ndarray, "cases places 3"]


class Template(Protocol):
    """From a few numbers of each case to its map, and to the group whose factors it shares."""

    def maps(self, features: Float[np.ndarray, "cases features"]) -> Maps: ...

    def groups(
        self, features: Float[np.ndarray, "cases features"]
    ) -> Int[np.ndarray, " cases"]: ...


@dataclass(frozen=True, eq=False)
class ByClass:
    """The mean map of each class; a feature is the class's number."""

    means: Float[np.ndarray, "classes places 3"]

    @staticmethod
    def of(gathered: Maps, classes: Int[np.ndarray, " cases"]) -> "ByClass":
        means = np.zeros((classes.max() + 1, *gathered.shape[1:]), np.float32)
        # Of a class that was never seen nothing is known but the mean.
        means[:] = gathered.mean(axis=0)
        for one in np.unique(classes).tolist():
            means[one] = gathered[classes == one].mean(axis=0)
        return ByClass(means)

    def maps(self, features: Float[np.ndarray, "cases features"]) -> Maps:
        return self.means[self.groups(features)]

    def groups(self, features: Float[np.ndarray, "cases features"]) -> Int[np.ndarray, " cases"]:
        return np.minimum(features[:, 0].astype(int), len(self.means) - 1)


@dataclass(frozen=True, eq=False)
class ByNearest:
    """The mean map of the `count` training cases whose features are nearest."""

    gathered: Maps
    tree: cKDTree
    count: int

    def maps(self, features: Float[np.ndarray, "cases features"]) -> Maps:
        _, near = self.tree.query(features, min(self.count, len(self.gathered)))
        near = near.reshape(len(features), -1)
        return np.stack([self.gathered[some].mean(axis=0) for some in near])

    def groups(self, features: Float[np.ndarray, "cases features"]) -> Int[np.ndarray, " cases"]:
        return np.zeros(len(features), int)


@dataclass(frozen=True, eq=False)
class TemplateRow:
    """`factors` of border zone and scar for each of the template's groups."""

    name: str
    template: Template
    factors: Float[np.ndarray, "groups 3"]
    features: Float[np.ndarray, "cases features"]
    part: Part

    @staticmethod
    def fit(
        name: str, templates: Sequence[Template], feature: Feature, validation: Part, test: Part
    ) -> "TemplateRow":
        """The template and the factors that do best on validation."""
        known = feature(validation)
        truth, masses = validation.gathered(), validation.place_masses()
        fitted = [best_factors(t, known, truth, masses) for t in templates]
        best = int(np.argmax([dice for _, dice in fitted]))
        return TemplateRow(name, templates[best], fitted[best][0], feature(test), test)

    def probabilities(self, case: int, ecg_of: int | None = None) -> Float[np.ndarray, "points 3"]:
        return self.part.placement(case).spread(self.template.maps(self._of(case, ecg_of))[0])

    def zones(self, case: int, ecg_of: int | None = None) -> Int[np.ndarray, " points"]:
        own = self.template.groups(self._of(case, ecg_of))[0]
        return (self.probabilities(case, ecg_of) * self.factors[own]).argmax(axis=1)

    def _of(self, case: int, ecg_of: int | None) -> Float[np.ndarray, "1 features"]:
        chosen = case if ecg_of is None else ecg_of
        return self.features[chosen : chosen + 1]


def best_factors(
    template: Template,
    features: Float[np.ndarray, "cases features"],
    truth: Maps,
    masses: Float[np.ndarray, "cases places"],
) -> tuple[Float[np.ndarray, "groups 3"], float]:
    """Of each group, by the hard Dice of scar and border zone on the lattice, and that Dice."""
    sick = truth[..., Zone.SCAR].any(axis=1)
    maps, groups = template.maps(features), template.groups(features)
    factors = np.ones((groups.max(initial=0) + 1, len(Zone)), np.float32)
    reached = np.zeros(len(features))
    for one in np.unique(groups[sick]).tolist():
        own = np.flatnonzero(sick & (groups == one))
        tried = [np.array([1, b, s], np.float32) for b, s in product(FACTORS, FACTORS)]
        dice = [lattice_dice(maps[own] * f, truth[own], masses[own]) for f in tried]
        best = int(np.argmax([each.mean() for each in dice]))
        factors[one], reached[own] = tried[best], dice[best]
    return factors, float(reached[sick].mean()) if sick.any() else 0.0


def lattice_dice(
    weighted: Maps, truth: Maps, masses: Float[np.ndarray, "cases places"]
) -> Float[np.ndarray, " cases"]:
    """Mean of the hard Dice of scar and of border zone, places counting by mass."""
    answer = weighted.argmax(axis=2)
    total = np.zeros(len(answer))
    for zone in (Zone.BORDER, Zone.SCAR):
        found, true = (answer == zone) * masses, truth[..., zone] * masses
        both = ((answer == zone) * true).sum(axis=1)
        whole = found.sum(axis=1) + true.sum(axis=1)
        total += np.where(whole > 0, 2 * both / np.maximum(whole, 1e-9), 1.0)
    return total / 2
