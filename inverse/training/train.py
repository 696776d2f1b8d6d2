"""From a cohort and a recipe to a model in a folder."""

from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch

from twin.inverse.calibrating import calibrate
from twin.inverse.calibration import Calibration
from twin.inverse.library import Library
from twin.inverse.model import Model
from twin.inverse.networks.infarct_net import InfarctNet
from twin.inverse.training.checkpoint import State
from twin.inverse.training.curves import draw_curves
from twin.inverse.training.examples import Examples
from twin.inverse.training.loop import Schooling
from twin.inverse.training.recipe import TrainingRecipe
from twin.meshes.errors import InputError
from twin.meshes.progress import Progress, silent
from twin.simulation.cohort import Cohort
from twin.simulation.recruitment.recipe import Recipe

CURVES = "curves.png"
QUIET = 0.3
"""`Calibration.misfit` where nothing else varies; chosen on validation cases, as its default."""

PURPOSE = "finding myocardial infarcts from a heart's mesh and a 12-lead ECG; research use only"
LIMITS = (
    "Taught on simulated hearts and ECGs only; no measured patient was seen.",
    "One beat in sinus rhythm with normal conduction: bundle-branch block, pacing, pre-excitation "
    "and hypertrophy were not in the cohort.",
    "Small scar in the septum and the right ventricle hardly changes an ECG, and is missed.",
)


def train(
    recipe: TrainingRecipe,
    cohort: Cohort,
    folder: Path,
    device: str | None = None,
    progress: Progress = silent,
) -> Model:
    """The cohort's patients are split into those taught, those judged and calibrated by, and those
    kept for tests; the same command goes on where a run stopped."""
    parts = cohort.split(recipe.split, recipe.split_seed)
    if min(map(len, parts[:2])) == 0:
        raise InputError(
            f"the cohort's {len(np.unique(cohort.patients))} patients are too few to teach some "
            "and judge by others; make it larger"
        )
    taught, judged = (Examples.of(part, progress) for part in parts[:2])
    school = Schooling(recipe, taught, judged, chosen_device(device))
    state = school.run(folder, progress)
    model = finished(recipe, state, taught, judged, progress)
    model.write(folder)
    draw_curves(state.progress.curve, state.progress.best, folder / CURVES)
    return model


def finished(
    recipe: TrainingRecipe,
    state: State,
    taught: Examples,
    judged: Examples,
    progress: Progress = silent,
) -> Model:
    """The best averaged weights, calibrated."""
    network = InfarctNet(recipe.network.sizes)
    network.load_state_dict({k: v.cpu() for k, v in state.best.items()})
    library = Library.of(taught.on_lattice())
    card = _card(recipe, state, taught, judged)
    quiet = Recipe.read(recipe.protocol).recording.noise is None
    calibration = Calibration(misfit=QUIET if quiet else Calibration().misfit)
    model = Model(network.eval(), library, calibration, recipe, card)
    return calibrate(model, judged, progress)


def _card(recipe, state: State, taught: Examples, judged: Examples) -> Mapping[str, object]:
    best = state.progress.curve[state.progress.best] if state.progress.curve else {}
    return {
        "name": f"{recipe.name} {recipe.version}",
        "made_by": f"twin {version('twin')}, torch {torch.__version__.split('+')[0]}",
        "purpose": PURPOSE,
        "limits": list(LIMITS),
        "cohort": recipe.protocol,
        "taught_cases": len(taught),
        "taught_hearts": len(taught.grounds),
        "judged_cases": len(judged),
        "judged_hearts": len(judged.grounds),
        "parameters": sum(w.numel() for w in state.network.parameters()),
        "steps": state.progress.step,
        "best_epoch": state.progress.best + 1,
        "judged": {k: round(v, 4) for k, v in best.items()},
    }


def chosen_device(name: str | None) -> torch.device:
    """As named, or a GPU where there is one."""
    if name is None:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if name == "cuda" and not torch.cuda.is_available():
        raise InputError("there is no CUDA device here that torch can use; leave out --device")
    return torch.device(name)
