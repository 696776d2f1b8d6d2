"""Calibration of a model on patients that it was not taught with."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int

from twin.inverse.calibration import Calibration, best_temperature, margin, set_level
from twin.inverse.model import Model, Reading, expected_dice, softmax
from twin.inverse.posterior import Estimate, Posterior
from twin.inverse.scores import Truth, true_figures
from twin.inverse.training.examples import Examples
from twin.meshes.progress import Progress, silent
from twin.simulation.infarct import Zone

NODES = 200
"""Of each case, for temperature and set level."""

SLACKS = (3e-4, 3e-3, 1e-2, 3e-2, 1e-1)
TRIED = 100
"""Cases by which a slack is chosen."""

SPARED = 0.93
"""Share of healthy patients that are to be called healthy."""

WORTH_TELLING = 0.10
"""Share of patients with an infarct, those of the least expected Dice, about whom the model is to
say that their ECG does not tell."""

FIGURES = ("burden", "transmurality", "segment")


@dataclass(frozen=True, eq=False)
class CaseRead:
    """A case of known truth, with what the model says of it."""

    case: int
    reading: Reading
    zones: Int[np.ndarray, " nodes"]


def read_cases(model: Model, examples: Examples, progress: Progress = silent) -> list[CaseRead]:
    """Every case as recorded, with all its leads."""
    there = np.ones(8, bool)
    found = []
    for k in range(len(examples)):
        ground = examples.grounds[examples.owner[k]]
        reading = model.read_beat(ground, examples.ecg[k], there)
        found.append(CaseRead(k, reading, examples.zones[k]))
        progress("reading", (k + 1) / len(examples))
    return found


def calibrate(model: Model, examples: Examples, progress: Progress = silent) -> Model:
    """The model with the calibration that these cases ask for."""
    cases = read_cases(model, examples, progress)
    logits, zones = _some_nodes(cases)
    temperature = best_temperature(logits, zones)
    level = set_level(softmax(logits / temperature), zones)
    found = {
        "temperature": temperature,
        "set_level": level,
        "infarct_from": _threshold(cases),
        "margins": {},
    }
    calibration = model.calibration.model_copy(update=found)
    slack = min(SLACKS, key=lambda s: _misfit(model, examples, cases, calibration, s))
    model = model.calibrated(calibration.model_copy(update={"slack": slack}))
    margins, told = _margins(model, examples, cases)
    last = model.calibration.model_copy(update={"margins": margins, "told_from": told})
    return model.calibrated(last)


def _some_nodes(cases: list[CaseRead]):
    random = np.random.default_rng(0)
    picks = [random.integers(len(c.zones), size=NODES) for c in cases]
    logits = np.concatenate([c.reading.belief[p] for c, p in zip(cases, picks, strict=True)])
    zones = np.concatenate([c.zones[p] for c, p in zip(cases, picks, strict=True)])
    return logits, zones.astype(int)


def _threshold(cases: list[CaseRead]) -> float:
    """Probability of an infarct that `SPARED` of the healthy stay below."""
    healthy = [c.reading.infarct for c in cases if not (c.zones == Zone.SCAR).any()]
    return float(np.quantile(healthy, SPARED)) if healthy else 0.5


def _misfit(model, examples, cases, calibration: Calibration, slack: float) -> float:
    """Mean pinball loss of the burden's and the segments' intervals, before any margin."""
    tried = model.calibrated(calibration.model_copy(update={"slack": slack}))
    some = cases[:: max(1, len(cases) // TRIED)]
    losses = [
        _pinball(true, said.low, 0.05) + _pinball(true, said.high, 0.95)
        for case in some
        for name, true, said in stated(tried, examples, case)
        if name != "transmurality" and np.isfinite(true)
    ]
    return float(np.mean(losses))


def _pinball(true: float, quantile: float, level: float) -> float:
    above = true - quantile
    return max(level * above, (level - 1) * above)


def stated(
    model: Model, examples: Examples, case: CaseRead
) -> Iterator[tuple[str, float, Estimate]]:
    """Each figure of a case by name: the true one and what is said of it."""
    ground = examples.grounds[examples.owner[case.case]]
    posterior = model.posterior(ground, case.reading)
    yield from _compared(posterior, examples, case.case)


def _compared(
    posterior: Posterior, examples: Examples, case: int
) -> Iterator[tuple[str, float, Estimate]]:
    truth = Truth.of(examples.grounds[examples.owner[case]].heart, examples.zones[case])
    true = true_figures(truth, examples.table["transmurality"][case])
    yield "burden", true["burden"], posterior.burden
    yield "transmurality", true["transmurality"], posterior.transmurality
    for segment in posterior.segments:
        yield "segment", true[f"segment_{segment.number:02d}"], segment.scar


def _margins(model: Model, examples: Examples, cases: list[CaseRead]):
    """What intervals lack, and the expected Dice from which an ECG is said to tell."""
    rows: dict[str, list[tuple[float, float, float, float]]] = {name: [] for name in FIGURES}
    expected = []
    for case in cases:
        posterior = model.posterior(examples.grounds[examples.owner[case.case]], case.reading)
        for name, true, said in _compared(posterior, examples, case.case):
            rows[name].append((true, said.low, said.value, said.high))
        if case.reading.infarct >= model.calibration.infarct_from:
            scar = case.reading.answer_places.argmax(axis=1) == Zone.SCAR
            expected.append(expected_dice(posterior, scar))
    margins = {name: margin(*np.array(found).T) for name, found in rows.items()}
    return margins, float(np.quantile(expected, WORTH_TELLING)) if expected else 0.3
