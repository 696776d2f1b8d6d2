"""A cohort's folder whose numbers say where they belong, without a simulation."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np

from twin.benchmarks.boxes import box_heart
from twin.meshes.files import file_hash, whole_file
from twin.meshes.formats.hdf5 import new_file
from twin.meshes.heart import Heart
from twin.simulation.recruitment.plan import Plan, Shard
from twin.simulation.recruitment.recipe import Recipe
from twin.simulation.recruitment.store.header import begin
from twin.simulation.recruitment.store.manifest import Entry, append_entry
from twin.simulation.recruitment.store.records import heart_arrays, write_arrays
from twin.simulation.recruitment.store.shard_rows import ShardRows

HEARTS, EACH, SAMPLES = 6, 4, 50
FAILED = 6
"""The one case that could not be made."""


def synthetic_cohort(
    folder: Path, heart: Heart | None = None, seed: int = 0, hearts: int = HEARTS, each: int = EACH
) -> Path:
    """Every sample of a case's ECG is 0.001 mV times its number, and its zones count up from it."""
    heart = box_heart(1.0) if heart is None else heart
    recipe = Recipe.of_text(f'name = "test"\nversion = 1\ncases_per_heart = {each}\n')
    plan = Plan(recipe, hearts * each, seed)
    begin(folder, plan)
    for number in range(hearts):
        _write_anatomy(folder, plan, number, heart)
    for shard in plan.shards:
        _write_shard(folder, plan, shard, len(heart.points))
    return folder


def _write_anatomy(folder: Path, plan: Plan, number: int, heart: Heart) -> None:
    seed = plan.anatomy_seed(number)
    entry = Entry("anatomy", number, number, seed, patient=seed)
    with whole_file(entry.path(folder)) as part, new_file(part) as file:
        group = file.create_group("patient")
        group.attrs["patient"] = json.dumps({"heart": {"origin": f"heart {number}"}})
        write_arrays(group.create_group("heart"), heart_arrays(heart))
        health = {"times": np.zeros(len(heart.points)), "ecg": np.zeros((8, 2 * SAMPLES))}
        write_arrays(group.create_group("health"), health)
    _enter(folder, entry)


def _write_shard(folder: Path, plan: Plan, shard: Shard, nodes: int) -> None:
    cases = np.array([case for case in shard.cases if case != FAILED])
    steps = cases[:, None, None] * np.ones((1, 8, SAMPLES), int)
    rows = ShardRows(
        cases=cases.tolist(),
        seeds=[plan.case_seed(case) for case in cases.tolist()],
        healthy=[plan.place(case) == 0 for case in cases.tolist()],
        ecg=steps,
        clean=-steps,
        zones=(np.arange(nodes) + cases[:, None]) % 3,
        draws=[{"speed": 1 + case / 100, "core": "blocked"} for case in cases.tolist()],
        summary=[_summary(plan, case) for case in cases.tolist()],
        rate=500.0,
        start=-40.0,
    )
    failures = {FAILED: "no infarct fits"} if FAILED in shard.cases else {}
    said = {"cases": cases.tolist(), "failures": failures}
    entry = Entry("shard", shard.number, shard.anatomy, plan.seed, **said)
    with whole_file(entry.path(folder)) as part, new_file(part) as file:
        rows.write(file)
    _enter(folder, entry)


def _summary(plan: Plan, case: int) -> dict[str, float | str]:
    """A healthy case has no mass of scar."""
    mass: dict[str, float | str] = {"mass": 0.1} if plan.place(case) else {}
    return {"qrs_ms": 80.0 + case, "segment_07_scar": 0.01 * case, **mass}


def _enter(folder: Path, entry: Entry) -> None:
    path = entry.path(folder)
    append_entry(folder, replace(entry, sha256=file_hash(path), bytes=path.stat().st_size))
