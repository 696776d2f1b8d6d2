"""A run that makes a cohort, or what of it is still missing."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from twin.meshes.errors import InputError
from twin.meshes.folder import require_space
from twin.meshes.progress import Progress, silent
from twin.simulation.recruitment.crowds.schedule import Schedule, whole_entries
from twin.simulation.recruitment.crowds.workers import Watch, clear_parts, supervise
from twin.simulation.recruitment.plan import Plan
from twin.simulation.recruitment.store.header import begin
from twin.simulation.recruitment.store.tally import Tally

LOCK = ".lock"
BYTES_PER_NODE = 400
"""Of an anatomy's file: mesh, coordinates, fibres, lead field and its gradients."""

BYTES_PER_CASE = 40_000


class Crowd(Protocol):
    """Other machines, or other means, to do what the worker processes do."""

    def __call__(self, folder: Path, schedule: Schedule, count: int, watch: Watch) -> None: ...


def make_cohort(
    plan: Plan,
    folder: Path,
    workers: int | None = None,
    crowd: Crowd = supervise,
    progress: Progress = silent,
) -> None:
    """Make what is missing. Ended at any moment, it goes on when it is called again."""
    count = available_cores() if workers is None else workers
    if count < 1:
        raise InputError(f"{count} workers were asked for; expected 1 or more")
    folder = folder.absolute()
    if not (folder / LOCK).exists():
        require_space(folder, size_of(plan))
    begin(folder, plan)
    with only_run(folder):
        if crowd is supervise:
            clear_parts(folder)
        progress("looking at what is there", 0.0)
        done = whole_entries(folder, plan)
        tally = Tally(plan, done.values(), count, progress)
        crowd(folder, Schedule(plan, done), count, tally.watch)


def available_cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def size_of(plan: Plan) -> int:
    """Bytes, about and not too few."""
    nodes = plan.recipe.patients.nodes
    return plan.anatomies * nodes * BYTES_PER_NODE + plan.count * BYTES_PER_CASE


@contextmanager
def only_run(folder: Path) -> Iterator[None]:
    """One run at a time in one folder; the lock goes with the process that holds it."""
    with open(folder / LOCK, "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise InputError(
                f"{folder}: another run is making this cohort; wait for it, or stop it"
            ) from None
        yield
