"""Job arrays on SLURM, by submitit: one job an anatomy, on any machine that sees the folder."""

import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from shutil import which
from typing import Any

import submitit

from twin.meshes.errors import InputError
from twin.simulation.recruitment.crowds.cluster_task import make_patient
from twin.simulation.recruitment.crowds.making import Crowd
from twin.simulation.recruitment.crowds.schedule import MOST_DEATHS, Schedule, Task
from twin.simulation.recruitment.crowds.task import enter_failure
from twin.simulation.recruitment.crowds.workers import Watch
from twin.simulation.recruitment.store.header import read_plan
from twin.simulation.recruitment.store.manifest import Entry, Kind, read_entries

LOGS = ".slurm"
POLL_SECONDS = 5.0

Entries = dict[tuple[Kind, int], Entry]
LARGEST_ARRAY = 1000
"""Jobs of an array, as SLURM is commonly set up."""

DEFAULTS = {"time": 120, "mem": "4GB", "cpus_per_task": 1, "ntasks_per_node": 1}
OPTIONS = ("time", "mem", "partition", "account", "qos", "constraint", "exclude", "nodelist")
"""Of sbatch; time in minutes."""


def crowd(options: Mapping[str, Any]) -> Crowd:
    unknown = sorted(set(options) - set(OPTIONS))
    if unknown:
        raise InputError(f"SLURM has no option {', '.join(unknown)} here; {', '.join(OPTIONS)} are")
    if not str(options.get("time", 1)).isdigit():
        raise InputError(f"time={options['time']}: expected whole minutes")
    if which("sbatch") is None:
        raise InputError("there is no SLURM here: sbatch is not found")
    return SlurmCrowd({**DEFAULTS, **options, "time": int(options.get("time", DEFAULTS["time"]))})


class Job:
    """What runs in a job. Stopped by SLURM's signal before it preempts or at the end of its time,
    the job goes back into the queue, and does what is missing when it is started again."""

    def __init__(self, folder: Path) -> None:
        self.folder = str(folder)

    def __call__(self, anatomy: int) -> int:
        return len(make_patient(self.folder, anatomy))

    def checkpoint(self, anatomy: int) -> submitit.helpers.DelayedSubmission:
        return submitit.helpers.DelayedSubmission(self, anatomy)


class SlurmCrowd:
    """Submits what is left, and looks at the queue and the manifest until it is there."""

    def __init__(self, parameters: Mapping[str, Any]) -> None:
        self.parameters = parameters

    def __call__(self, folder: Path, schedule: Schedule, count: int, watch: Watch) -> None:
        """A job that is gone without its files was killed: its anatomy is submitted again."""
        left = schedule.anatomies_left
        seen = read_entries(folder)
        for _ in range(MOST_DEATHS):
            if left:
                self._run(folder, left, count, watch, seen)
                left = [number for number in left if _missing(folder, number)]
        for number in left:
            reason = f"{MOST_DEATHS} jobs ended without it; see {folder / LOGS}"
            watch(enter_failure(folder, Task("anatomy", number, number), reason))

    def _run(
        self, folder: Path, anatomies: Sequence[int], count: int, watch: Watch, seen: Entries
    ) -> None:
        executor = submitit.SlurmExecutor(folder=folder / LOGS)
        executor.update_parameters(
            **self.parameters, job_name="twin-cohort", array_parallelism=count
        )
        jobs: list[submitit.Job] = []
        try:
            for first in range(0, len(anatomies), LARGEST_ARRAY):
                jobs += executor.map_array(Job(folder), anatomies[first : first + LARGEST_ARRAY])
            arrays = {job.job_id.split("_")[0] for job in jobs}
            while _queued(arrays):
                time.sleep(POLL_SECONDS)
                _report(folder, watch, seen)
            _report(folder, watch, seen)
        except BaseException:
            for job in jobs:
                job.cancel(check=False)
            raise


def _queued(arrays: Iterable[str]) -> bool:
    """Whether any job waits or runs. Asked of the queue, which every SLURM has, not of the
    accounts, which many have not."""
    command = ["squeue", "--noheader", "--format=%A", f"--jobs={','.join(arrays)}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    # A queue that has forgotten these jobs says "Invalid job id".
    if done.returncode and "Invalid job id" not in done.stderr:
        return True
    return bool(done.stdout.strip())


def _report(folder: Path, watch: Watch, seen: Entries) -> None:
    for key, entry in read_entries(folder).items():
        if seen.get(key) != entry:
            seen[key] = entry
            watch(entry)
    watch(None)


def _missing(folder: Path, anatomy: int) -> bool:
    """Whether a job was to make something here and left no word about it."""
    entries = read_entries(folder)
    found = entries.get(("anatomy", anatomy))
    if found is None:
        return True
    shards = [shard for shard in read_plan(folder).shards if shard.anatomy == anatomy]
    return not found.failed and any(("shard", shard.number) not in entries for shard in shards)
