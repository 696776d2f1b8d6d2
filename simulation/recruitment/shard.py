"""The two functions that every machine runs: an anatomy's number -> its file, a shard's -> its.

Both are pure functions of the plan, write their file whole, and then one line of the manifest;
what is there already, as it was written, is left alone.
"""

import json
from collections.abc import Mapping
from itertools import count
from pathlib import Path

import jax
import numpy as np

from twin.meshes.errors import TwinError
from twin.meshes.files import file_hash, whole_file
from twin.meshes.formats.hdf5 import new_file, open_checked
from twin.simulation.recruitment.people.case import Case, CaseFailure, simulate_cases
from twin.simulation.recruitment.people.patient import Patient
from twin.simulation.recruitment.people.stages import clocked, stage
from twin.simulation.recruitment.plan import Plan, anatomy_file, shard_file
from twin.simulation.recruitment.store.manifest import Entry, append_entry, read_entries
from twin.simulation.recruitment.store.shard_rows import LARGEST, MILLIVOLTS, ShardRows


def make_anatomy(folder: Path, plan: Plan, number: int) -> Entry:
    """Heart, torso and lead field of one patient."""
    done = _present(folder, Entry("anatomy", number, number, plan.anatomy_seed(number)))
    if done:
        return done
    with clocked() as seconds:
        with stage("patient"):
            patient = Patient.make(plan.recipe, plan.anatomy_seed(number), number)
        with stage("writing"):
            path = anatomy_file(folder, number)
            with whole_file(path) as part, new_file(part) as file:
                file.attrs.update(_identity(plan, number, plan.anatomy_seed(number)))
                patient.write(file.create_group("patient"))
    entry = Entry("anatomy", number, number, plan.anatomy_seed(number), _person(plan, patient))
    entry = _enter(folder, entry, seconds)
    _keep(entry, patient)
    return entry


def make_shard(folder: Path, plan: Plan, number: int) -> Entry:
    """The cases of one shard, simulated together on their anatomy, which must be there."""
    shard = plan.shards[number]
    done = _present(folder, Entry("shard", number, shard.anatomy, plan.seed))
    if done:
        return done
    with clocked() as seconds:
        with stage("reading"):
            patient = _patient(folder, _anatomy(folder, shard.anatomy))
        with stage("cases"):
            orders = [(plan.place(case), plan.case_seed(case)) for case in shard.cases]
            outcomes = simulate_cases(patient, plan.recipe, orders)
        with stage("writing"):
            numbered = dict(zip(shard.cases, map(_checked, outcomes), strict=True))
            cases = {k: case for k, case in numbered.items() if isinstance(case, Case)}
            failures = {k: f.reason for k, f in numbered.items() if isinstance(f, CaseFailure)}
            path = shard_file(folder, number)
            with whole_file(path) as part, new_file(part) as file:
                file.attrs.update(_identity(plan, shard.anatomy, plan.seed))
                file.attrs["failures"] = json.dumps(failures)
                if cases:
                    _rows(plan, cases).write(file)
    entry = Entry("shard", number, shard.anatomy, plan.seed, cases=list(cases), failures=failures)
    return _enter(folder, entry, seconds)


def _rows(plan: Plan, cases: Mapping[int, Case]) -> ShardRows:
    some = list(cases.values())
    return ShardRows(
        cases=list(cases),
        seeds=[plan.case_seed(case) for case in cases],
        healthy=[case.healthy for case in some],
        ecg=np.stack([np.rint(case.ecg / MILLIVOLTS) for case in some]),
        clean=np.stack([np.rint(case.clean / MILLIVOLTS) for case in some]),
        zones=np.stack([case.zones for case in some]),
        draws=[case.draws for case in some],
        summary=[case.summary for case in some],
        rate=plan.recipe.recording.rate,
        start=plan.recipe.recording.start,
    )


def _checked(case: Case | CaseFailure) -> Case | CaseFailure:
    """No NaN leaves silently, and nothing that the file cannot hold."""
    if isinstance(case, CaseFailure):
        return case
    both = np.stack([case.ecg, case.clean])
    if not np.isfinite(both).all():
        return CaseFailure(f"{(~np.isfinite(both)).sum():,} samples are not finite numbers")
    largest = np.abs(both).max(initial=0.0)
    if largest >= LARGEST:
        return CaseFailure(f"the ECG reaches {largest:.3g} mV, which no body surface does")
    return case


def _person(plan: Plan, patient: Patient) -> int:
    """A heart of the population is known by its seed, in whatever mesh; one of a file by itself,
    for another patient may have been given the same."""
    return int(patient.heart.content[:13], 16) if plan.recipe.files else patient.seed


def _identity(plan: Plan, anatomy: int, seed: int) -> dict[str, object]:
    """Which cohort a file is of. Without a date: the same seed gives the same bytes."""
    recipe = plan.recipe
    said = {
        "recipe": recipe.name,
        "recipe_version": recipe.version,
        "recipe_sha256": recipe.content,
    }
    return {**said, "anatomy": anatomy, "seed": seed}


def _present(folder: Path, wanted: Entry) -> Entry | None:
    """The entry of a file that another run has made, if it is whole."""
    found = read_entries(folder).get(wanted.key)
    if found is None or found.failed or found.fault(folder):
        return None
    return found


def _anatomy(folder: Path, number: int) -> Entry:
    found = read_entries(folder).get(("anatomy", number))
    fault = found.fault(folder) if found else "is not made yet"
    if found is None or fault:
        raise TwinError(f"{anatomy_file(folder, number)} {fault}; run the cohort again")
    return found


def _patient(folder: Path, entry: Entry) -> Patient:
    """From its file, or as this process made or read it last: the arrays are the same."""
    if entry.sha256 not in _latest:
        with open_checked(entry.path(folder)) as file:
            _keep(entry, Patient.read(file["patient"]))
    return _latest[entry.sha256]


_kept = count()

_latest: dict[str, Patient] = {}
"""The patient that was made or read last, by its file's hash: what is prepared for its cases is
kept with it, and the next shard is mostly of the same one."""


COMPILED_FOR = 10
"""Patients whose compiled programs are kept: hearts differ in size, and each has its own."""


def _keep(entry: Entry, patient: Patient) -> None:
    if next(_kept) % COMPILED_FOR == COMPILED_FOR - 1:
        jax.clear_caches()
    _latest.clear()
    _latest[entry.sha256] = patient


def _enter(folder: Path, entry: Entry, seconds: Mapping[str, float]) -> Entry:
    path = entry.path(folder)
    whole = Entry(
        **{
            **vars(entry),
            "sha256": file_hash(path),
            "bytes": path.stat().st_size,
            "seconds": dict(seconds),
        }
    )
    append_entry(folder, whole)
    return whole
