"""The whole answer to one patient's heart and ECG, as the report tells it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
from jaxtyping import Float

from twin.inverse.posterior import Posterior
from twin.meshes.heart import Heart

LEADS = ("I", "II", "V1", "V2", "V3", "V4", "V5", "V6")
RATE = 500.0
START = -40.0
"""Hz, and ms before the QRS's onset: of every beat here."""


class Answer(StrEnum):
    INFARCT = "infarct"
    HEALTHY = "no infarct found"
    UNKNOWN = "this ECG does not tell"


@dataclass(frozen=True)
class Verdict:
    """`confidence` is the expected Dice of the scar shown (of health: its probability)."""

    answer: Answer
    reason: str
    confidence: float


@dataclass(frozen=True, eq=False)
class Explanation:
    """Which lead at which moment speaks for scar: `relevance` (leads x time, of any unit, positive
    for scar), and for each AHA segment the share of each lead. `deletion` is what the expected
    scar falls by, %, when the most relevant and when as many random moments are taken out."""

    relevance: Float[np.ndarray, "8 time"]
    by_segment: Float[np.ndarray, "17 8"]
    deletion: tuple[float, float]


@dataclass(frozen=True, eq=False)
class Refinement:
    """Whether simulating the proposals brought them nearer to the measured ECG.

    Residuals are relative RMS of the QRS-T over all leads given: of the network's proposal and of
    what is shown. `resimulated` is the ECG of what is shown, mV.
    """

    kept: bool
    reason: str
    residual_before: float
    residual_after: float
    resimulated: Float[np.ndarray, "8 time"]


@dataclass(frozen=True, eq=False)
class Finding:
    """ECGs are mV, `LEADS` x time at `RATE` from `START`; leads that were not given are NaN in
    `measured`. `healthy_ecg` is this heart's simulated one without an infarct. `warnings` are of
    the input, in the order they arose. `card` describes the model; `origin` the files."""

    heart: Heart
    posterior: Posterior
    verdict: Verdict
    measured: Float[np.ndarray, "8 time"]
    healthy_ecg: Float[np.ndarray, "8 time"]
    refinement: Refinement | None = None
    explanation: Explanation | None = None
    warnings: tuple[str, ...] = ()
    card: Mapping[str, object] = field(default_factory=dict)
    origin: Mapping[str, object] = field(default_factory=dict)
    seconds: Mapping[str, float] = field(default_factory=dict)
