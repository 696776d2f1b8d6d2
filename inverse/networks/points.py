"""PointNet++ on batches of equally many points (Qi et al., NeurIPS 2017)."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

NEIGHBOURS = 32
NEAREST = 3
"""Points from which a feature is carried over to another."""


class SetAbstraction(nn.Module):
    """Fewer points, each with what the points around it have at most."""

    def __init__(self, points: int, features: int, widths: Sequence[int]) -> None:
        super().__init__()
        self.points = points
        self.layers = shared_layers(3 + features, widths, dimensions=2)

    def forward(self, places: Tensor, features: Tensor) -> tuple[Tensor, Tensor]:
        """Places (batch, points, 3) and features (batch, points, f), of the fewer points."""
        centres = gather(places, farthest_points(places, self.points))
        around = torch.cdist(centres, places).topk(min(NEIGHBOURS, places.shape[1]), largest=False)
        near = around.indices.flatten(1)
        shape = (*around.indices.shape, -1)
        offsets = gather(places, near).view(shape) - centres[:, :, None]
        joined = torch.cat([offsets, gather(features, near).view(shape)], dim=-1)
        return centres, self.layers(joined.movedim(-1, 1)).amax(dim=-1).movedim(1, -1)


class FeaturePropagation(nn.Module):
    """Features of few points carried over to many, beside what these have of their own."""

    def __init__(self, features: int, widths: Sequence[int]) -> None:
        super().__init__()
        self.layers = shared_layers(features, widths, dimensions=1)

    def forward(self, places: Tensor, own: Tensor, few: Tensor, features: Tensor) -> Tensor:
        """From the `few` places and their features to `places`, whose `own` features are kept."""
        nearest = torch.cdist(places, few).topk(min(NEAREST, few.shape[1]), largest=False)
        weights = 1 / (nearest.values + 1e-6)
        weights = weights / weights.sum(dim=-1, keepdim=True)
        shape = (*nearest.indices.shape, -1)
        carried = gather(features, nearest.indices.flatten(1)).view(shape)
        joined = torch.cat([own, (weights[..., None] * carried).sum(dim=2)], dim=-1)
        return self.layers(joined.movedim(-1, 1)).movedim(1, -1)


def shared_layers(features: int, widths: Sequence[int], dimensions: int) -> nn.Sequential:
    """The same layers for every point: 1 x 1 convolutions over one or two further dimensions."""
    convolution = nn.Conv1d if dimensions == 1 else nn.Conv2d
    normalisation = nn.BatchNorm1d if dimensions == 1 else nn.BatchNorm2d
    layers: list[nn.Module] = []
    for width in widths:
        layers += [convolution(features, width, 1), normalisation(width), nn.ReLU()]
        features = width
    return nn.Sequential(*layers)


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
