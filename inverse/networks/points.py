"""PointNet++ on batches of equally many points (Qi et al., NeurIPS 2017).

Neighbourhoods depend on the points alone, so that who answers for many ECGs of one heart finds
them once.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

NEIGHBOURS = 32
NEAREST = 3
"""Points from which a feature is carried over to another."""


class Group(NamedTuple):
    """Indices of fewer points (batch, few), and of those around each (batch, few, neighbours)."""

    centres: Tensor
    near: Tensor


@torch.no_grad()
def group(places: Tensor, few: int) -> Group:
    """Of places (batch, points, 3)."""
    centres = farthest_points(places, few)
    distances = torch.cdist(gather(places, centres), places)
    near = distances.topk(min(NEIGHBOURS, places.shape[1]), largest=False)
    return Group(centres, near.indices)


class SetAbstraction(nn.Module):
    """Fewer points, each with what the points around it have at most."""

    def __init__(self, features: int, widths: Sequence[int]) -> None:
        super().__init__()
        self.layers = SharedLayers(3 + features, widths)

    def forward(self, places: Tensor, features: Tensor, group: Group) -> tuple[Tensor, Tensor]:
        """Places (batch, points, 3) and features (batch, points, f), of the fewer points."""
        centres = gather(places, group.centres)
        near = group.near.flatten(1)
        shape = (*group.near.shape, -1)
        offsets = gather(places, near).view(shape) - centres[:, :, None]
        joined = torch.cat([offsets, gather(features, near).view(shape)], dim=-1)
        return centres, self.layers(joined).max(dim=2).values


class FeaturePropagation(nn.Module):
    """Features of few points carried over to many, beside what these have of their own."""

    def __init__(self, own: int, carried: int, widths: Sequence[int]) -> None:
        super().__init__()
        self.own = nn.Linear(own, widths[0])
        self.carried = nn.Linear(carried, widths[0], bias=False)
        self.norm = nn.BatchNorm1d(widths[0])
        self.rest = SharedLayers(widths[0], widths[1:])

    def forward(self, own: Tensor, features: Tensor, shares: Tensor) -> Tensor:
        """`own` features (batch, points, f) beside those of few points; see `carrying`."""
        # Carrying is linear, so that the first layer may go before it, on far fewer points.
        joined = self.own(own) + shares.to(own.dtype) @ self.carried(features)
        first = self.norm(joined.flatten(0, 1)).relu_().view(joined.shape)
        return self.rest(first)


@torch.no_grad()
def carrying(places: Tensor, few: Tensor) -> Tensor:
    """Share (batch, points, few) of each of the few in each place, by inverse distance."""
    nearest = torch.cdist(places, few).topk(min(NEAREST, few.shape[1]), largest=False)
    weights = 1 / (nearest.values + 1e-6)
    weights = weights / weights.sum(dim=-1, keepdim=True)
    nothing = places.new_zeros(*places.shape[:2], few.shape[1])
    return nothing.scatter(2, nearest.indices, weights)


class SharedLayers(nn.Module):
    """The same layers for every point."""

    def __init__(self, features: int, widths: Sequence[int]) -> None:
        super().__init__()
        before = (features, *widths[:-1])
        pairs = list(zip(before, widths, strict=True)) if widths else []
        self.linear = nn.ModuleList(nn.Linear(one, other) for one, other in pairs)
        self.norm = nn.ModuleList(nn.BatchNorm1d(width) for width in widths)

    def forward(self, values: Tensor) -> Tensor:
        rows = values.flatten(0, -2)
        for layer, norm in zip(self.linear, self.norm, strict=True):
            rows = norm(layer(rows)).relu_()
        return rows.view(*values.shape[:-1], -1)


def gather(values: Tensor, indices: Tensor) -> Tensor:
    """Rows of each member of a batch: (batch, rows, f) by (batch, some)."""
    return values.gather(1, indices[..., None].expand(-1, -1, values.shape[-1]))


@torch.no_grad()
def farthest_points(places: Tensor, count: int) -> Tensor:
    """Indices (batch, count) of points far from each other, the first point first."""
    batch, points, _ = places.shape
    chosen = torch.zeros(batch, min(count, points), dtype=torch.long, device=places.device)
    distance = torch.full((batch, points), torch.inf, device=places.device)
    for k in range(1, chosen.shape[1]):
        latest = gather(places, chosen[:, k - 1 : k])
        distance = torch.minimum(distance, (places - latest).square().sum(dim=-1))
        chosen[:, k] = distance.argmax(dim=1)
    return chosen
