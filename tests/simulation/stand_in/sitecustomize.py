"""Physics that takes no time, for tests of what is around it.

Python loads this by its name from PYTHONPATH in every process of a test, and the cohort's files are
then made of it: deterministic, and otherwise without meaning.
"""

import os
import sys
import time
from dataclasses import dataclass
from types import ModuleType

import numpy as np

NODES, SAMPLES = 2000, 100
SECONDS = float(os.environ.get("STAND_IN_SECONDS", "0.02"))
FAILED = 3
"""Which case of each heart cannot be made."""


@dataclass(frozen=True)
class Patient:
    seed: int
    numbers: np.ndarray

    @staticmethod
    def make(recipe, seed, number):
        time.sleep(10 * SECONDS)
        return Patient(seed, np.random.default_rng(seed).random(NODES))

    def write(self, group):
        group.attrs["seed"] = self.seed
        group.create_dataset("numbers", data=self.numbers, track_times=False)

    @staticmethod
    def read(group):
        return Patient(int(group.attrs["seed"]), group["numbers"][()])


@dataclass(frozen=True)
class Case:
    zones: np.ndarray
    ecg: np.ndarray
    clean: np.ndarray
    healthy: bool
    draws: dict
    summary: dict


@dataclass(frozen=True)
class CaseFailure:
    reason: str


def simulate_cases(patient, recipe, orders):
    return [_simulate(patient, *order) for order in orders]


def _simulate(patient, place, seed):
    time.sleep(SECONDS)
    random = np.random.default_rng([seed, patient.seed])
    if place == FAILED:
        return CaseFailure("no infarct fits")
    zones = (patient.numbers < random.random()).astype(np.int8)
    ecg = random.normal(size=(8, SAMPLES))
    return Case(zones, ecg, 0.5 * ecg, place == 0, {"speed": random.random()}, {"qrs_ms": 90.0})


def _module(name, **content):
    module = ModuleType(f"twin.simulation.recruitment.{name}")
    vars(module).update(content)
    sys.modules[module.__name__] = module


_module("people.patient", Patient=Patient)
_module("people.case", Case=Case, CaseFailure=CaseFailure, simulate_cases=simulate_cases)
