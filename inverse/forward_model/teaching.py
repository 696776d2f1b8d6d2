"""Teaching the learned forward model."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from twin.inverse.forward_model.examples import FLOOR, Example, Recording
from twin.inverse.forward_model.network import ForwardNet, Sizes
from twin.inverse.networks.optimiser import adamw
from twin.meshes.errors import InputError
from twin.meshes.progress import Progress, silent

AT_ONCE = 160
"""Moments of a recording in one step."""
UNREAD = 0.25
"""Share of the steps in which the model is not told how fronts passed: it can do without."""


FIELD_WEIGHT, CONDUCTIVITY_WEIGHT = 1.0, 0.1
"""Of the errors of what the ECG is made from, beside that of the ECG."""
LEAST = 1e-3
"""S/m, so that there is a logarithm."""


@dataclass(frozen=True)
class Teaching:
    epochs: int = 100
    rate: float = 2e-3
    decay: float = 1e-3
    average: float = 0.995
    field: int = 96
    conduction: int = 64
    seed: int = 0

    def __post_init__(self) -> None:
        if self.epochs < 1:
            raise InputError(f"epochs: {self.epochs}, expected 1 or more")


def teach(
    examples: Sequence[Example], teaching: Teaching = Teaching(), progress: Progress = silent
) -> ForwardNet:
    """The average of the weights in the end; the same examples and seed give the same ones."""
    random = torch.Generator().manual_seed(teaching.seed)
    torch.manual_seed(teaching.seed)
    net = begin(examples, teaching)
    optimiser = adamw(net.parameters(), teaching.rate, teaching.decay)
    steps = teaching.epochs * len(examples)
    averaged = torch.optim.swa_utils.AveragedModel(
        net, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(teaching.average)
    )
    step = 0
    for epoch in range(teaching.epochs):
        total = 0.0
        for k in torch.randperm(len(examples), generator=random).tolist():
            for group in optimiser.param_groups:
                group["lr"] = teaching.rate * _pace(step / steps)
            loss = loss_of(net, examples[k], random)
            optimiser.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            optimiser.step()
            averaged.update_parameters(net)
            total += loss.item()
            step += 1
        progress(f"epoch {epoch + 1}: loss {total / len(examples):.4f}", step / steps)
    taught = averaged.module
    assert isinstance(taught, ForwardNet)
    return taught.eval()


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
    off = ((fields - true) ** 2).sum(-1).mean(1) / (true**2).sum(-1).mean(1)
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
