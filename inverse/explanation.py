"""Which leads and moments of an ECG speak for scar: integrated gradients (Sundararajan et al. 2017)
from this heart's own healthy ECG to the measured one, and whether taking them out matters."""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from twin.inverse.beat import levelled
from twin.inverse.finding import Explanation
from twin.inverse.inference import Inference
from twin.inverse.lattice import LATTICE, PLACES
from twin.inverse.model import Model
from twin.inverse.training.examples import Ground
from twin.simulation.infarct import Zone

STEPS = 4
"""Points of the way from the healthy to the measured ECG."""

PIECE = 10
"""Samples that are taken out together in the check: 20 ms."""

TAKEN = 0.1
"""Share of all pieces that the check takes out."""

RANDOM = 8
"""Random choices of as many pieces that it compares with."""


def explain(inference: Inference) -> Explanation:
    """Of what the network says of each segment's scar."""
    measured = inference.measured
    with _one_thread():
        return explain_beat(inference.model, inference.ground, measured.signals, measured.present)


@contextmanager
def _one_thread() -> Iterator[None]:
    """Hundreds of short passes: threads that wait for one another beside other work take up to
    thirty times as long."""
    usual = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(usual)


def explain_beat(
    model: Model,
    ground: Ground,
    beat: Float[np.ndarray, "8 time"],
    present: Bool[np.ndarray, " 8"],
) -> Explanation:
    asked = _Question(model, ground, present)
    healthy = np.where(present[:, None], levelled(ground.portrait.reference), 0.0)
    seen = np.where(present[:, None], beat, 0.0)
    relevance = asked.mean_gradients(_way(healthy, seen)) * (seen - healthy)
    by_segment = np.abs(relevance).sum(axis=2)
    by_segment /= np.maximum(by_segment.sum(axis=1, keepdims=True), 1e-12)
    whole = np.einsum("s,slt->lt", asked.shares_of_mass, relevance)
    return Explanation(whole, by_segment, _deletion(asked, seen, healthy, whole, present))


def _way(start: np.ndarray, end: np.ndarray) -> np.ndarray:
    return np.stack([start + (k + 0.5) / STEPS * (end - start) for k in range(STEPS)])


class _Question:
    """How much scar the network believes to be in each segment, of an ECG on this heart."""

    def __init__(self, model: Model, ground: Ground, present: Bool[np.ndarray, " 8"]) -> None:
        self.model, self.ground = model, ground
        portrait = ground.portrait
        self.present = torch.from_numpy(present)[None]
        self.portrait = torch.from_numpy(portrait.features)[None]
        self.reference = torch.from_numpy(levelled(portrait.reference))[None]
        member = (LATTICE.segments[:, None] == np.arange(1, 18)) * portrait.placement.masses[
            :, None
        ]
        self.shares_of_mass = member.sum(axis=0) / max(member.sum(), 1e-9)
        self.member = torch.from_numpy((member / np.maximum(member.sum(axis=0), 1e-9)).astype("f4"))

    def scar(self, beats: Tensor) -> Tensor:
        """Share of each segment: beats x 17."""
        network, count = self.model.network, len(beats)
        present, portrait, reference = (
            one.expand(count, *one.shape[1:])
            for one in (self.present, self.portrait, self.reference)
        )
        latent, _ = network.places(beats, present, portrait, reference)
        places = (one.expand(count, -1, -1) for one in self.model.places)
        belief, _ = network.at_nodes(latent, *places)
        probability = (belief / self.model.calibration.temperature).softmax(dim=-1)
        return probability[:, :PLACES, Zone.SCAR] @ self.member

    def mean_gradients(
        self, beats: Float[np.ndarray, "beats 8 time"]
    ) -> Float[np.ndarray, "17 8 time"]:
        given = torch.from_numpy(beats.astype(np.float32)).requires_grad_()
        sums = self.scar(given).sum(dim=0)
        rows = [torch.autograd.grad(one, given, retain_graph=True)[0].mean(dim=0) for one in sums]
        return torch.stack(rows).numpy()

    @torch.no_grad()
    def total(self, beat: Float[np.ndarray, "8 time"]) -> float:
        scar = self.scar(torch.from_numpy(beat.astype(np.float32))[None])[0].numpy()
        return float(scar @ self.shares_of_mass)


def _deletion(asked: _Question, seen, healthy, relevance, present) -> tuple[float, float]:
    """What the expected scar falls by, %, when the pieces that speak for it most are replaced by
    the healthy ECG's, and when as many random ones are."""
    count = seen.shape[1] // PIECE
    pieces = relevance[:, : count * PIECE].reshape(8, count, PIECE).sum(axis=2)
    pieces = np.where(present[:, None], pieces, -np.inf)
    taken = max(1, round(TAKEN * present.sum() * count))
    before = asked.total(seen)
    random = np.random.default_rng(0)
    there = np.flatnonzero(np.isfinite(pieces.ravel()))
    most = np.argsort(pieces.ravel())[::-1][:taken]
    others = [random.choice(there, taken, replace=False) for _ in range(RANDOM)]
    falls = [before - asked.total(_without(seen, healthy, c, count)) for c in (most, *others)]
    scale = 100 / max(before, 1e-9)
    return scale * falls[0], scale * float(np.mean(falls[1:]))


def _without(seen: np.ndarray, healthy: np.ndarray, chosen: np.ndarray, count: int) -> np.ndarray:
    mask = np.zeros(8 * count, bool)
    mask[chosen] = True
    wide = np.zeros(seen.shape, bool)
    wide[:, : count * PIECE] = np.repeat(mask.reshape(8, count), PIECE, axis=1)
    return np.where(wide, healthy, seen)
