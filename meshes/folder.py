"""Folders of results that are of one run, and whole."""

import os
import shutil
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from twin.meshes.errors import InputError

PART = ".{}.part"


@contextmanager
def whole_folder(folder: str | Path, names: Collection[str], record: str) -> Iterator[Path]:
    """A folder inside `folder` to write to; its files move up when the block ends without an error.

    `names` are all files that a run may write, `record` the one that says which run it was. Until
    the move, what an earlier run left stays as it is; afterwards nothing of it is there. Killed
    between, the folder has no record, and the next run clears it up. Files of other names stay.
    """
    folder = Path(folder)
    part = folder / PART.format(os.getpid())
    check_folder(folder, names, record)
    with _said_plainly(folder):
        part.mkdir(parents=True)
    try:
        with _said_plainly(folder):
            yield part
            _move_up(part, folder, names, record)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def check_folder(folder: str | Path, names: Collection[str], record: str) -> None:
    """Refuse a file, and a folder with files of these names that are of no finished run."""
    folder = Path(folder)
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder} is a file; name a folder for the results")
    present = sorted(name for name in names if (folder / name).exists())
    interrupted = any(folder.glob(PART.format("*")))
    if present and record not in present and not interrupted:
        raise InputError(
            f"{folder} holds {', '.join(present)} but no {record}, so they are of no finished run; "
            "name another folder, or remove them"
        )


def require_space(folder: str | Path, size: int) -> None:
    """Refuse before hours of work what the disk has no room for; `size` in bytes."""
    folder = Path(folder).absolute()
    there = next(place for place in (folder, *folder.parents) if place.exists())
    free = shutil.disk_usage(there).free
    if size > free:
        raise InputError(
            f"{folder}: about {size / 1e6:,.0f} MB will be written, {free / 1e6:,.0f} MB are free; "
            "make room, or write less"
        )


@contextmanager
def _said_plainly(folder: Path) -> Iterator[None]:
    """What the operating system refuses, as a fault of the place that was named."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise InputError(
            f"{folder}: the results could not be written ({reason}); nothing there has changed. "
            "Make room, or name another folder"
        ) from error


def _move_up(part: Path, folder: Path, names: Collection[str], record: str) -> None:
    """The record goes first and comes last: with it the folder is of one run."""
    (folder / record).unlink(missing_ok=True)
    for name in names:
        (folder / name).unlink(missing_ok=True)
    for file in sorted(part.iterdir(), key=lambda file: file.name == record):
        os.replace(file, folder / file.name)
    for other in folder.glob(PART.format("*")):
        if not _alive(other):
            shutil.rmtree(other, ignore_errors=True)


def _alive(part: Path) -> bool:
    """Whether the process that a part is named after still runs here."""
    try:
        os.kill(int(part.name.split(".")[1]), 0)
    except (ProcessLookupError, ValueError):
        return False
    except PermissionError:
        return True
    return True
