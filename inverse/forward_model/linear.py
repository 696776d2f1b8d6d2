"""What a learned forward model has to beat: rows that are linear in the potentials or know no
potentials at all."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from scipy.spatial import cKDTree
from torch import Tensor

from twin.inverse.forward_model.examples import Example, Recording
from twin.inverse.forward_model.portrait import ACROSS, COORDINATES, REGIONS

GRID = 500
"""Places at which a ridge looks: the first patches of a subject, which lie far from each other."""
EVERY = 4
"""Frames between those that a ridge is fitted to."""
RIDGES = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)
"""Shares of the features' mean power, tried on a fifth of the subjects."""
REGION_FAR = 2.0
"""What another region counts as, where the atrium's own coordinates run from 0 to 1."""


@dataclass(frozen=True, eq=False)
class IsotropicPseudoEcg:
    """An endless medium and one conductivity, with one factor for each lead, fitted."""

    leads: Tensor
    gains: Tensor

    @staticmethod
    def of(examples: Sequence[Example], leads: Tensor) -> "IsotropicPseudoEcg":
        plain = IsotropicPseudoEcg(leads, torch.ones(12))
        top, bottom = torch.zeros(12), torch.zeros(12)
        for example in examples:
            for recording in example.recordings:
                found = plain.answer(example, recording)
                power = recording.variance.clamp_min(1e-9)
                top += (found * recording.leads).mean(1) / power
                bottom += (found**2).mean(1) / power
        return IsotropicPseudoEcg(leads, top / bottom)

    def answer(self, example: Example, recording: Recording) -> Tensor:
        fields = ACROSS * torch.einsum("le,epx->lpx", self.leads, example.gradients)
        plain = recording.moments[:, 0].float() * recording.scale
        return self.gains[:, None] * (fields.flatten(1) @ plain.flatten(0, 1))


@dataclass(frozen=True, eq=False)
class RidgeLeadField:
    """One matrix for everybody, from what is known at the places of a grid on the atrium's
    coordinates (patches of the first subject) to the leads. `moments` are richer than the
    potentials: gradients, with and without the fibres, in the body's own axes."""

    grid: cKDTree
    tissue: np.ndarray
    moments: bool
    matrix: Float[np.ndarray, "features 12"]

    @staticmethod
    def of(examples: Sequence[Example], moments: bool) -> "RidgeLeadField":
        places = _places(examples[0].tissue)[:GRID]
        empty = RidgeLeadField(cKDTree(places), places, moments, np.zeros((0, 12)))
        judged = examples[::5]
        taught = [e for k, e in enumerate(examples) if k % 5]
        parts, held = empty._powers(taught), empty._powers(judged)
        size = float(np.trace(parts[0])) / len(parts[0])
        matrices = [_solved(parts, share * size) for share in RIDGES]
        best = int(np.argmin([_miss(held, matrix) for matrix in matrices]))
        whole = tuple(a + b for a, b in zip(parts, held, strict=True))
        return RidgeLeadField(empty.grid, places, moments, _solved(whole, RIDGES[best] * size))

    def answer(self, example: Example, recording: Recording) -> Tensor:
        return torch.from_numpy((self._features(example, recording) @ self.matrix).T).float()

    def _features(self, example: Example, recording: Recording, every: int = 1):
        """Times x features, of the patch nearest to each place of the grid."""
        _, nearest = cKDTree(_places(example.tissue)).query(self.tissue)
        if self.moments:
            sums = recording.moments[nearest][..., ::every].float() * recording.scale
            means = sums / example.areas[nearest][:, None, None, None]
            return means.flatten(0, 2).numpy().T.astype(float)
        values = recording.means[nearest][:, ::every].float().numpy().astype(float)
        return (values - values.mean(axis=0)).T

    def _powers(self, examples: Sequence[Example]):
        """Sums for the normal equations; every lead of a recording counts alike."""
        sums = None
        for example in examples:
            for recording in example.recordings:
                x = self._features(example, recording, EVERY)
                power = float(recording.variance.mean()) + 1e-12
                y = recording.leads[:, ::EVERY].numpy().T.astype(float)
                new = (x.T @ x / power, x.T @ y / power, (y**2).sum(0) / power)
                sums = new if sums is None else tuple(a + b for a, b in zip(sums, new, strict=True))
        assert sums is not None
        return sums


def _places(tissue: Tensor) -> Float[np.ndarray, "patches n"]:
    """Regions and coordinates."""
    values = tissue.numpy().astype(float)
    return np.concatenate([REGION_FAR * values[:, REGIONS], values[:, COORDINATES]], axis=1)


def _solved(parts, ridge: float) -> Float[np.ndarray, "features 12"]:
    square, cross, _ = parts
    return np.linalg.solve(square + ridge * np.eye(len(square)), cross)


def _miss(parts, matrix) -> float:
    square, cross, power = parts
    return float((power - 2 * (matrix * cross).sum(0) + (matrix * (square @ matrix)).sum(0)).sum())


@dataclass(frozen=True, eq=False)
class CohortMean:
    """The mean waveform of each rhythm, from its beginning: what an answer that does not look at
    the potentials is worth."""

    waveforms: dict[str, Tensor]

    @staticmethod
    def of(examples: Sequence[Example]) -> "CohortMean":
        found: dict[str, list[Tensor]] = {}
        for example in examples:
            for recording in example.recordings:
                found.setdefault(recording.rhythm, []).append(recording.leads)
        return CohortMean({name: _mean(signals) for name, signals in found.items()})

    def answer(self, example: Example, recording: Recording) -> Tensor:
        wanted = recording.leads.shape[1]
        mean = self.waveforms.get(recording.rhythm, torch.zeros(12, 1))[:, :wanted]
        return torch.cat([mean, mean[:, -1:].expand(-1, wanted - mean.shape[1])], dim=1)


def _mean(signals: list[Tensor]) -> Tensor:
    longest = max(s.shape[1] for s in signals)
    filled = [torch.cat([s, s[:, -1:].expand(-1, longest - s.shape[1])], 1) for s in signals]
    return torch.stack(filled).mean(0)
