"""Teaching the learned forward model."""

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import torch
from torch import Tensor

from twin.inverse.forward_model.examples import FLOOR, Example, Recording
from twin.inverse.forward_model.network import ForwardNet, Sizes
from twin.inverse.networks.optimiser import adamw
from twin.inverse.training.checkpoint import Progress as Reached
from twin.inverse.training.checkpoint import State
from twin.meshes.errors import InputError
from twin.meshes.progress import Progress, silent

SAVED_EVERY = 60.0
"""Seconds between checkpoints: what a killed run loses."""
AT_ONCE = 160
"""Moments of a recording in one step."""
UNREAD = 0.25
"""Share of the steps in which the model is not told how fronts passed: it can do without."""


FIELD_WEIGHT, CONDUCTIVITY_WEIGHT = 3.0, 0.3
"""Of the errors of what the ECG is made from, beside that of the ECG."""
LEAST = 1e-3
"""S/m, so that there is a logarithm."""


@dataclass(frozen=True)
class Teaching:
    epochs: int = 40
    rate: float = 2e-3
    decay: float = 1e-3
    average: float = 0.995
    field: int = 128
    conduction: int = 96
    seed: int = 0

    def __post_init__(self) -> None:
        if not 1 <= self.epochs <= 10_000:
            raise InputError(f"epochs: {self.epochs}, expected 1 to 10,000")
        if self.seed < 0:
            raise InputError(f"seed {self.seed}: expected 0 or more")


def teach(
    examples: Sequence[Example],
    teaching: Teaching = Teaching(),
    progress: Progress = silent,
    folder: Path | None = None,
) -> ForwardNet:
    """The running average of the weights in the end; the same examples and seed give the same ones.
    With a `folder` it is kept there how far a run is, and a killed one goes on."""
    school = _School(examples, teaching)
    state = school.begin()
    if folder:
        state.read(folder)
    saved = time.monotonic()
    while len(state.progress.curve) < teaching.epochs:
        loss = school.epoch(state)
        row = {"epoch": len(state.progress.curve) + 1.0, "loss": loss}
        state.progress.curve.append(row)
        done = len(state.progress.curve) / teaching.epochs
        progress(f"epoch {len(state.progress.curve)}: loss {loss:.4f}", done)
        if folder and (time.monotonic() - saved > SAVED_EVERY or done == 1):
            state.write(folder)
            saved = time.monotonic()
    net = state.network
    assert isinstance(net, ForwardNet)
    net.load_state_dict(state.average)
    return net.eval()


@dataclass(frozen=True, eq=False)
class _School:
    examples: Sequence[Example]
    teaching: Teaching

    def begin(self) -> State:
        teaching = self.teaching
        torch.manual_seed(teaching.seed)
        net = begin(self.examples, teaching)
        optimiser = adamw(net.parameters(), teaching.rate, teaching.decay)
        average, best = ({k: v.clone() for k, v in net.state_dict().items()} for _ in range(2))
        numbers = [e.number for e in self.examples]
        said = repr((teaching, numbers, tuple(self.examples[0].views.shape)))
        identity = sha256(said.encode()).hexdigest()
        return State(net, average, best, optimiser, Reached(), identity)

    def epoch(self, state: State) -> float:
        """Each example once, in an order that hangs on the seed and the epoch alone."""
        teaching, net = self.teaching, state.network
        assert isinstance(net, ForwardNet)
        steps = teaching.epochs * len(self.examples)
        number = len(state.progress.curve)
        random = torch.Generator().manual_seed(1_000_003 * teaching.seed + number)
        total = 0.0
        for k in torch.randperm(len(self.examples), generator=random).tolist():
            for group in state.optimiser.param_groups:
                group["lr"] = teaching.rate * _pace(state.progress.step / steps)
            loss = loss_of(net, self.examples[k], random)
            state.optimiser.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            state.optimiser.step()
            for name, value in net.state_dict().items():
                state.average[name].lerp_(value, 1 - teaching.average)
            state.progress.step += 1
            total += loss.item()
        return total / len(self.examples)


def begin(examples: Sequence[Example], teaching: Teaching) -> ForwardNet:
    """Before the first step: an endless medium and ordinary tissue."""
    if not examples:
        raise InputError("no examples to teach from")
    first = examples[0]
    sizes = Sizes(first.views.shape[2], first.tissue.shape[1], teaching.field, teaching.conduction)
    net = ForwardNet(sizes)
    views = torch.cat([e.views[:, ::7].flatten(0, 1) for e in examples])
    net.view_mean = views.mean(0)
    net.view_scale = views.std(0).clamp_min(0.03)
    return net


def loss_of(net: ForwardNet, example: Example, random: torch.Generator) -> Tensor:
    """Mean over recordings and leads of the share of the variance that is not explained, and how
    far fields and conductivities are from the true ones."""
    fields = net.fields(example.views, example.gradients)
    true = torch.einsum("le,epx->lpx", net.leads, example.fields)
    # Potentials on a surface have no slope across it: what fields do there does not matter.
    missed, whole = (_within(x, example.normals) for x in (fields - true, true))
    off = (missed**2).sum(-1).mean(1) / (whole**2).sum(-1).mean(1)
    losses = [FIELD_WEIGHT * off.mean()]
    count = len(example.recordings)
    for recording in example.recordings:
        unread = bool(torch.rand((), generator=random) < UNREAD)
        passage = None if unread else recording.passage
        found = net.conductivities(example.tissue, example.areas, example.near, passage)
        apart = (found / (example.conductivities + LEAST)).log() ** 2
        times = some_times(recording.leads.shape[1], random)
        signals = net(fields, found, recording.moments_at(times))
        miss = ((signals - recording.leads[:, times]) ** 2).mean(dim=1)
        variance = recording.variance
        share = miss / variance.clamp_min(FLOOR * variance.mean())
        losses.append((share.mean() + CONDUCTIVITY_WEIGHT * apart.mean()) / count)
    return torch.stack(losses).sum()


def _within(fields: Tensor, normals: Tensor) -> Tensor:
    return fields - (fields * normals).sum(-1, keepdim=True) * normals


def some_times(count: int, random: torch.Generator) -> slice:
    """About `AT_ONCE` of so many, evenly."""
    every = max(1, round(count / AT_ONCE))
    return slice(int(torch.randint(every, (), generator=random)), None, every)


def answer(
    net: ForwardNet,
    example: Example,
    recording: Recording,
    fields: Tensor,
    unread: bool = False,
    times: slice = slice(None),
) -> Tensor:
    passage = None if unread else recording.passage
    conductivities = net.conductivities(example.tissue, example.areas, example.near, passage)
    return net(fields, conductivities, recording.moments_at(times))


def _pace(done: float) -> float:
    """Warming up, then a cosine."""
    return min(1.0, done / 0.03) * (0.02 + 0.98 * (1 + math.cos(math.pi * done)) / 2)
