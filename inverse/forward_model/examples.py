"""An atrial cohort in memory, as forward models are taught it."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from twin.inverse.forward_model.evidence import Evidence
from twin.inverse.forward_model.portrait import AtrialPortrait
from twin.meshes.errors import InputError
from twin.meshes.progress import Progress, silent
from twin.simulation.atria.cohort import AtrialCohort, StoredSubject, StoredTake
from twin.simulation.atria.takes import INTERVAL
from twin.simulation.lead_field import twelve_leads

FLOOR = 0.1
"""Of the mean variance of a recording's leads: a lead that shows next to nothing is judged by it
when the network is taught. Scores have no floor."""


@dataclass(frozen=True, eq=False)
class Recording:
    """One take: moments as numbers of half precision times `scale` (turned into the body's axes and
    times the wall's thickness), and the twelve leads."""

    rhythm: str
    moments: Tensor
    scale: float
    means: Tensor
    evidence: Evidence
    leads: Tensor

    def moments_at(self, times: slice = slice(None)) -> Tensor:
        return self.moments[..., times].float() * self.scale

    @property
    def variance(self) -> Tensor:
        """Of each lead."""
        return self.leads.var(dim=1, correction=0)


@dataclass(frozen=True, eq=False)
class Example:
    number: int
    portrait: AtrialPortrait
    views: Tensor
    gradients: Tensor
    tissue: Tensor
    areas: Tensor
    near: Tensor
    normals: Tensor
    fields: Tensor
    """The true gradients, as `portrait.gradients`, and conductivities, of each patch."""
    conductivities: Tensor
    recordings: tuple[Recording, ...]


def read_examples(cohort: AtrialCohort, progress: Progress = silent) -> list[Example]:
    if not len(cohort):
        raise InputError(f"{cohort.folder}: no subject of it has been made yet")
    examples = []
    for place, subject in enumerate(cohort):
        progress("reading the cohort", place / len(cohort))
        examples.append(example_of(subject))
    return examples


def example_of(subject: StoredSubject) -> Example:
    portrait = AtrialPortrait.of(subject.patches, subject.electrodes)
    recordings = []
    for take in subject.takes:
        moments = portrait.turned(take.moments).astype(np.float16)
        recordings.append(
            Recording(
                take.rhythm,
                torch.from_numpy(moments),
                take.scale,
                torch.from_numpy(take.means),
                _evidence(portrait, take),
                torch.from_numpy((twelve_leads() @ take.leads).astype(np.float32)),
            )
        )
    return Example(
        subject.number,
        portrait,
        torch.from_numpy(portrait.views),
        torch.from_numpy(portrait.gradients),
        torch.from_numpy(portrait.tissue),
        torch.from_numpy(portrait.areas),
        torch.from_numpy(portrait.near),
        torch.from_numpy(portrait.normals),
        torch.from_numpy((subject.fields @ portrait.frame.T).astype(np.float32)),
        torch.from_numpy(subject.conductivities),
        tuple(recordings),
    )


def _evidence(portrait: AtrialPortrait, take: StoredTake) -> Evidence:
    means = take.means.astype(np.float32)
    gradients = take.moments[:, 0].astype(np.float32) * take.scale
    gradients /= portrait.areas[:, None, None]
    return Evidence.of(portrait, take.passage, means, gradients, INTERVAL)
