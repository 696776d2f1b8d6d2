"""What a cluster's machine does at a time: one anatomy, and all cases on it."""

import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

from twin.simulation.recruitment.crowds.schedule import Task
from twin.simulation.recruitment.crowds.task import run_task
from twin.simulation.recruitment.crowds.workers import ONE_THREAD
from twin.simulation.recruitment.store.header import read_plan


def make_patient(folder: str, anatomy: int) -> list[dict[str, Any]]:
    """What of it is there already is left alone, so that a job that was stopped half way and
    started again does only what is missing. Answers the manifest's entries."""
    os.environ.update(ONE_THREAD)
    place = Path(folder)
    entries = [run_task(place, Task("anatomy", anatomy, anatomy))]
    shards = [shard for shard in read_plan(place).shards if shard.anatomy == anatomy]
    if not entries[0].failed:
        entries += [run_task(place, Task("shard", s.number, anatomy)) for s in shards]
    return [asdict(entry) for entry in entries]
