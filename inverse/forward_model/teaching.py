"""Teaching the learned forward model, in two stages.

The fields are learned from as many bodies as there are; the conductivities from recordings, with
the true fields. Taught together, the fields bend until they make up for conductivities that were
read wrongly: on the subjects that were taught R2 was then 0.98, on others 0.95.
"""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Generic, TypeVar

import torch
from torch import Tensor, nn

from twin.inverse.forward_model.examples import FLOOR, Example, Recording
from twin.inverse.forward_model.field_net import FieldNet
from twin.inverse.forward_model.network import ForwardNet, Sizes, mixing
from twin.inverse.networks.optimiser import adamw
from twin.inverse.training.checkpoint import Progress as Reached
from twin.inverse.training.checkpoint import State
from twin.meshes.errors import InputError
from twin.meshes.progress import Progress, silent

Lesson = TypeVar("Lesson")

SAVED_EVERY = 60.0
"""Seconds between checkpoints: what a killed run loses."""
SEEN = 300
"""Patches of a body in one step."""
AT_ONCE = 100
"""Moments of a recording in one step."""
CONDUCTIVITY_WEIGHT = 0.3
"""Of the errors of the conductivities, beside that of the ECG."""
LEAST = 1e-3
"""S/m, so that there is a logarithm."""


@dataclass(frozen=True)
class Teaching:
    """`field_epochs` of the first stage and `epochs` of the second; widths of both networks."""

    epochs: int = 25
    field_epochs: int = 80
    rate: float = 2e-3
    decay: float = 1e-3
    average: float = 0.995
    field: int = 256
    conduction: int = 96
    seed: int = 0

    def __post_init__(self) -> None:
        for name, count in (("epochs", self.epochs), ("field epochs", self.field_epochs)):
            if not 1 <= count <= 10_000:
                raise InputError(f"{name}: {count}, expected 1 to 10,000")
        if self.seed < 0:
            raise InputError(f"seed {self.seed}: expected 0 or more")


def teach(
    examples: Sequence[Example],
    bodies: Sequence[Example] = (),
    teaching: Teaching = Teaching(),
    progress: Progress = silent,
    folder: Path | None = None,
) -> ForwardNet:
    """Fields from the bodies, or where there are none from the `examples`; conductivities from
    these."""
    places = (folder / "field", folder / "conduction") if folder else (None, None)
    field = teach_field(bodies or examples, teaching, progress, places[0])
    return teach_conduction(examples, field, teaching, progress, places[1])


def teach_field(
    bodies: Sequence[Example],
    teaching: Teaching = Teaching(),
    progress: Progress = silent,
    folder: Path | None = None,
) -> FieldNet:
    net = begin(bodies, teaching).field
    leads = mixing()

    def loss(body: Example, random: torch.Generator) -> Tensor:
        some = torch.randint(len(body.areas), (SEEN,), generator=random)
        found = net(body.views[:, some], body.gradients[:, some])
        return field_error(leads, found, body.fields[:, some], body.normals[some])

    names = [body.number for body in bodies]
    school = _School(net, bodies, loss, teaching.field_epochs, teaching, f"field {names}")
    school.teach(progress, folder)
    return net


def teach_conduction(
    examples: Sequence[Example],
    field: FieldNet,
    teaching: Teaching = Teaching(),
    progress: Progress = silent,
    folder: Path | None = None,
) -> ForwardNet:
    net = begin(examples, teaching)
    net.field.load_state_dict(field.state_dict())
    lessons = [(example, recording) for example in examples for recording in example.recordings]

    def loss(lesson: tuple[Example, Recording], random: torch.Generator) -> Tensor:
        return loss_of(net, *lesson, random)

    names = [(example.number, recording.rhythm) for example, recording in lessons]
    school = _School(
        net.conduction, lessons, loss, teaching.epochs, teaching, f"conduction {names}"
    )
    school.teach(progress, folder)
    return net.eval()


def begin(examples: Sequence[Example], teaching: Teaching) -> ForwardNet:
    """Before the first step: an endless medium and ordinary tissue."""
    if not examples:
        raise InputError("no examples to teach from")
    torch.manual_seed(teaching.seed)
    first = examples[0]
    sizes = Sizes(first.views.shape[2], first.tissue.shape[1], teaching.field, teaching.conduction)
    net = ForwardNet(sizes)
    net.field.fit_scales(torch.cat([e.views[:, ::7].flatten(0, 1) for e in examples]))
    fronts = [r.evidence.fronts for e in examples for r in e.recordings]
    if fronts:
        net.conduction.fronts.fit_scales(fronts)
    return net


@dataclass(frozen=True, eq=False)
class _School(Generic[Lesson]):
    """Lesson after lesson, so many `epochs`. In the end the network has the running average of its
    weights; the same lessons, as `content` says them, and the same seed give the same ones."""

    network: nn.Module
    lessons: Sequence[Lesson]
    loss: Callable[[Lesson, torch.Generator], Tensor]
    epochs: int
    teaching: Teaching
    content: str

    def teach(self, progress: Progress, folder: Path | None) -> None:
        """With a `folder` it is kept there how far a run is, and a killed one goes on."""
        state = self._begin()
        if folder:
            folder.mkdir(parents=True, exist_ok=True)
            state.read(folder)
        saved = time.monotonic()
        while (number := len(state.progress.curve)) < self.epochs:
            loss = self._epoch(state, number)
            state.progress.curve.append({"epoch": number + 1.0, "loss": loss})
            done = (number + 1) / self.epochs
            progress(f"{self.content.split()[0]}, epoch {number + 1}: loss {loss:.4f}", done)
            if folder and (time.monotonic() - saved > SAVED_EVERY or done == 1):
                state.write(folder)
                saved = time.monotonic()
        self.network.load_state_dict(state.average)

    def _begin(self) -> State:
        optimiser = adamw(self.network.parameters(), self.teaching.rate, self.teaching.decay)
        average, best = (
            {k: v.clone() for k, v in self.network.state_dict().items()} for _ in range(2)
        )
        shapes = {name: tuple(value.shape) for name, value in average.items()}
        identity = sha256(repr((self.content, self.teaching, shapes)).encode()).hexdigest()
        return State(self.network, average, best, optimiser, Reached(), identity)

    def _epoch(self, state: State, number: int) -> float:
        """Each lesson once, in an order that hangs on the seed and the epoch alone."""
        steps = self.epochs * len(self.lessons)
        random = torch.Generator().manual_seed(1_000_003 * self.teaching.seed + number)
        total = 0.0
        for k in torch.randperm(len(self.lessons), generator=random).tolist():
            for group in state.optimiser.param_groups:
                group["lr"] = self.teaching.rate * _pace(state.progress.step / steps)
            loss = self.loss(self.lessons[k], random)
            state.optimiser.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
            state.optimiser.step()
            for name, value in self.network.state_dict().items():
                state.average[name].lerp_(value, 1 - self.teaching.average)
            state.progress.step += 1
            total += loss.item()
        return total / len(self.lessons)


def field_error(leads: Tensor, found: Tensor, true: Tensor, normals: Tensor) -> Tensor:
    """Share of the power of the true fields that is missed, mean over leads. Potentials on a
    surface have no slope across it: what fields do there does not matter."""
    missed, whole = (
        _within(torch.einsum("le,epx->lpx", leads, x), normals) for x in (found - true, true)
    )
    return ((missed**2).sum(-1).mean(1) / (whole**2).sum(-1).mean(1)).mean()


def _within(fields: Tensor, normals: Tensor) -> Tensor:
    return fields - (fields * normals).sum(-1, keepdim=True) * normals


def loss_of(
    net: ForwardNet, example: Example, recording: Recording, random: torch.Generator
) -> Tensor:
    """Mean over leads of the share of the variance that is not explained, and how far the
    conductivities are from the true ones; as read from the recording, and from the anatomy."""
    times = some_times(recording.leads.shape[1], random)
    moments, true = recording.moments_at(times), recording.leads[:, times]
    fields = net.of_leads(example.fields)
    power = recording.variance.clamp_min(FLOOR * recording.variance.mean())
    losses = []
    for evidence in (recording.evidence, None):
        found = net.conductivities(example.tissue, example.areas, example.near, evidence)
        apart = (found / (example.conductivities + LEAST)).log() ** 2
        missed = ((net(fields, found, moments) - true) ** 2).mean(dim=1)
        losses.append((missed / power).mean() + CONDUCTIVITY_WEIGHT * apart.mean())
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
    evidence = None if unread else recording.evidence
    conductivities = net.conductivities(example.tissue, example.areas, example.near, evidence)
    return net(fields, conductivities, recording.moments_at(times))


def _pace(done: float) -> float:
    """Warming up, then a cosine."""
    return min(1.0, done / 0.03) * (0.02 + 0.98 * (1 + math.cos(math.pi * done)) / 2)
