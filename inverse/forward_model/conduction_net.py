"""How each patch of an atrium conducts: from where it lies, and from how fronts passed it.

The speed of a front is a quotient: it does not change when all potentials are scaled. Without a
recording the anatomy has to do.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from twin.inverse.forward_model.evidence import Evidence
from twin.inverse.forward_model.fronts import FEATURES
from twin.inverse.forward_model.layers import layers
from twin.inverse.forward_model.portrait import ACROSS, ALONG, KINDS
from twin.simulation.atria.passage import PASSAGE

TINY = 1e-12
LEAST_SHARE = 1e-3
"""Of the mean slope, below which nothing passed a patch."""
PASSING = 31
"""Features of a recording: four of how fronts passed at each of four scales, fourteen of how the
potential went up and down, and that there is a recording."""
EXCHANGES = 2
"""Rounds in which patches tell each other what they make of it."""
USUAL_FRONTS = 5.0
"""Of a patch in a recording, so that their number is of order 1."""
LEAST_SCALE = 1e-3
"""Of a feature of fronts that hardly differs."""

SQUARE_OVER_CONDUCTIVITY = 1.6
"""mm2/ms2 for each S/m: the square of the speed that ordinary tissue's conductivity gives."""
LARGEST = 3.0
"""Of the logarithm of conductivities over those of ordinary tissue."""

STIFF = 0.05
"""Of the normal equations' diagonal: how firmly a fit keeps to ordinary tissue's anisotropy."""


class ConductionNet(nn.Module):
    def __init__(self, tissue: int, width: int) -> None:
        super().__init__()
        self.anatomy = layers(tissue, width, 2)
        self.told = nn.Linear(PASSING, 2, bias=False)
        with torch.no_grad():
            self.told.weight.copy_(as_speeds_go())
        self.fronts = FrontsNet(tissue, width)
        self.seen = nn.Sequential(nn.Linear(tissue + PASSING + width + 2, width), nn.SiLU())
        self.exchange = nn.ModuleList(layers(4 * width, width, width) for _ in range(EXCHANGES))
        self.conducting = nn.Linear(width, 2)
        nn.init.zeros_(self.conducting.weight)
        nn.init.zeros_(self.conducting.bias)

    def forward(
        self, tissue: Tensor, areas: Tensor, near: Tensor, evidence: Evidence | None
    ) -> Tensor:
        """S/m of each patch, in all directions and more along the fibres: patches x 2.

        Without `evidence` from the anatomy alone.
        """
        if evidence is None:
            out = self.anatomy(tissue)
        else:
            passed = passing(evidence.passage, tissue, areas, near)
            seen = torch.cat([tissue, passed, self.fronts(tissue, evidence)], dim=1)
            exchanged = self._exchanged(self.seen(seen), tissue, areas, near)
            out = self.told(passed) + self.conducting(exchanged)
        return torch.tensor([ACROSS, ALONG]) * torch.exp(out.clamp(-LARGEST, LARGEST))

    def _exchanged(self, hidden: Tensor, tissue: Tensor, areas: Tensor, near: Tensor) -> Tensor:
        """What each patch makes of itself, of those near it, of all of its kind of tissue, which
        has one anisotropy, and of the whole atrium."""
        reach = near.sum(dim=1, keepdim=True)
        kinds = tissue[:, KINDS]
        of_kind = _shares(kinds * areas[:, None]).T
        share = _shares(areas[:, None]).T
        for round_ in self.exchange:
            whole = (share @ hidden).expand_as(hidden)
            parts = [hidden, near @ hidden / reach, kinds @ (of_kind @ hidden), whole]
            hidden = hidden + round_(torch.cat(parts, dim=1))
        return hidden


class FrontsNet(nn.Module):
    """What the fronts that passed a patch say together: a weighted mean, how much they weigh, and
    how many they were."""

    mean: Tensor
    scale: Tensor

    def __init__(self, tissue: int, width: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(FEATURES))
        self.register_buffer("scale", torch.ones(FEATURES))
        self.each = nn.Sequential(
            nn.Linear(FEATURES + tissue, width), nn.SiLU(), nn.Linear(width, width + 1)
        )

    def fit_scales(self, fronts: Sequence[Tensor]) -> None:
        """To examples of what it will be shown."""
        together = torch.cat(list(fronts))
        if len(together) > 1:
            self.mean, self.scale = together.mean(0), together.std(0).clamp_min(LEAST_SCALE)

    def forward(self, tissue: Tensor, evidence: Evidence) -> Tensor:
        at = evidence.at
        shown = (evidence.fronts - self.mean) / self.scale
        said = self.each(torch.cat([shown, tissue[at]], dim=1))
        weights = said[:, -1:].clamp(-6, 6).exp()
        sums = torch.cat([weights * said[:, :-1], weights, torch.ones_like(weights)], dim=1)
        sums = torch.zeros(len(tissue), sums.shape[1]).index_add(0, at, sums)
        total, weight, count = sums[:, :-2], sums[:, -2:-1], sums[:, -1:]
        mean = total / (weight + 1e-3)
        return torch.cat([mean, torch.log(weight + 1e-3), count / USUAL_FRONTS], dim=1)


def _shares(weights: Tensor) -> Tensor:
    """Each column's parts of its sum."""
    return weights / (weights.sum(dim=0, keepdim=True) + TINY)


def passing(passage: Tensor, tissue: Tensor, areas: Tensor, near: Tensor) -> Tensor:
    """What `PASSAGE` and `SWINGS` tell of the conductivities: of the patch, of what lies `near` it
    (weights of all patches, a row each), of its kind of tissue, and of the whole atrium. Each is
    `told` of the sums over these, and the first three are taken relative to the atrium."""
    there = passage[:, 1] > LEAST_SHARE * passage[:, 1].mean()
    passed, swings = passage[:, : len(PASSAGE)], passage[:, len(PASSAGE) :]
    seen = passed * (areas * there)[:, None]
    kinds = tissue[:, KINDS]
    by_kind = kinds.T @ seen
    whole = told(seen.sum(0, keepdim=True))
    scales = [told(seen), told(near @ seen), kinds @ told(by_kind)]
    parts = [torch.cat([x[:, :1] - whole[:, :1], x[:, 1:]], dim=1) for x in scales]
    parts = [parts[0] * there[:, None], *parts[1:], whole.expand(len(seen), -1)]
    parts.append(_swung(torch.cat([swings, passed[:, :2]], dim=1), areas, near))
    return torch.cat([*parts, torch.ones_like(areas)[:, None]], dim=1)


def _swung(values: Tensor, areas: Tensor, near: Tensor) -> Tensor:
    """`SWINGS`, rise and slope of each patch against the atrium's, as logarithms, there and near;
    and of the atrium how often it is excited, and how long."""
    share = (areas / areas.sum())[:, None]
    whole = (share * values).sum(dim=0)
    own = torch.log((values + TINY) / (whole + TINY)).clamp(-4, 4)
    around = near @ own / near.sum(dim=1, keepdim=True)
    deviation, travel, _, range_ = whole[:4] + TINY
    rhythm = torch.stack([torch.log(travel / deviation), torch.log(range_ / deviation)])
    return torch.cat([own, around, rhythm.expand(len(own), -1)], dim=1)


def as_speeds_go() -> Tensor:
    """Where learning begins: conductivity is the square of the speed, half of the patch itself and
    half of what lies near."""
    weights = torch.zeros(2, PASSING)
    weights[:, [0, 4]] = 0.5
    weights[:, 12] = 1.0
    weights[:, -1] = -math.log(SQUARE_OVER_CONDUCTIVITY)
    return weights


def told(sums: Tensor) -> Tensor:
    """Of each row of sums of `PASSAGE`: the logarithm of the conductivity that its fronts' speed
    speaks for at ordinary anisotropy; those of a and b in rise = a ACROSS slope + b ALONG along by
    least squares, over their common size; and how much was seen of the difference between them.

    All weigh a moment by the square of the slope: where fronts meet, potentials rise without one.
    """
    _, slope, _, ss, sa, aa, rs, ra = sums.unbind(1)
    ss, sa, aa = ACROSS**2 * ss, ACROSS * ALONG * sa, ALONG**2 * aa
    rs, ra = ACROSS * rs, ALONG * ra
    both = (rs + ra) / (ss + 2 * sa + aa + TINY)
    speed = torch.where(slope > 0, torch.log(both + TINY).clamp(-5, 5), 0.0)
    firm = STIFF * (ss + aa) + TINY
    ss, aa = ss + firm, aa + firm
    rs, ra = rs + firm * both, ra + firm * both
    determinant = ss * aa - sa**2
    a = ((rs * aa - ra * sa) / determinant / (both + TINY)).clamp(0.1, 10)
    b = ((ra * ss - rs * sa) / determinant / (both + TINY)).clamp(0.1, 10)
    fitted = torch.stack([a.log(), b.log(), 1 - sa**2 / (ss * aa)], dim=1)
    fitted = torch.where((slope > 0)[:, None], fitted, torch.zeros(()))
    return torch.cat([speed[:, None], fitted], dim=1)
