"""How each electrode sees each patch of an atrium: what skin, lungs and blood make of the field
that it would have in an endless medium."""

import torch
from torch import Tensor, nn

from twin.inverse.forward_model.layers import layers

LEAST_SCALE = 0.03
"""Of a feature that hardly differs between people."""


class FieldNet(nn.Module):
    mean: Tensor
    scale: Tensor

    def __init__(self, views: int, width: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(views))
        self.register_buffer("scale", torch.ones(views))
        self.change = layers(views, width, 4)

    def fit_scales(self, views: Tensor) -> None:
        """To examples of what it will be shown."""
        self.mean = views.mean(0)
        self.scale = views.std(0).clamp_min(LEAST_SCALE)

    def forward(self, views: Tensor, gradients: Tensor) -> Tensor:
        """Electrodes x patches x 3: the endless medium's field longer or shorter, and turned."""
        out = self.change((views - self.mean) / self.scale)
        size = gradients.norm(dim=-1, keepdim=True)
        return gradients * (1 + out[..., :1]) + size * out[..., 1:]
