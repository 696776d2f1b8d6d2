"""A process that makes one file after the other, as its parent asks on standard input.

It ends with its parent: killed by the kernel where there is such a service, and at the end of
standard input everywhere. Requests and answers are lines of JSON.
"""

import contextlib
import ctypes
import json
import os
import queue
import signal
import sys
import threading
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import IO

PR_SET_PDEATHSIG = 1


def main(folder: Path, core: int | None, parent: int) -> None:
    end_with(parent)
    # Ctrl-C reaches the whole group; what it means is the parent's business.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if core is not None:
        with contextlib.suppress(OSError, AttributeError):
            os.sched_setaffinity(0, [core])
    answers = _own_output()
    requests: queue.SimpleQueue[str] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(requests,), daemon=True).start()
    # Slow to load, and only here: whatever is missing shows before a task is given.
    from twin.simulation.recruitment import shard  # noqa: F401

    _answer(answers, {"ready": os.getpid()})
    for request in iter(requests.get, ""):
        _answer(answers, _done(folder, json.loads(request)))


def _done(folder: Path, request: dict) -> dict:
    from twin.simulation.recruitment.crowds.schedule import Task
    from twin.simulation.recruitment.crowds.task import DiskError, run_task

    try:
        return {"entry": asdict(run_task(folder, Task(**request)))}
    except DiskError as error:
        return {"disk": str(error)}


def end_with(parent: int) -> None:
    """This process is killed when its parent ends, where the kernel can do that."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def _own_output() -> IO[str]:
    """The pipe to the parent; what libraries print goes to standard error instead."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    return answers


def _listen(requests: "queue.SimpleQueue[str]") -> None:
    for line in _lines():
        requests.put(line)
    # The parent is gone, or wants no more; files are whole or absent at any moment.
    os._exit(0)


def _lines() -> Iterator[str]:
    with contextlib.suppress(OSError, ValueError):
        yield from sys.stdin


def _answer(answers: IO[str], value: dict) -> None:
    answers.write(json.dumps(value) + "\n")
    answers.flush()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]) if sys.argv[2] else None, int(sys.argv[3]))
