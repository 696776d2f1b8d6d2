"""What of a cohort has been made: one line of JSON a file, appended when the file is there."""

import fcntl
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from twin.meshes.files import file_hash
from twin.simulation.recruitment.plan import anatomy_file, shard_file

NAME = "manifest.jsonl"

Kind = Literal["anatomy", "shard"]


@dataclass(frozen=True)
class Entry:
    """One anatomy or shard: made, or `failed` with the reason.

    `patient` is the same number for the same heart, in whichever cohort. `cases` are the numbers of
    the cases in the file, `failures` the reason for each that is not.
    `seconds` are by stage, on the clock.
    """

    kind: Kind
    number: int
    anatomy: int
    seed: int
    patient: int = 0
    sha256: str = ""
    bytes: int = 0
    cases: Sequence[int] = ()
    failures: Mapping[int, str] = field(default_factory=dict)
    seconds: Mapping[str, float] = field(default_factory=dict)
    failed: str = ""

    @property
    def key(self) -> tuple[Kind, int]:
        return self.kind, self.number

    def path(self, folder: Path) -> Path:
        place = anatomy_file if self.kind == "anatomy" else shard_file
        return place(folder, self.number)

    def fault(self, folder: Path) -> str | None:
        """What is wrong with the file on disk; None if it is as it was written."""
        path = self.path(folder)
        if not path.is_file():
            return "is missing"
        if path.stat().st_size != self.bytes:
            return f"has {path.stat().st_size:,} bytes, {self.bytes:,} were written"
        return None if file_hash(path) == self.sha256 else "is not what was written (SHA-256)"


def append_entry(folder: Path, entry: Entry) -> None:
    """One line, on the disk when this returns. Safe with other writers beside, and after a writer
    that was killed half way through its line."""
    line = json.dumps(asdict(entry), separators=(",", ":")) + "\n"
    with open(folder / NAME, "ab+") as file:
        fcntl.lockf(file, fcntl.LOCK_EX)
        size = file.seek(0, os.SEEK_END)
        torn = size > 0 and os.pread(file.fileno(), 1, size - 1) != b"\n"
        file.write(b"\n" * torn + line.encode())
        file.flush()
        os.fsync(file.fileno())


def read_entries(folder: Path) -> dict[tuple[Kind, int], Entry]:
    """The last word about each anatomy and shard; torn lines are passed over."""
    path = folder / NAME
    lines = path.read_bytes().split(b"\n") if path.is_file() else []
    entries = filter(None, map(_entry, lines))
    return {entry.key: entry for entry in entries}


def entry_of(said: Mapping[str, Any]) -> Entry:
    """From what JSON made of it, whose keys are all words."""
    failures = {int(case): str(reason) for case, reason in said["failures"].items()}
    return Entry(**{**said, "failures": failures, "cases": tuple(said["cases"])})


def _entry(line: bytes) -> Entry | None:
    try:
        return entry_of(json.loads(line))
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
