"""The learned forward model: how each electrode sees each patch, and how each patch conducts.

A lead is the sum over patches of (conductivity x moment) . gradient of the electrode's field. The
moments are linear in the potentials and zero for an even one; so is the ECG, by construction, once
it has been read from a recording how the patches conduct. What is learned:

- the field: what skin, lungs and blood make of the one that an endless medium would have;
- the conductivities, in all directions and more along the fibres, from the place of a patch on the
  atrium and from the speed at which fronts passed it. The speed is a quotient: it does not change
  when all potentials are scaled, and without a recording the model does without it.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from twin.inverse.forward_model.portrait import ACROSS, ALONG
from twin.simulation.lead_field import ELECTRODES, independent_leads, twelve_leads

TINY = 1e-12
LEAST_SHARE = 1e-3
"""Of the mean slope, below which nothing passed a patch."""


@dataclass(frozen=True)
class Sizes:
    """Widths of the two networks, and how many features they are given."""

    views: int
    tissue: int
    field: int = 96
    conduction: int = 64


class ForwardNet(nn.Module):
    leads: Tensor
    view_mean: Tensor
    view_scale: Tensor

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.sizes = sizes
        self.register_buffer("view_mean", torch.zeros(sizes.views))
        self.register_buffer("view_scale", torch.ones(sizes.views))
        self.field = _layers(sizes.views, sizes.field, 4)
        self.conduction = _layers(sizes.tissue + PASSING, sizes.conduction, 2)
        self.register_buffer("leads", self.mixing(), persistent=False)

    @staticmethod
    def mixing() -> Tensor:
        """Electrodes to the twelve leads."""
        return torch.tensor(twelve_leads() @ independent_leads(ELECTRODES), dtype=torch.float32)

    def fields(self, views: Tensor, gradients: Tensor) -> Tensor:
        """What each of the twelve leads sees: leads x patches x 3."""
        out = self.field((views - self.view_mean) / self.view_scale)
        size = gradients.norm(dim=-1, keepdim=True)
        own = gradients * (1 + out[..., :1]) + size * out[..., 1:]
        return torch.einsum("le,epx->lpx", self.leads, own)

    def conductivities(
        self, tissue: Tensor, areas: Tensor, near: Tensor, passage: Tensor | None
    ) -> Tensor:
        """S/m of each patch, in all directions and more along the fibres: patches x 2.

        Without `passage` (see `PASSAGE`) from the anatomy alone.
        """
        seen = tissue.new_zeros(len(tissue), PASSING)
        if passage is not None:
            seen = passing(passage, tissue, areas, near)
        out = self.conduction(torch.cat([tissue, seen], dim=1))
        return torch.tensor([ACROSS, ALONG]) * torch.exp(out)

    def forward(self, fields: Tensor, conductivities: Tensor, moments: Tensor) -> Tensor:
        """Twelve leads x times, mV; `moments` are patches x 2 x 3 x times."""
        weights = torch.einsum("lpx,pk->lpkx", fields, conductivities)
        return weights.flatten(1) @ moments.flatten(0, 2)


PASSING = 17
"""Features of how fronts passed: four at each of four scales, and whether anything was seen."""

STIFF = 0.05
"""Of the normal equations' diagonal: how firmly a fit keeps to ordinary tissue's anisotropy."""


def passing(passage: Tensor, tissue: Tensor, areas: Tensor, near: Tensor) -> Tensor:
    """What `PASSAGE` tells of the conductivities: of the patch, of what lies `near` it (weights of
    all patches, a row each), of its kind of tissue, and of the whole atrium. Each is `told` of the
    sums over these, and the first three are taken relative to the atrium."""
    there = passage[:, 1] > LEAST_SHARE * passage[:, 1].mean()
    seen = passage * (areas * there)[:, None]
    kinds = tissue[:, KINDS]
    by_kind = kinds.T @ seen
    whole = told(seen.sum(0, keepdim=True))
    scales = [told(seen), told(near @ seen), kinds @ told(by_kind)]
    parts = [torch.cat([x[:, :1] - whole[:, :1], x[:, 1:]], dim=1) for x in scales]
    parts = [parts[0] * there[:, None], *parts[1:], whole.expand(len(seen), -1)]
    return torch.cat([*parts, torch.ones_like(areas)[:, None]], dim=1)


def told(sums: Tensor) -> Tensor:
    """Of each row of sums of `PASSAGE`: the logarithm of the conductivity that its fronts' speed
    speaks for at ordinary anisotropy; those of a and b in rise = a ACROSS slope + b ALONG along by
    least squares, over their common size; and how much was seen of the difference between them."""
    rise, slope, along, ss, sa, aa, rs, ra = sums.unbind(1)
    ordinary = ACROSS * slope + ALONG * along
    speed = torch.where(slope > 0, torch.log((rise + 1e-12) / (ordinary + 1e-12)), 0.0)
    ss, sa, aa = ACROSS**2 * ss, ACROSS * ALONG * sa, ALONG**2 * aa
    rs, ra = ACROSS * rs, ALONG * ra
    both = (rs + ra) / (ss + 2 * sa + aa + TINY)
    firm = STIFF * (ss + aa) + TINY
    ss, aa = ss + firm, aa + firm
    rs, ra = rs + firm * both, ra + firm * both
    determinant = ss * aa - sa**2
    a = ((rs * aa - ra * sa) / determinant / (both + TINY)).clamp(0.1, 10)
    b = ((ra * ss - rs * sa) / determinant / (both + TINY)).clamp(0.1, 10)
    fitted = torch.stack([a.log(), b.log(), 1 - sa**2 / (ss * aa)], dim=1)
    fitted = torch.where((slope > 0)[:, None], fitted, torch.zeros(()))
    return torch.cat([speed[:, None], fitted], dim=1)


REGIONS, CLASSES = 9, 5
KINDS = slice(REGIONS, REGIONS + CLASSES)
"""Of `AtrialPortrait.tissue`: shares of each kind of tissue."""


def _layers(inputs: int, width: int, outputs: int) -> nn.Sequential:
    last = nn.Linear(width, outputs)
    nn.init.zeros_(last.weight)
    nn.init.zeros_(last.bias)
    return nn.Sequential(
        nn.Linear(inputs, width), nn.SiLU(), nn.Linear(width, width), nn.SiLU(), last
    )
