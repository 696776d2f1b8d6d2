"""The published architecture, rebuilt from its description (Ogbomo-Harmitt et al., arXiv
2605.13366): potentials and geometry go through an encoder into a latent sequence, and a decoder
writes the ECG. What the description leaves open is chosen here.

Encoder: local geometry by DiffusionNet (learned diffusion in the Laplacian's eigenbasis), global
geometry by its spectrum, a stream from the voltages, joined by gates, pooled on the atrium's
coordinates. Decoder: embeddings of time, attention over the latent sequence, an LSTM. Loss: Huber
and the difference of spectral entropies.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from scipy.spatial import cKDTree
from torch import Tensor, nn
from torch.nn.functional import huber_loss

from twin.inverse.forward_model.examples import Example, Recording
from twin.inverse.forward_model.portrait import COORDINATES, FROM_MIDDLE, NORMAL, SIZE
from twin.inverse.networks.optimiser import adamw
from twin.meshes.progress import Progress, silent

PATCHES = 500
"""That it is shown: the first ones, which lie far from each other as all do."""
MODES, NEIGHBOURS = 32, 8
WIDTH = 48
WINDOW = 128
"""Frames that are encoded at once."""
ACROSS, ROUND = 5, 8
"""Cells of the grid on the atrium's coordinates."""
SCALE_MV = 0.05
"""Of the ECG, so that what is learned is of order 1."""
REST, SPAN = -85.0, 120.0
"""mV: potentials are shown from 0 to 1."""
ENTROPY_WEIGHT = 0.05
HUBER = 1.0
BATCH = 8


@dataclass(frozen=True, eq=False)
class Surface:
    """An atrium's patches as a graph: features of each, the Laplacian's first modes, its spectrum,
    and the cell of each patch."""

    features: Tensor
    modes: Tensor
    spectrum: Tensor
    areas: Tensor
    cells: Tensor

    @staticmethod
    def of(example: Example) -> "Surface":
        by_patch, tissue = example.views[0, :PATCHES], example.tissue[:PATCHES]
        where, faces = by_patch[:, FROM_MIDDLE], by_patch[:, NORMAL]
        areas = example.areas[:PATCHES]
        values, vectors = _modes(where.numpy() * SIZE, faces.numpy(), areas.numpy())
        features = torch.cat([faces, where, tissue], dim=1)
        return Surface(
            features,
            torch.from_numpy(vectors.astype(np.float32)),
            torch.from_numpy(np.log1p(values * 100).astype(np.float32)),
            areas / areas.sum(),
            _cells(tissue),
        )


def _modes(centres, normals, areas):
    """Of the graph of nearest patches, with the weights of a heat kernel."""
    places = np.concatenate([centres, 8.0 * normals], axis=1)
    distance, near = cKDTree(places).query(places, NEIGHBOURS + 1)
    weights = np.zeros((len(places), len(places)))
    rows = np.repeat(np.arange(len(places)), NEIGHBOURS)
    reach = distance[:, 1:].mean()
    weights[rows, near[:, 1:].ravel()] = np.exp(-((distance[:, 1:].ravel() / reach) ** 2))
    weights = (weights + weights.T) / 2
    root = 1 / np.sqrt(areas / areas.mean())
    laplacian = np.diag(weights.sum(axis=1)) - weights
    values, vectors = np.linalg.eigh(root[:, None] * laplacian * root)
    return np.maximum(values[:MODES], 0), (root[:, None] * vectors)[:, :MODES]


def _cells(tissue: Tensor) -> Tensor:
    """The grid's cell of each patch, by its coordinates."""
    across, cosine, sine = tissue[:, COORDINATES].unbind(1)
    turn = torch.atan2(sine, cosine).remainder(2 * np.pi) / (2 * np.pi)
    column = (across * ACROSS).long().clamp(0, ACROSS - 1)
    return column * ROUND + (turn * ROUND).long().clamp(0, ROUND - 1)


class DiffusionBlock(nn.Module):
    """Each channel diffuses for a time that is learned, then a pointwise network (Sharp et al.,
    ACM Trans Graph 41:27, 2022)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.times = nn.Parameter(torch.rand(width))
        self.mixing = nn.Sequential(nn.Linear(2 * width, width), nn.ReLU(), nn.Linear(width, width))

    def forward(self, values: Tensor, surface: Surface) -> Tensor:
        spectral = surface.modes.T @ (values * surface.areas[:, None])
        spectral = spectral * torch.exp(-surface.spectrum[:, None] * self.times.abs())
        spread = surface.modes @ spectral * len(values)
        return values + self.mixing(torch.cat([values, spread], dim=1))


class PublishedNet(nn.Module):
    def __init__(self, features: int) -> None:
        super().__init__()
        self.begin = nn.Linear(features, WIDTH)
        self.blocks = nn.ModuleList(DiffusionBlock(WIDTH) for _ in range(2))
        self.spectral = nn.Sequential(nn.Linear(MODES, WIDTH), nn.ReLU(), nn.Linear(WIDTH, WIDTH))
        self.voltage = nn.Sequential(
            nn.Conv1d(1, 8, 9, 4, 4), nn.ReLU(), nn.Conv1d(8, 16, 9, 4, 4), nn.ReLU(),
            nn.Flatten(), nn.Linear(16 * WINDOW // 16, WIDTH),
        )  # fmt: skip
        self.gates = nn.Linear(3 * WIDTH, 3 * WIDTH)
        self.joined = nn.Linear(3 * WIDTH, WIDTH)
        self.place = nn.Parameter(0.1 * torch.randn(ACROSS * ROUND, WIDTH))
        self.moment = nn.Parameter(0.1 * torch.randn(WINDOW, WIDTH))
        self.attention = nn.MultiheadAttention(WIDTH, 4, batch_first=True)
        self.memory = nn.LSTM(WIDTH, WIDTH, batch_first=True, bidirectional=True)
        self.out = nn.Linear(2 * WIDTH, 12)

    def forward(self, surface: Surface, voltages: Tensor) -> Tensor:
        """`voltages` are windows x patches x times; the answer is windows x 12 x times."""
        count, patches, times = voltages.shape
        local = self.begin(surface.features)
        for block in self.blocks:
            local = block(local, surface)
        whole = self.spectral(surface.spectrum).expand(patches, -1)
        seen = self.voltage(voltages.reshape(-1, 1, times)).reshape(count, patches, WIDTH)
        geometry = torch.cat([local, whole], dim=1).expand(count, -1, -1)
        streams = torch.cat([geometry, seen], dim=2)
        joined = self.joined(streams * torch.sigmoid(self.gates(streams)))
        latent = self._pooled(joined, surface) + self.place
        asked = self.moment.expand(count, -1, -1)
        found, _ = self.attention(asked, latent, latent, need_weights=False)
        written, _ = self.memory(found + asked)
        return self.out(written).transpose(1, 2)

    @staticmethod
    def _pooled(values: Tensor, surface: Surface) -> Tensor:
        """Means over the patches of each cell."""
        member = torch.nn.functional.one_hot(surface.cells, ACROSS * ROUND).to(values.dtype)
        weights = member * surface.areas[:, None]
        weights = weights / weights.sum(dim=0).clamp_min(1e-6)
        return torch.einsum("pc,npw->ncw", weights, values)


@dataclass(frozen=True, eq=False)
class Published:
    """The network, taught."""

    network: PublishedNet

    @torch.no_grad()
    def answer(self, surface: Surface, recording: Recording) -> Tensor:
        """Twelve leads, mV; windows side by side, the last one from the end backwards."""
        times = recording.means.shape[1]
        starts = window_starts(times)
        found = self.network(surface, windows_of(recording, starts)) * SCALE_MV
        leads = torch.zeros(12, times)
        for start, one in zip(starts, found, strict=True):
            leads[:, start : start + WINDOW] = one
        return leads


def window_starts(times: int) -> list[int]:
    return [*range(0, times - WINDOW, WINDOW), times - WINDOW]


def windows_of(recording: Recording, starts: Sequence[int]) -> Tensor:
    shown = (recording.means[:PATCHES].float() - REST) / SPAN
    return torch.stack([shown[:, start : start + WINDOW] for start in starts])


def teach_published(
    examples: Sequence[Example], epochs: int = 12, seed: int = 0, progress: Progress = silent
) -> Published:
    torch.manual_seed(seed)
    random = torch.Generator().manual_seed(seed)
    school = _School(examples)
    net = PublishedNet(school.surfaces[0].features.shape[1])
    optimiser = adamw(net.parameters(), 1e-3, 1e-4)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, 2e-3, total_steps=epochs * len(school.batches) + 1
    )
    for epoch in range(epochs):
        total = 0.0
        for k in torch.randperm(len(school.batches), generator=random).tolist():
            example, place = school.batches[k]
            recording = school.examples[example].recordings[place]
            last = recording.means.shape[1] - WINDOW
            starts = torch.randint(last + 1, (BATCH,), generator=random).tolist()
            found = net(school.surfaces[example], windows_of(recording, starts))
            true = torch.stack([recording.leads[:, s : s + WINDOW] for s in starts]) / SCALE_MV
            loss = huber_loss(found, true, delta=HUBER) + ENTROPY_WEIGHT * entropy_loss(found, true)
            optimiser.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            optimiser.step()
            schedule.step()
            total += loss.item()
        mean = total / len(school.batches)
        progress(f"published, epoch {epoch + 1}: loss {mean:.4f}", (epoch + 1) / epochs)
    return Published(net.eval())


@dataclass(frozen=True, eq=False)
class _School:
    examples: Sequence[Example]

    @cached_property
    def surfaces(self) -> list[Surface]:
        return [Surface.of(example) for example in self.examples]

    @cached_property
    def batches(self) -> list[tuple[int, int]]:
        """An example's recording each."""
        return [(e, r) for e, one in enumerate(self.examples) for r in range(len(one.recordings))]


def entropy_loss(found: Tensor, true: Tensor) -> Tensor:
    """Of the spectra's entropies."""
    return (_entropy(found) - _entropy(true)).abs().mean()


def _entropy(signals: Tensor) -> Tensor:
    power = torch.fft.rfft(signals - signals.mean(-1, keepdim=True)).abs() ** 2 + 1e-8
    shares = power / power.sum(-1, keepdim=True)
    return -(shares * shares.log()).sum(-1)
