"""PAA-Net, rebuilt from its published description: what others are compared with.

"Physiology and Anatomy Aware Inverse Inference of Myocardial Infarction for Cardiac Digital Twin"
(arXiv 2605.22044). Points of the heart through PointNet++ and the ECG through convolutions and a
recurrent layer become 32 numbers each; these, the same for all points, go into the decoder, which
answers a zone for each point. Layer widths are not published; these keep the published size of 2.7
million parameters. No code of the authors was used.

As published, coordinates are scaled to 0 to 1 along each axis, the rotational angle jumps at its
seam, electrodes are not known and two pairs of leads look alike.
`mended` gives mm over a fixed length, sine and cosine, the electrodes' places, and tells the planes
of leads apart; its loss is `losses.mended_loss`, and its ECGs have one fixed window.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn

from twin.inverse.networks.points import (
    FeaturePropagation,
    Group,
    SetAbstraction,
    carrying,
    gather,
    group,
)

ZONES = 3
POINTS = 4096
"""Drawn from the nodes of each heart."""
MIDDLE, COARSE = 128, 16
CODE = 32

SCALE = 50.0
"""mm that count as 1 where coordinates are not scaled to each heart."""

LEAD_ANGLES = (0.0, 60.0, 120.0, 90.0, 75.0, 60.0, 30.0, 0.0)
"""Degrees of I, II in the frontal plane and V1 to V6 in the horizontal one."""


class LeadGate(nn.Module):
    """A weight for each lead from where it looks from. As published, a lead is its angle alone,
    by which I is V6 and II is V4; `mended` tells the two planes apart."""

    def __init__(self, mended: bool) -> None:
        super().__init__()
        angles = torch.tensor(LEAD_ANGLES) * math.pi / 180
        frontal = torch.tensor([1.0, 1.0, 0, 0, 0, 0, 0, 0]) * float(mended)
        self.register_buffer("views", torch.stack([angles.sin(), angles.cos(), frontal], dim=1))
        self.layers = nn.Sequential(nn.Linear(3, 16), nn.ReLU(), nn.Linear(16, 1), nn.Sigmoid())

    def forward(self, ecg: Tensor) -> Tensor:
        return ecg * self.layers(self.views)


class SignalEncoder(nn.Module):
    """ECG (batch, 8, samples) to a code."""

    def __init__(self, mended: bool, leads: int = 8, code: int = CODE) -> None:
        super().__init__()
        self.gate = LeadGate(mended)
        self.layers = nn.Sequential(
            nn.Conv1d(leads, 128, 7, stride=2, padding=3),
            nn.BatchNorm1d(128),
            nn.ReLU(),
            nn.Conv1d(128, 256, 5, stride=2, padding=2),
            nn.BatchNorm1d(256),
            nn.ReLU(),
        )
        self.recurrent = nn.LSTM(256, 256, batch_first=True, bidirectional=True)
        self.out = nn.Linear(512, code)

    def forward(self, ecg: Tensor) -> Tensor:
        course, _ = self.recurrent(self.layers(self.gate(ecg)).transpose(1, 2))
        return self.out(course.amax(dim=1))


class Shape(NamedTuple):
    """What the network makes of hearts alone, whatever the ECGs: features at few points and at
    fewest, how the latter are carried to the former, and a code."""

    few: Tensor
    at_few: Tensor
    at_fewest: Tensor
    shares: Tensor
    code: Tensor

    def repeated(self, times: int) -> "Shape":
        """Each heart for so many ECGs."""
        return Shape(*(part.repeat_interleave(times, dim=0) for part in self))


class PAANet(nn.Module):
    """Logits of the zones (batch, points, 3) from points' features and an ECG.

    `features` begin with the three coordinates; see `point_features`.
    """

    def __init__(self, mended: bool = False) -> None:
        super().__init__()
        self.mended = mended
        own = features_of(mended)
        self.fine = SetAbstraction(own, (64, 128, 256))
        self.middle = SetAbstraction(256, (256, 256, 512))
        self.code = nn.Linear(512, CODE)
        self.signal = SignalEncoder(mended)
        self.up_middle = FeaturePropagation(256, 512 + 2 * CODE, (512, 512))
        self.up_fine = FeaturePropagation(own, 512, (512, 256))
        self.out = nn.Sequential(nn.Linear(256, 64), nn.ReLU(), nn.Linear(64, ZONES))

    def forward(self, features: Tensor, ecg: Tensor) -> Tensor:
        shape = self.shape(features, groups_of(features))
        shares = carrying(features[..., :3], shape.few)
        return self.answer(self.carried(shape, self.signal(ecg)), features, shares)

    def shape(self, features: Tensor, groups: tuple[Group, Group]) -> Shape:
        """Of hearts' points (batch, points, f)."""
        few, at_few = self.fine(features[..., :3], features, groups[0])
        fewest, at_fewest = self.middle(few, at_few, groups[1])
        code = self.code(at_fewest.amax(dim=1))
        return Shape(few, at_few, at_fewest, carrying(few, fewest), code)

    def carried(self, shape: Shape, signal: Tensor) -> Tensor:
        """Features at the few points, with the codes of hearts and ECGs."""
        codes = torch.cat([shape.code, signal], dim=-1)
        spread = codes[:, None].expand(-1, shape.at_fewest.shape[1], -1)
        joined = torch.cat([shape.at_fewest, spread], dim=-1)
        return self.up_middle(shape.at_few, joined, shape.shares)

    def answer(self, carried: Tensor, features: Tensor, shares: Tensor) -> Tensor:
        """At any points of the hearts, `shares` being carried there from the few."""
        return self.out(self.up_fine(features, carried, shares))


def groups_of(features: Tensor) -> tuple[Group, Group]:
    """Neighbourhoods of the middle and of the coarse points."""
    places = features[..., :3]
    fine = group(places, MIDDLE)
    return fine, group(gather(places, fine.centres), COARSE)


def features_of(mended: bool) -> int:
    """Numbers a point has."""
    return 3 + 5 + 27 if mended else 3 + 4


def point_features(places: Tensor, coordinates: Tensor, electrodes: Tensor, mended: bool) -> Tensor:
    """Of places (batch, points, 3) in mm, coordinates (batch, points, 4: apicobasal, rotational,
    transmural, ventricle) and electrodes (batch, 9, 3) in mm."""
    if not mended:
        low, high = places.amin(dim=1, keepdim=True), places.amax(dim=1, keepdim=True)
        return torch.cat([(places - low) / (high - low), coordinates], dim=-1)
    middle = places.mean(dim=1, keepdim=True)
    turn = 2 * math.pi * coordinates[..., 1:2]
    seamless = torch.cat([coordinates[..., :1], turn.sin(), turn.cos(), coordinates[..., 2:]], -1)
    around = ((electrodes - middle) / SCALE).flatten(1)
    around = around[:, None].expand(-1, places.shape[1], -1)
    return torch.cat([(places - middle) / SCALE, seamless, around], dim=-1)


def parameters(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())
