"""Worker processes on one machine, and who watches over them.

A pool of the standard library loses everything when one of its processes dies; here the task of a
dead worker is done again by a fresh one.
"""

import json
import os
import selectors
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from twin.meshes.errors import TwinError
from twin.simulation.recruitment.crowds.schedule import MOST_DEATHS, Schedule, Task
from twin.simulation.recruitment.crowds.task import DiskError, enter_failure
from twin.simulation.recruitment.store.manifest import Entry, entry_of

TICK_SECONDS = 0.5
COMMAND = (sys.executable, "-P", "-m", "twin.simulation.recruitment.crowds.worker")
ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "TWIN_THREADS": "1",
}
"""One process a core: threads beside it would only be in each other's way."""

Watch = Callable[[Entry | None], None]
"""Called with each entry made, and with None now and then, so that clocks go on."""


class Worker:
    """One process, with the task it has."""

    def __init__(self, folder: Path, place: int, core: int | None) -> None:
        self.place, self.core = place, core
        self.task: Task | None = None
        self.anatomy: int | None = None
        self.ready = False
        self.complaints = tempfile.TemporaryFile()  # noqa: SIM115 (lives as long as the process)
        self.process = subprocess.Popen(
            [*COMMAND, str(folder), "" if core is None else str(core), str(os.getpid())],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.complaints,
            env=os.environ | ONE_THREAD,
        )
        self.unread = b""

    def give(self, task: Task) -> None:
        self.task, self.anatomy = task, task.anatomy
        assert self.process.stdin
        try:
            self.process.stdin.write(json.dumps(asdict(task)).encode() + b"\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            # It has died; the end of its output says so too, and there it is seen to.
            return

    def hear(self) -> list[dict] | None:
        """Its answers; None when it has died."""
        assert self.process.stdout
        heard = os.read(self.process.stdout.fileno(), 2**20)
        *lines, self.unread = (self.unread + heard).split(b"\n")
        return [json.loads(line) for line in lines] if heard else None

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            assert pipe
            # What could not be sent to a dead process is not missed.
            try:
                pipe.close()
            except BrokenPipeError:
                continue
        self.complaints.close()

    def last_words(self) -> str:
        """How it ended, with the last line of its complaints."""
        code = self.process.wait()
        self.complaints.seek(0)
        said = self.complaints.read().decode(errors="replace").strip().splitlines()
        how = f"killed by signal {-code}" if code < 0 else f"ended with code {code}"
        how += " (out of memory?)" if code == -9 else ""
        return f"{how}; {said[-1][:300]}" if said else how


def cores(count: int) -> list[int | None]:
    """A core for each worker; none in particular where there are more workers than cores."""
    if not hasattr(os, "sched_getaffinity"):
        return [None] * count
    there = sorted(os.sched_getaffinity(0))
    return list(there[:count]) if count <= len(there) else [None] * count


def clear_parts(folder: Path, process: int | str = "*") -> None:
    """Remove the half-written files that a killed process left behind."""
    for part in folder.glob(f"*/.*.{process}.part.h5"):
        part.unlink(missing_ok=True)


def supervise(folder: Path, schedule: Schedule, count: int, watch: Watch) -> None:
    """Have `count` workers do what is left; the folder stays good whenever this is ended."""
    with _crew(folder, count) as crew:
        while schedule.unfinished:
            crew.employ(schedule)
            for worker in crew.heard():
                for entry in crew.answers_of(worker, schedule):
                    watch(entry)
            watch(None)


@contextmanager
def _crew(folder: Path, count: int) -> Iterator["Crew"]:
    crew = Crew(folder)
    try:
        for place, core in enumerate(cores(count)):
            crew.hire(place, core)
        yield crew
    finally:
        for worker in crew.workers:
            worker.stop()
        crew.selector.close()


class Crew:
    """The workers there are."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.workers: list[Worker] = []
        self.selector = selectors.DefaultSelector()
        self.stillborn = 0

    def hire(self, place: int, core: int | None) -> None:
        worker = Worker(self.folder, place, core)
        self.workers.append(worker)
        assert worker.process.stdout
        self.selector.register(worker.process.stdout, selectors.EVENT_READ, worker)

    def employ(self, schedule: Schedule) -> None:
        for worker in self.workers:
            if worker.ready and worker.task is None:
                task = schedule.take(worker.anatomy)
                if task:
                    worker.give(task)

    def heard(self) -> list[Worker]:
        return [key.data for key, _ in self.selector.select(TICK_SECONDS)]

    def answers_of(self, worker: Worker, schedule: Schedule) -> Iterator[Entry]:
        answers = worker.hear()
        if answers is None:
            yield from self._replace(worker, schedule)
            return
        for answer in answers:
            if "disk" in answer:
                raise DiskError(answer["disk"])
            if "ready" in answer:
                worker.ready, self.stillborn = True, 0
                continue
            entry = entry_of(answer["entry"])
            task, worker.task = worker.task, None
            assert task
            yield entry
            if entry.failed:
                yield from self._give_up(task, entry.failed, schedule)
            else:
                schedule.finish(task)

    def _replace(self, worker: Worker, schedule: Schedule) -> Iterator[Entry]:
        """A fresh worker in the place of a dead one, whose task is done again."""
        assert worker.process.stdout
        self.selector.unregister(worker.process.stdout)
        self.workers.remove(worker)
        words = worker.last_words()
        worker.stop()
        clear_parts(self.folder, worker.process.pid)
        if not worker.ready:
            self.stillborn += 1
            if self.stillborn >= MOST_DEATHS:
                raise TwinError(f"the workers do not start: {words}")
        if worker.task and not schedule.lose(worker.task):
            reason = f"{MOST_DEATHS} workers died of it: {words}"
            yield enter_failure(self.folder, worker.task, reason)
            yield from self._give_up(worker.task, reason, schedule)
        self.hire(worker.place, worker.core)

    def _give_up(self, task: Task, reason: str, schedule: Schedule) -> Iterator[Entry]:
        for shard in schedule.give_up(task):
            yield enter_failure(self.folder, shard, f"no anatomy {task.number}: {reason}")
