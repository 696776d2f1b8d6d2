"""The training itself: the same recipe, cohort and seed give the same weights, also after being
killed and begun again."""

import math
import time
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from twin.inverse.networks.infarct_net import InfarctNet
from twin.inverse.networks.optimiser import adamw
from twin.inverse.training.augmentation import Augmentation, noise_bank
from twin.inverse.training.checkpoint import Progress as Reached
from twin.inverse.training.checkpoint import State
from twin.inverse.training.examples import Batch, Examples, draw_batch
from twin.inverse.training.loss import loss, overlap_loss
from twin.inverse.training.recipe import TrainingRecipe
from twin.meshes.errors import TwinError
from twin.meshes.progress import Progress, silent
from twin.simulation.infarct import Zone

SAVED_EVERY = 120.0
"""Seconds between checkpoints: what a killed run loses."""

LONGEST_GRADIENT = 1.0
JUDGED = 4
"""Batches' worth of cases that are taken at once where nothing is learned."""


@dataclass(frozen=True, eq=False)
class Schooling:
    """A recipe applied to examples: those it learns from, and those by which it is judged."""

    recipe: TrainingRecipe
    taught: Examples
    judged: Examples
    device: torch.device

    @property
    def steps_an_epoch(self) -> int:
        return max(1, len(self.taught) // self.recipe.teaching.batch)

    @property
    def steps(self) -> int:
        return self.recipe.teaching.epochs * self.steps_an_epoch

    def begin(self) -> State:
        """The network before its first step."""
        teaching = self.recipe.teaching
        torch.manual_seed(teaching.seed)
        network = InfarctNet(self.recipe.network.sizes).to(self.device)
        optimiser = adamw(network.parameters(), teaching.rate, teaching.weight_decay)
        average, best = ({k: v.clone() for k, v in network.state_dict().items()} for _ in range(2))
        return State(network, average, best, optimiser, Reached(), self.identity)

    @property
    def identity(self) -> str:
        """Of the recipe and the examples: a checkpoint belongs to both."""
        said = self.recipe.model_dump_json().encode()
        seen = np.ascontiguousarray(self.taught.ecg[:: max(1, len(self.taught) // 64)])
        return sha256(said + seen.tobytes()).hexdigest()

    def run(self, folder: Path, progress: Progress = silent) -> State:
        """To the end of the recipe, or until it gets no better."""
        folder.mkdir(parents=True, exist_ok=True)
        state = self.begin()
        state.read(folder)
        state.network.to(self.device)
        saved = time.monotonic()
        for step in range(state.progress.step, self.steps):
            state.progress.losses.append(self._step(state, step))
            state.progress.step = step + 1
            progress("training", (step + 1) / self.steps)
            ended = (step + 1) % self.steps_an_epoch == 0
            if ended:
                self._judge(state, float(np.mean(state.progress.losses)))
                state.progress.losses = []
            if ended or time.monotonic() - saved > SAVED_EVERY:
                state.write(folder)
                saved = time.monotonic()
            if ended and self._hopeless(state.progress):
                break
        return state

    def _hopeless(self, reached: Reached) -> bool:
        return len(reached.curve) - 1 - reached.best >= self.recipe.teaching.patience

    def _step(self, state: State, step: int) -> float:
        teaching = self.recipe.teaching
        for group in state.optimiser.param_groups:
            group["lr"] = teaching.rate * self._pace(step)
        torch.manual_seed(teaching.seed * 1_000_003 + step)
        batch = self._batch(step).to(self.device)
        state.network.train()
        with self._precision():
            answers = state.network(*batch.inputs)
        value = loss(answers, batch.zones, batch.infarct)
        if not torch.isfinite(value):
            raise TwinError(
                f"the loss of step {step:,} is not a number; a smaller teaching.rate or "
                'precision = "single" may help. The last checkpoint is kept'
            )
        state.optimiser.zero_grad(set_to_none=True)
        value.backward()
        torch.nn.utils.clip_grad_norm_(state.network.parameters(), LONGEST_GRADIENT)
        state.optimiser.step()
        keep = min(teaching.average, (1 + step) / (10 + step))
        for name, weight in state.network.state_dict().items():
            state.average[name].lerp_(weight.to(state.average[name].device), 1 - keep)
        return float(value.detach())

    def _pace(self, step: int) -> float:
        """Up to the full rate, then down along half a cosine."""
        warm = max(1, round(self.recipe.teaching.warm_up * self.steps))
        if step < warm:
            return (step + 1) / warm
        return 0.5 * (1 + math.cos(math.pi * (step - warm) / max(1, self.steps - warm)))

    def _batch(self, step: int) -> Batch:
        """By seed and step alone, so that a run may be broken anywhere."""
        teaching = self.recipe.teaching
        epoch, place = divmod(step, self.steps_an_epoch)
        order = np.random.default_rng([teaching.seed, 1, epoch]).permutation(len(self.taught))
        cases = order[place * teaching.batch : (place + 1) * teaching.batch]
        random = np.random.default_rng([teaching.seed, 2, step])
        augmentation = Augmentation(teaching.leads_lost, clean=not teaching.new_recordings)
        beats, present = augmentation(
            self.taught.ecg[cases], self.taught.clean[cases], self._bank, random
        )
        return draw_batch(self.taught, cases, beats, present, teaching.nodes, random)

    @property
    def _bank(self) -> np.ndarray:
        found = vars(self).get("bank")
        if found is None:
            found = noise_bank(self.recipe.teaching.seed)
            vars(self)["bank"] = found
        return found

    def _precision(self):
        if self.recipe.teaching.precision == "single":
            return nullcontext()
        return torch.autocast(self.device.type, torch.bfloat16)

    def _judge(self, state: State, taught: float) -> None:
        """A row of the curve, by the averaged weights on examples of other hearts."""
        network = InfarctNet(self.recipe.network.sizes).to(self.device).eval()
        network.load_state_dict(state.average)
        rows = [self._judged(network, batch) for batch in self._judged_batches()]
        share = np.array([row.pop("cases") for row in rows])
        means = {k: float(np.average([r[k] for r in rows], weights=share)) for k in rows[0]}
        curve = state.progress.curve
        curve.append({"epoch": len(curve) + 1.0, "taught_loss": taught, **means})
        if means["judged_score"] >= max(row["judged_score"] for row in curve):
            state.progress.best = len(curve) - 1
            state.best = {k: v.clone() for k, v in state.average.items()}

    def _judged_batches(self) -> Iterator[Batch]:
        size = JUDGED * self.recipe.teaching.batch
        for first in range(0, len(self.judged), size):
            cases = np.arange(first, min(first + size, len(self.judged)))
            present = np.ones((len(cases), 8), bool)
            random = np.random.default_rng([3, first])
            count = self.recipe.teaching.nodes
            yield draw_batch(self.judged, cases, self.judged.ecg[cases], present, count, random)

    @torch.no_grad()
    def _judged(self, network: InfarctNet, given: Batch) -> dict[str, float]:
        batch = given.to(self.device)
        with self._precision():
            answers = network(*batch.inputs)
        value = loss(answers, batch.zones, batch.infarct)
        probabilities = answers.answer.float().softmax(dim=-1)
        lost = overlap_loss(probabilities, batch.zones, batch.infarct)
        answer = probabilities.argmax(dim=-1)
        scar, border = (_dice(answer, batch.zones, zone, batch.infarct) for zone in _SCORED)
        return {
            "cases": float(len(batch.infarct)),
            "judged_loss": float(value),
            "judged_overlap": float(lost),
            "judged_scar": scar,
            "judged_border": border,
            "judged_score": scar + border,
        }


_SCORED = (Zone.SCAR, Zone.BORDER)


def _dice(answer: Tensor, zones: Tensor, zone: Zone, infarct: Tensor) -> float:
    """Mean over the cases with an infarct, at the nodes that were drawn."""
    found, true = answer == zone, zones == zone
    both = (found & true).sum(dim=1)
    each = (2 * both / (found.sum(dim=1) + true.sum(dim=1)).clamp(min=1)).float()
    return float((each * infarct).sum() / infarct.sum().clamp(min=1))
