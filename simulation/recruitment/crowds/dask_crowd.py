"""dask on this machine, reached through the loopback alone: a dask port runs what it is sent."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from distributed import Client, Future, LocalCluster, wait

from twin.meshes.errors import InputError
from twin.simulation.recruitment.crowds.cluster_task import make_patient
from twin.simulation.recruitment.crowds.making import Crowd
from twin.simulation.recruitment.crowds.schedule import Schedule, Task
from twin.simulation.recruitment.crowds.task import DiskError, enter_failure
from twin.simulation.recruitment.crowds.workers import TICK_SECONDS, Watch
from twin.simulation.recruitment.store.manifest import entry_of

LOOPBACK = "127.0.0.1"


def crowd(options: Mapping[str, Any]) -> Crowd:
    if options:
        raise InputError(f"dask runs on this machine; it has no option {', '.join(options)}")
    return work


def work(folder: Path, schedule: Schedule, count: int, watch: Watch) -> None:
    """dask gives a dead worker's task to another one, and gives it up after the fourth."""
    with (
        LocalCluster(
            n_workers=count,
            threads_per_worker=1,
            host=LOOPBACK,
            dashboard_address=None,
            memory_limit=0,
        ) as cluster,
        Client(cluster) as client,
    ):
        running = {
            client.submit(make_patient, str(folder), number, pure=False): number
            for number in schedule.anatomies_left
        }
        while running:
            for future in _finished(list(running)):
                _take(folder, future, running.pop(future), watch)
            watch(None)


def _finished(futures: list[Future]) -> list[Future]:
    try:
        return list(wait(futures, timeout=TICK_SECONDS, return_when="FIRST_COMPLETED").done)
    except TimeoutError:
        return []


def _take(folder: Path, future: Future, anatomy: int, watch: Watch) -> None:
    error = future.exception()
    if isinstance(error, DiskError):
        raise error
    if error is not None:
        task = Task("anatomy", anatomy, anatomy)
        watch(
            enter_failure(folder, task, f"its workers died: {' '.join(str(error).split())[:300]}")
        )
        return
    for said in future.result():
        watch(entry_of(said))
