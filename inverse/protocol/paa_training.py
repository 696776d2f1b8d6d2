"""PAA-Net taught on a cohort's training part, within minutes on one core.

What makes it affordable changes little of what is learned: a heart's points are encoded once for
several of its ECGs, and of the 4,096 points that are read `decoded` random ones are answered for
in each step, so that the loss is an estimate of the published one from fewer points. A case takes
15 to 25 ms of one core. Reductions against the published schedule: `epochs` instead of 200, and
with them a higher `rate` that falls to nought (1e-4, halved now and then, learns next to nothing in
so few steps), gradients no longer than 1, and steps of 18 cases instead of 4.
"""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from twin.inverse.networks.losses import mended_loss, published_loss
from twin.inverse.networks.optimiser import adam
from twin.inverse.networks.paa_net import PAANet, carrying
from twin.inverse.protocol.paa_cloud import Cloud, clouds, together
from twin.inverse.protocol.paa_signals import Kind, signals
from twin.inverse.protocol.part import Part
from twin.inverse.training.checkpoint import Progress, State
from twin.meshes.files import whole_file

SAVED_EVERY = 120.0
"""Seconds between checkpoints."""

WEIGHTS, CARD = "network.safetensors", "network.json"


@dataclass(frozen=True)
class Schedule:
    """A step has `anatomies` hearts with `each` ECGs each. The `rate` rises over the first
    twentieth of the steps and falls to nought as a cosine."""

    kind: Kind
    seed: int = 0
    epochs: int = 20
    points: int = 4096
    decoded: int = 512
    anatomies: int = 3
    each: int = 6
    rate: float = 1e-3
    decay: float = 1e-3

    @property
    def mended(self) -> bool:
        return self.kind is not Kind.PUBLISHED


Report = Callable[[dict[str, float]], None]


def train(schedule: Schedule, part: Part, folder: Path, report: Report = lambda _: None) -> PAANet:
    """The network, also written to `folder` with a card of how it came about. Called again after
    any interruption it goes on; `report` is told of each epoch."""
    torch.manual_seed(schedule.seed)
    network = PAANet(schedule.mended).train()
    optimiser = adam(network.parameters(), schedule.rate, schedule.decay)
    state = State(network, {}, {}, optimiser, Progress(), identity_of(schedule, part))
    state.read(folder)
    ecg = torch.from_numpy(signals(part, schedule.kind))
    per_epoch = len(steps_of(part, schedule, 0))
    saved = time.monotonic()
    for epoch in range(state.progress.step // per_epoch, schedule.epochs):
        begun, losses = time.process_time(), []
        done = state.progress.step - epoch * per_epoch
        for batch in batches(part, ecg, schedule, epoch, done):
            share = state.progress.step / (per_epoch * schedule.epochs)
            losses.append(_step(state, schedule, batch, share))
            state.progress.step += 1
            if time.monotonic() - saved > SAVED_EVERY:
                state.write(folder)
                saved = time.monotonic()
        said = {"epoch": epoch + 1.0, "loss": float(np.mean(losses or [np.nan]))}
        # Processor time: what else the machine does at the moment is no part of it.
        spent = round(time.process_time() - begun, 1)
        state.progress.curve.append({**said, "processor_seconds": spent})
        report(state.progress.curve[-1])
    _write(state, schedule, part, folder)
    return network.eval()


def identity_of(schedule: Schedule, part: Part) -> str:
    """Of what is taught to whom: another one's checkpoint is not taken for one's own."""
    said = json.dumps(asdict(schedule), sort_keys=True).encode()
    return sha256(said + part.table["seed"].tobytes()).hexdigest()


class Batch(NamedTuple):
    """Hearts and their ECGs, `each` of a heart one after the other. `shown` are the points to
    answer for (hearts, decoded), `zones` (ECGs, decoded)."""

    hearts: list[Cloud]
    shown: Tensor
    right: Tensor
    ecg: Tensor
    zones: Tensor


def steps_of(part: Part, schedule: Schedule, epoch: int) -> list[Int[np.ndarray, "hearts each"]]:
    """Cases of each step of an epoch: all of a heart's, in chance order, in companies of `each`,
    the last filled up with some that were already."""
    random = np.random.default_rng([schedule.seed, 2, epoch])
    companies = []
    for one in range(len(part.anatomies)):
        own = random.permutation(np.flatnonzero(part.anatomy == one))
        count = -(-len(own) // schedule.each)
        companies += np.resize(own, (count, schedule.each)).tolist()
    order = random.permutation(np.array(companies))
    return [order[k : k + schedule.anatomies] for k in range(0, len(order), schedule.anatomies)]


def batches(part: Part, ecg: Tensor, schedule: Schedule, epoch: int, done: int) -> Iterator[Batch]:
    """Of an epoch, without those already done. Clouds are drawn anew for each epoch."""
    seed = [schedule.seed, 3, epoch]
    known = clouds(part.anatomies, schedule.mended, schedule.points, seed)
    steps = steps_of(part, schedule, epoch)
    for number in range(done, len(steps)):
        cases = steps[number]
        random = np.random.default_rng([schedule.seed, 4, epoch, number])
        hearts = part.anatomy[cases[:, 0]]
        some = [known[k] for k in hearts]
        count = min(schedule.decoded, schedule.points)
        shown = np.stack([random.choice(len(c.nodes), count, replace=False) for c in some])
        nodes = [c.nodes[at] for c, at in zip(some, shown, strict=True)]
        zones = [part.zones[k][n] for own, n in zip(cases, nodes, strict=True) for k in own]
        right = [
            part.anatomies[k].coordinates.ventricle[n] == 1
            for k, n in zip(hearts, nodes, strict=True)
        ]
        yield Batch(
            some,
            torch.from_numpy(shown),
            torch.from_numpy(np.stack(right).astype(np.float32)),
            ecg[torch.from_numpy(cases.ravel())],
            torch.from_numpy(np.stack(zones).astype(np.int64)),
        )


def _step(state: State, schedule: Schedule, batch: Batch, share: float) -> float:
    for one in state.optimiser.param_groups:
        one["lr"] = schedule.rate * min(share / 0.05 + 0.02, 0.5 + 0.5 * np.cos(np.pi * share))
    state.optimiser.zero_grad()
    loss = loss_of(state.network, schedule, batch)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(state.network.parameters(), 1.0)
    state.optimiser.step()
    return loss.item()


def loss_of(network, schedule: Schedule, batch: Batch) -> Tensor:
    features, groups = together(batch.hearts)
    shown = torch.stack([own[at] for own, at in zip(features, batch.shown, strict=True)])
    times = len(batch.ecg) // len(features)
    with fast():
        shape = network.shape(features, groups)
        shares = carrying(shown[..., :3], shape.few).repeat_interleave(times, dim=0)
        own = shown.repeat_interleave(times, dim=0)
        carried = network.carried(shape.repeated(times), network.signal(batch.ecg))
        logits = network.answer(carried, own, shares)
    taught = mended_loss if schedule.mended else published_loss
    right = batch.right.repeat_interleave(times, dim=0)
    return taught(logits.float(), batch.zones, own[..., :3], right)


def fast() -> AbstractContextManager:
    """Products in half precision where the processor has units for them: ten times as fast."""
    has = getattr(torch.cpu, "_is_amx_tile_supported", lambda: False)()
    return torch.autocast("cpu", torch.bfloat16) if has else nullcontext()


def _write(state: State, schedule: Schedule, part: Part, folder: Path) -> None:
    """Weights, and beside them what they are."""
    from safetensors.torch import save

    state.write(folder)
    card = {
        "schedule": asdict(schedule),
        "cases": len(part),
        "anatomies": len(part.anatomies),
        "identity": state.identity,
        "curve": state.progress.curve,
    }
    weights = {k: v.contiguous() for k, v in state.network.state_dict().items()}
    with whole_file(folder / WEIGHTS) as path:
        path.write_bytes(save(weights))
    with whole_file(folder / CARD) as path:
        path.write_text(json.dumps(card, indent=1))
