"""The same patients under other conditions: each nuisance switched off, and what a clinic adds.

A case is simulated again from its own seed with another recipe: all that the change leaves alone is
drawn as before, so that figures are compared case by case.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from twin.inverse.beat import levelled
from twin.meshes.errors import TwinError
from twin.simulation.cohort import Cohort
from twin.simulation.recruitment.people.case import Case, simulate_cases
from twin.simulation.recruitment.recipe import Recipe

Change = Mapping[str, Any]
"""Of a recipe: what its tables say instead."""

WITHOUT: Mapping[str, Change] = {
    "speeds known": {"conduction": {"speed": 1.0, "cross_fibre": 1.0, "tree": 1.0}},
    "junctions known": {"conduction": {"junctions": 1.0, "junction_delay": 0.0}},
    "repolarisation known": {"repolarisation": {"duration": 1.0, "gradients": 1.0}},
    "electrodes in place": {"recording": {"electrode_shift": 0.0, "common_shift": 0.0}},
    "conductivities known": {
        "recording": {"conductivity": 1.0, "cells_along": 1.0, "cells_across": 1.0}
    },
    "no noise, filter, gain or jitter": {
        "recording": {
            "noise": 100.0,
            "low_pass": [],
            "notch": 0.0,
            "gain": 1.0,
            "onset_jitter": 0.0,
        }
    },
}
"""Each nuisance of protocol H switched off."""

EVERYTHING = "nothing varies"

HARDER: Mapping[str, Change] = {
    "electrodes 20 mm off": {"recording": {"electrode_shift": {"mean": 0.0, "sd": 20.0}}},
    "20 dB of noise": {"recording": {"noise": 20.0}},
}


def changed(recipe: Recipe, *changes: Change) -> Recipe:
    """Another recipe with these tables laid over it."""
    said = recipe.model_dump(exclude_none=True)
    for change in changes:
        for table, values in change.items():
            said[table] = {**said[table], **values}
    return Recipe.model_validate(said)


@dataclass(frozen=True, eq=False)
class Again:
    """Cases of a test part simulated anew: beats in the order of `cases`, by condition."""

    cases: tuple[int, ...]
    beats: Mapping[str, Float[np.ndarray, "cases 8 time"]]

    @staticmethod
    def of(test: Cohort, cases: Sequence[int], conditions: Mapping[str, Recipe]) -> "Again":
        found = {name: [np.empty(0)] * len(cases) for name in conditions}
        owners = test.cases[np.asarray(cases)][:, [0, 3]]
        for store, anatomy in np.unique(owners, axis=0).tolist():
            patient = test.stores[store].patient(anatomy)
            own = np.flatnonzero((owners == (store, anatomy)).all(axis=1)).tolist()
            stored = [test[cases[k]] for k in own]
            each = recipe_of(test, store).cases_per_heart
            orders = [(case.number % each, case.seed) for case in stored]
            for name, recipe in conditions.items():
                for k, case in zip(own, simulate_cases(patient, recipe, orders), strict=True):
                    if not isinstance(case, Case):
                        raise TwinError(f"case {cases[k]} under '{name}': {case.reason}")
                    found[name][k] = levelled(case.ecg)
        return Again(tuple(cases), {name: np.stack(beats) for name, beats in found.items()})


def recipe_of(cohort: Cohort, store: int = 0) -> Recipe:
    """What a cohort was made by."""
    said = cohort.stores[store].header["recipe"]
    return Recipe.of_text(said["text"], said["folder"])


def nuisances_off(recipe: Recipe) -> dict[str, Recipe]:
    """As drawn, each switched off in turn, and all."""
    one = {name: changed(recipe, change) for name, change in WITHOUT.items()}
    return {"as drawn": recipe, **one, EVERYTHING: changed(recipe, *WITHOUT.values())}


def harder(recipe: Recipe) -> dict[str, Recipe]:
    return {name: changed(recipe, change) for name, change in HARDER.items()}
