"""Leave-subjects-out cross-validation of forward models, every row on the same recordings."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from twin.inverse.forward_model.examples import Example, Recording
from twin.inverse.forward_model.field_net import FieldNet
from twin.inverse.forward_model.linear import CohortMean, IsotropicPseudoEcg, RidgeLeadField
from twin.inverse.forward_model.network import ForwardNet, mixing
from twin.inverse.forward_model.published import Surface, teach_published
from twin.inverse.forward_model.teaching import Teaching, answer, teach_conduction
from twin.meshes.files import whole_file
from twin.meshes.progress import Progress, silent

FOLDS = 5
RESAMPLED = 2000

OURS = (
    "ours",
    "ours, anatomy alone",
    "ours, true fields",
    "ours, true conductivities",
    "both true",
)
"""Rows that `ours` answers for: what has to beat the others, and what it would reach if it knew
more."""

Answer = Callable[[Example, Recording], Tensor]
Teach = Callable[[Sequence[Example], Progress], dict[str, Answer]]
"""From subjects to rows by name: one training may answer for several."""


def ours(field: FieldNet, teaching: Teaching) -> Teach:
    """With fields that were taught on other people than any of the examples. Beside it, what would
    be reached with the true fields, and with the true conductivities."""

    def made(examples: Sequence[Example], progress: Progress) -> dict[str, Answer]:
        net = teach_conduction(examples, field, teaching, progress)
        answers = (
            asked(net),
            asked(net, unread=True),
            asked(net, true_fields=True),
            asked(net, true_conductivities=True),
            asked(net, true_fields=True, true_conductivities=True),
        )
        return dict(zip(OURS, answers, strict=True))

    return made


def asked(
    net: ForwardNet,
    unread: bool = False,
    true_fields: bool = False,
    true_conductivities: bool = False,
) -> Answer:
    @torch.no_grad()
    def of(example: Example, recording: Recording) -> Tensor:
        if true_fields:
            fields = net.of_leads(example.fields)
        else:
            fields = net.fields(example.views, example.gradients)
        if true_conductivities:
            return net(fields, example.conductivities, recording.moments_at())
        return answer(net, example, recording, fields, unread)

    return of


def linear(examples: Sequence[Example], progress: Progress) -> dict[str, Answer]:
    leads = mixing()
    potentials, moments = (RidgeLeadField.of(examples, kind) for kind in (False, True))
    return {
        "pseudo-ECG, isotropic, gains fitted": IsotropicPseudoEcg.of(examples, leads).answer,
        "ridge lead field of potentials": potentials.answer,
        "ridge lead field of gradients": moments.answer,
        "cohort mean": CohortMean.of(examples).answer,
    }


def published(epochs: int) -> Teach:
    def made(examples: Sequence[Example], progress: Progress) -> dict[str, Answer]:
        taught = teach_published(examples, epochs, progress=progress)
        return {"published architecture": lambda e, r: taught.answer(Surface.of(e), r)}

    return made


@dataclass(frozen=True)
class Score:
    """Of one recording: sums over its times for each of twelve leads, from which R2 is had, alone
    or with other recordings of the subject. `power` is about each lead's mean."""

    subject: int
    rhythm: str
    miss: list[float]
    power: list[float]
    count: int
    apart: float
    """Mean absolute error, mV."""


@dataclass
class Scores:
    """Of one row."""

    recordings: list[Score] = field(default_factory=list)

    def of_subjects(self, rhythms: Sequence[str] = ()) -> Float[np.ndarray, "subjects 12"]:
        """R2 of each subject and lead, over all its recordings together."""
        chosen = [s for s in self.recordings if not rhythms or s.rhythm in rhythms]
        numbers = sorted({s.subject for s in chosen})
        sums = np.zeros((2, len(numbers), 12))
        for score in chosen:
            at = numbers.index(score.subject)
            sums[0, at] += score.miss
            sums[1, at] += score.power
        return 1 - sums[0] / np.maximum(sums[1], 1e-12)

    @property
    def beats(self) -> list[str]:
        """Rhythms with one front, as many as there are."""
        return sorted({s.rhythm for s in self.recordings} - {"reentry", "fibrillation"})

    @property
    def each(self) -> Float[np.ndarray, "recordings 12"]:
        """R2 of each recording and lead by itself."""
        miss, power = (
            np.array([getattr(s, k) for s in self.recordings]) for k in ("miss", "power")
        )
        return 1 - miss / np.maximum(power, 1e-12)

    @property
    def mean_error(self) -> float:
        return float(np.mean([s.apart for s in self.recordings]))


def cross_validate(
    examples: Sequence[Example],
    rows: Teach,
    folder: Path,
    progress: Progress = silent,
    folds: int = FOLDS,
) -> dict[str, Scores]:
    """Each subject is answered for by what was taught on the others' folds. A fold that lies in
    `folder` is not taught again."""
    found: dict[str, Scores] = {}
    for fold in range(folds):
        path = folder / f"fold_{fold}_of_{folds}.json"
        if not path.is_file():
            held = [e for k, e in enumerate(examples) if k % folds == fold]
            taught = [e for k, e in enumerate(examples) if k % folds != fold]
            scored = _scored(held, rows(taught, progress))
            with whole_file(path) as part:
                part.write_text(json.dumps(scored))
        for name, scores in json.loads(path.read_text()).items():
            row = found.setdefault(name, Scores())
            row.recordings += [Score(**one) for one in scores]
    return found


def _scored(held: Sequence[Example], answers: dict[str, Answer]) -> dict[str, list[dict]]:
    return {
        name: [vars(score(e, r, answer(e, r))) for e in held for r in e.recordings]
        for name, answer in answers.items()
    }


def score(example: Example, recording: Recording, found: Tensor) -> Score:
    true = recording.leads.double()
    off = found.double() - true
    about = true - true.mean(dim=1, keepdim=True)
    return Score(
        example.number,
        recording.rhythm,
        (off**2).sum(1).tolist(),
        (about**2).sum(1).tolist(),
        true.shape[1],
        float(off.abs().mean()),
    )


def interval(values: Float[np.ndarray, " subjects"], seed: int = 0) -> tuple[float, float, float]:
    """Mean and 95 % interval, by drawing subjects again."""
    random = np.random.default_rng(seed)
    drawn = values[random.integers(len(values), size=(RESAMPLED, len(values)))].mean(axis=1)
    low, high = np.percentile(drawn, [2.5, 97.5])
    return float(values.mean()), float(low), float(high)
