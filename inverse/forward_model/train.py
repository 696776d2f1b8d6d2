"""From an atrial cohort to a forward model in a folder, with its card."""

from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import torch

from twin.inverse.forward_model.examples import Example, example_of, read_examples
from twin.inverse.forward_model.model import ForwardModel
from twin.inverse.forward_model.network import ForwardNet
from twin.inverse.forward_model.teaching import Teaching, teach
from twin.inverse.forward_model.trial import Answer, Scores, asked, score
from twin.meshes.errors import InputError
from twin.meshes.progress import Progress, silent
from twin.simulation.atria.cohort import AtrialCohort

JUDGED = 10
"""One subject in so many is not learned from."""
FEWEST = 4
PURPOSE = (
    "From the membrane potential of a left atrium over time, its surface, and a torso with nine "
    "electrodes, to the twelve leads; no conductivity tensor is asked for. Research use only."
)
LIMITS = (
    "Taught on simulated atria of one wall thickness (2 mm), fibres by rule, torsos of a template",
    "Fronts of modified Mitchell-Schaeffer cells on meshes of 0.5 to 0.75 mm; where fronts of the "
    "same tissue run faster or slower, conductivities are taken for higher or lower",
    "The left atrium alone: P waves of patients have the right atrium's part too",
)


def train(
    cohorts: Sequence[AtrialCohort],
    folder: str | Path,
    teaching: Teaching | None = None,
    progress: Progress = silent,
) -> ForwardModel:
    """From one cohort, or several: of coarser and finer meshes, on which fronts of the same tissue
    do not run alike. What a killed run had learned is kept in the folder: call again, and it goes
    on."""
    teaching = teaching or Teaching()
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    read = [read_examples(cohort, progress) for cohort in cohorts]
    judged = [examples[::JUDGED] for examples in read]
    taught = [e for examples in read for k, e in enumerate(examples) if k % JUDGED]
    if len(taught) < FEWEST - 1:
        places = ", ".join(str(cohort.folder) for cohort in cohorts)
        raise InputError(
            f"{places}: {sum(map(len, read))} subjects; {FEWEST} are needed to learn from some and "
            "judge by others"
        )
    bodies = [example_of(body) for cohort in cohorts for body in cohort.bodies]
    net = teach(taught, bodies, teaching, progress, folder)
    card = {
        "purpose": PURPOSE,
        "limits": list(LIMITS),
        "made_by": f"twin {version('twin')}, torch {torch.__version__.split('+')[0]}",
        "taught_subjects": len(taught),
        "taught_bodies": len(bodies),
        "epochs": teaching.epochs,
        "parameters": sum(w.numel() for w in net.parameters()),
        "judged": [_judged(net, c, e) for c, e in zip(cohorts, judged, strict=True)],
    }
    model = ForwardModel(net, card)
    model.write(folder)
    return model


def _judged(net: ForwardNet, cohort: AtrialCohort, examples: Sequence[Example]) -> dict:
    return {
        "nodes": cohort.plan.nodes,
        "subjects": len(examples),
        "r2": _r2(examples, asked(net)),
        "r2_anatomy_alone": _r2(examples, asked(net, unread=True)),
    }


def _r2(examples: Sequence[Example], answer: Answer) -> float:
    scores = Scores([score(e, r, answer(e, r)) for e in examples for r in e.recordings])
    return round(float(scores.of_subjects().mean()), 4)
