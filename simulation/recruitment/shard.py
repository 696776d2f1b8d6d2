"""The two functions that every machine runs: an anatomy's number -> its file, a shard's -> its.

Both are pure functions of the plan, write their file whole, and then one line of the manifest;
what is there already, as it was written, is left alone.
"""

import json
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

import h5py
import numpy as np
from twin.simulation.recruitment.case import Case, CaseFailure, simulate_cases

from twin.meshes.errors import TwinError
from twin.meshes.files import file_hash, whole_file
from twin.meshes.formats.hdf5 import new_file, open_checked
from twin.simulation.leads import INDEPENDENT
from twin.simulation.recruitment.columns import write_columns
from twin.simulation.recruitment.manifest import Entry, append_entry, read_entries
from twin.simulation.recruitment.patient import Patient
from twin.simulation.recruitment.plan import Plan, anatomy_file, shard_file
from twin.simulation.recruitment.records import PACKED
from twin.simulation.recruitment.stages import clocked, stage

MILLIVOLTS = 0.001
"""mV of one step of a stored ECG: 1 uV, where recorders resolve 2.5 to 5."""

MISSING = -(2**15)


def make_anatomy(folder: Path, plan: Plan, number: int) -> Entry:
    """Heart, torso and lead field of one patient."""
    done = _present(folder, Entry("anatomy", number, number, plan.anatomy_seed(number)))
    if done:
        return done
    with clocked() as seconds:
        with stage("patient"):
            patient = Patient.make(plan.recipe, plan.anatomy_seed(number))
        with stage("writing"):
            path = anatomy_file(folder, number)
            with whole_file(path) as part, new_file(part) as file:
                file.attrs.update(_identity(plan, number, plan.anatomy_seed(number)))
                patient.write(file.create_group("patient"))
    return _enter(folder, Entry("anatomy", number, number, plan.anatomy_seed(number)), seconds)


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
            seeds = [plan.case_seed(case) for case in shard.cases]
            outcomes = simulate_cases(patient, plan.recipe, seeds)
        with stage("writing"):
            numbered = dict(zip(shard.cases, map(_checked, outcomes), strict=True))
            cases = {k: case for k, case in numbered.items() if isinstance(case, Case)}
            failures = {k: f.reason for k, f in numbered.items() if isinstance(f, CaseFailure)}
            path = shard_file(folder, number)
            with whole_file(path) as part, new_file(part) as file:
                file.attrs.update(_identity(plan, shard.anatomy, plan.seed))
                file.attrs["failures"] = json.dumps(failures)
                write_cases(file, plan, cases)
    entry = Entry("shard", number, shard.anatomy, plan.seed, cases=list(cases), failures=failures)
    return _enter(folder, entry, seconds)


def write_cases(file: h5py.File, plan: Plan, cases: Mapping[int, Case]) -> None:
    """One row, and one chunk, a case."""
    if not cases:
        return
    recording = plan.recipe.recording
    some = list(cases.values())
    # Steps of 1 uV lose less than any filter, and pack three times better than single precision.
    steps = np.stack([np.rint(case.ecg / MILLIVOLTS) for case in some]).astype(np.int16)
    packed = {**PACKED, "track_times": False}
    ecg = file.create_dataset(
        "ecg", data=steps, chunks=(1, *steps.shape[1:]), fillvalue=MISSING, **packed
    )
    ecg.attrs["millivolts"] = MILLIVOLTS
    ecg.attrs["rate"] = recording.rate
    ecg.attrs["start"] = recording.start
    ecg.attrs["leads"] = " ".join(INDEPENDENT)
    zones = np.stack([case.zones for case in some]).astype(np.int8)
    file.create_dataset("zones", data=zones, chunks=(1, zones.shape[1]), **packed)
    for name, values in (
        ("case", list(cases)),
        ("seed", list(map(plan.case_seed, cases))),
        ("healthy", [case.healthy for case in some]),
    ):
        file.create_dataset(name, data=np.array(values, np.int64), track_times=False)
    write_columns(file.create_group("draws"), [case.draws for case in some])
    write_columns(file.create_group("summary"), [case.summary for case in some])


def _checked(case: Case | CaseFailure) -> Case | CaseFailure:
    """No NaN leaves silently, and nothing that the file cannot hold."""
    if isinstance(case, CaseFailure):
        return case
    if not np.isfinite(case.ecg).all():
        return CaseFailure(f"{(~np.isfinite(case.ecg)).sum():,} samples are not finite numbers")
    largest = np.abs(case.ecg).max(initial=0.0)
    if largest >= -MISSING * MILLIVOLTS:
        return CaseFailure(f"the ECG reaches {largest:.3g} mV, which no body surface does")
    return case


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
    return _read_patient(entry.path(folder), entry.sha256)


@lru_cache(maxsize=1)
def _read_patient(path: Path, sha256: str) -> Patient:
    """Always from the file, so that a shard does not depend on who made its anatomy; kept, because
    the next shard is often of the same one."""
    with open_checked(path) as file:
        return Patient.read(file["patient"])


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
