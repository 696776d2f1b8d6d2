"""Our network: from a heart's portrait and a beat to zones, on the lattice and at any node.

The beat, the same heart's healthy beat and their difference become tokens in time. Each place of
the lattice asks them, knowing where it lies, when the front passes it in health and how each lead
sees it; what it learns travels along the lattice's graph. A node's answer is read from the places
around it, so that the mesh may have any density.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import embedding_bag

from twin.inverse.beat import SAMPLES
from twin.inverse.lattice import LATTICE, PLACES
from twin.inverse.portrait import FEATURES, LEADS

ZONES = 3
DEPTH = 3
"""Numbers of a node that are given besides: where it lies in its cell of the lattice."""

CHANNELS = 4 * LEADS


@dataclass(frozen=True)
class Sizes:
    """Of the network: widths, and the number of rounds between ECG and heart."""

    width: int = 96
    tokens: int = 128
    rounds: int = 3
    heads: int = 4
    latent: int = 32
    dropout: float = 0.1


@dataclass(frozen=True)
class Answers:
    """Logits at nodes, and of there being an infarct at all.

    `belief` is taught to be as sure as it may be, `answer` to overlap the infarct most.
    """

    belief: Tensor
    answer: Tensor
    infarct: Tensor


class BeatEncoder(nn.Module):
    """ECG (batch, leads, time), which leads are there, and the healthy ECG, to tokens in time."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        width = sizes.tokens
        self.layers = nn.Sequential(
            nn.Conv1d(CHANNELS, width, 9, stride=2, padding=4),
            nn.GELU(),
            nn.Conv1d(width, width, 5, stride=2, padding=2),
            nn.GELU(),
            nn.Conv1d(width, width, 5, stride=2, padding=2),
        )
        self.count = math.ceil(SAMPLES / 8)
        self.times = nn.Parameter(0.02 * torch.randn(self.count, width))
        layer = nn.TransformerEncoderLayer(
            width, sizes.heads, 2 * width, sizes.dropout, "gelu", batch_first=True, norm_first=True
        )
        self.mixing = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)

    def forward(self, ecg: Tensor, present: Tensor, reference: Tensor) -> Tensor:
        there = present[..., None].to(ecg.dtype)
        seen, healthy = ecg * there, reference * there
        channels = [seen, healthy, seen - healthy, there.expand_as(ecg)]
        tokens = self.layers(torch.cat(channels, dim=1)).transpose(1, 2)
        return self.mixing(tokens + self.times)


class Round(nn.Module):
    """Places ask the ECG, then each other, then think."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        width = sizes.width
        self.heads = sizes.heads
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(3))
        self.asks = nn.Linear(width, width)
        self.hears = nn.Linear(sizes.tokens, 2 * width)
        self.takes = nn.Linear(width, width)
        self.tells = nn.Linear(width, width, bias=False)
        self.keeps = nn.Linear(width, width)
        self.thinks = nn.Sequential(
            nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width)
        )

    def forward(self, places: Tensor, tokens: Tensor, shares: Tensor) -> Tensor:
        places = places + self._heard(self.norms[0](places), tokens)
        own = self.norms[1](places)
        # A graph convolution. Dense: one product of matrices beats gathering along edges here, and
        # torch-geometric's dense one would copy the graph for each case.
        around = torch.einsum("pq,bqw->bpw", shares, self.tells(own))
        places = places + self.keeps(own) + around
        return places + self.thinks(self.norms[2](places))

    def _heard(self, places: Tensor, tokens: Tensor) -> Tensor:
        asks = self._by_head(self.asks(places))
        keys, values = (self._by_head(x) for x in self.hears(tokens).chunk(2, dim=-1))
        # Written out: with so few tokens it is faster than the fused one, which pads.
        shares = (asks @ keys.transpose(-1, -2) / math.sqrt(asks.shape[-1])).softmax(dim=-1)
        heard = shares.to(values.dtype) @ values
        return self.takes(heard.transpose(1, 2).flatten(2))

    def _by_head(self, x: Tensor) -> Tensor:
        return x.unflatten(-1, (self.heads, -1)).transpose(1, 2)


class InfarctNet(nn.Module):
    """`places` gives the latents of the lattice, `at_nodes` reads them where they are asked for."""

    shares: Tensor

    def __init__(self, sizes: Sizes | None = None) -> None:
        super().__init__()
        self.sizes = sizes = sizes or Sizes()
        width = sizes.width
        self.beat = BeatEncoder(sizes)
        self.portrait = nn.Sequential(
            nn.Linear(FEATURES, width), nn.GELU(), nn.Linear(width, width)
        )
        self.own = nn.Parameter(0.02 * torch.randn(PLACES, width))
        self.whole = nn.Linear(2 * sizes.tokens, 2 * width)
        self.rounds = nn.ModuleList(Round(sizes) for _ in range(sizes.rounds))
        self.latent = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, sizes.latent))
        self.read = nn.Sequential(
            nn.Linear(sizes.latent + DEPTH, 64), nn.GELU(), nn.Linear(64, 2 * ZONES)
        )
        self.infarct = nn.Sequential(
            nn.Linear(2 * sizes.tokens + sizes.latent, 64), nn.GELU(), nn.Linear(64, 1)
        )
        self.register_buffer("shares", _neighbour_shares(), persistent=False)

    def places(self, ecg: Tensor, present: Tensor, portrait: Tensor, reference: Tensor):
        """Latents (batch, places, latent), and the logit of there being an infarct."""
        tokens = self.beat(ecg, present, reference)
        whole = torch.cat([tokens.mean(dim=1), tokens.amax(dim=1)], dim=-1)
        places = self.portrait(portrait) + self.own
        scale, shift = self.whole(whole)[:, None].chunk(2, dim=-1)
        places = places * (1 + scale) + shift
        for turn in self.rounds:
            places = turn(places, tokens, self.shares)
        latent = self.latent(places)
        sure = self.infarct(torch.cat([whole, latent.amax(dim=1)], dim=-1))
        return latent, sure[..., 0]

    def at_nodes(self, latent: Tensor, nodes: Tensor, weights: Tensor, within: Tensor):
        """Logits of belief and answer (batch, nodes, 3) at nodes: eight places and weights each
        (batch, nodes, 8), and where they lie `within` the lattice."""
        batch, count = nodes.shape[:2]
        table = latent.float().flatten(0, 1)
        rows = nodes + PLACES * torch.arange(batch, device=nodes.device)[:, None, None]
        there = embedding_bag(
            rows.flatten(0, 1), table, per_sample_weights=weights.float().flatten(0, 1), mode="sum"
        ).unflatten(0, (batch, count))
        logits = self.read(torch.cat([there, within.float()], dim=-1))
        return logits.chunk(2, dim=-1)

    def forward(self, ecg, present, portrait, reference, nodes, weights, within) -> Answers:
        latent, infarct = self.places(ecg, present, portrait, reference)
        belief, answer = self.at_nodes(latent, nodes, weights, within)
        return Answers(belief, answer, infarct)


def _neighbour_shares() -> Tensor:
    """Of each place's neighbours on the lattice in the mean over them."""
    joined = torch.zeros(PLACES, PLACES)
    joined[LATTICE.edges[1].copy(), LATTICE.edges[0].copy()] = 1.0
    return joined / joined.sum(dim=1, keepdim=True)
