"""One task on whichever machine: made, or refused with the reason."""

import errno
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

from twin.meshes.errors import TwinError
from twin.simulation.recruitment.crowds.schedule import Task
from twin.simulation.recruitment.plan import Plan
from twin.simulation.recruitment.store.header import read_plan
from twin.simulation.recruitment.store.manifest import Entry, append_entry

NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES}


class DiskError(TwinError):
    """The folder takes no more files: no fault of the task, and every other one would meet it."""


def run_task(folder: Path, task: Task) -> Entry:
    """What went wrong is an entry too: the next task may go well."""
    from twin.simulation.recruitment.shard import make_anatomy, make_shard

    make = make_anatomy if task.kind == "anatomy" else make_shard
    try:
        return make(folder, _plan(folder), task.number)
    except OSError as error:
        if error.errno in NO_ROOM:
            raise DiskError(
                f"{folder}: a file could not be written ({error.strerror}); make room, and run "
                "the same command again: it goes on where it stopped"
            ) from error
        return enter_failure(folder, task, _reason(error))
    except Exception as error:
        return enter_failure(folder, task, _reason(error))


def enter_failure(folder: Path, task: Task, reason: str) -> Entry:
    entry = Entry(task.kind, task.number, task.anatomy, _plan(folder).seed)
    entry = replace(entry, failed=reason)
    append_entry(folder, entry)
    return entry


@lru_cache(maxsize=1)
def _plan(folder: Path) -> Plan:
    return read_plan(folder)


def _reason(error: Exception) -> str:
    text = " ".join(str(error).split())[:500]
    return text if isinstance(error, TwinError) else f"{type(error).__name__}: {text}"
