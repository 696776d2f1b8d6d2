"""A run that is killed again and again beside one that is left alone: the same bytes?"""

import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from twin.benchmarks.chunky_heart import write_chunky_heart
from twin.benchmarks.figure import Figure, at_least, at_most, report
from twin.meshes.errors import TwinError
from twin.meshes.files import file_hash
from twin.simulation.cohort import Cohort

CASES, HEARTS, EACH_SHARD, WORKERS = 60, 2, 5, 2
FILES = HEARTS + CASES // EACH_SHARD
BLOWS = (("parent", 1), ("worker", 3), ("parent", 5), ("worker", 8), ("parent", 11))
"""Whom to kill, and after how many of the fourteen files."""

RECIPE = f"""
name = "small"
version = 1
hearts = {HEARTS}
cases_per_heart = {CASES // HEARTS}

[patients]
files = {["heart.vtu"] * HEARTS}
lead_field = "infinite_medium"
"""

RUN = """
import sys
from twin.simulation.cohort import Cohort
recipe, folder, *counts = sys.argv[1:]
count, each, workers = map(int, counts)
Cohort.make(recipe, count, folder, workers=workers, cases_per_shard=each)
"""
PATIENCE = 5.0
"""Seconds within which orphaned workers are to be gone."""


def figures(quick: bool) -> Iterator[Figure]:
    """The quick run is the same: it is small already."""
    with tempfile.TemporaryDirectory(prefix="twin-faults-") as folder:
        started = time.perf_counter()
        outcome = strike(small_recipe(Path(folder)), Path(folder))
        spent = time.perf_counter() - started
    how = f"{CASES} cases on {HEARTS} hearts in {FILES} files, {WORKERS} workers: "
    how += ", ".join(f"{whom} killed after {files}" for whom, files in outcome.struck)
    yield at_least("fault_runs", len(outcome.struck), len(BLOWS), "", how)
    yield at_most("fault_mismatches", len(outcome.mismatches), 0, "files", how)
    yield report("fault_seconds", spent, "s", f"both runs; load {os.getloadavg()[0]:.1f}")


@dataclass(frozen=True)
class Outcome:
    """Which blows were struck, after how many files, and which files differ after all."""

    struck: tuple[tuple[str, int], ...]
    mismatches: tuple[str, ...]
    whole: Cohort
    broken: Cohort


class Run:
    """A run in a process of its own."""

    def __init__(self, recipe: Path, folder: Path) -> None:
        self.folder = folder
        words = [recipe, folder, CASES, EACH_SHARD, WORKERS]
        self.process = subprocess.Popen([sys.executable, "-c", RUN, *map(str, words)])

    def workers(self) -> list[int]:
        tasks = Path(f"/proc/{self.process.pid}/task").glob("*/children")
        return [int(number) for task in tasks for number in task.read_text().split()]

    def wait_for(self, files: int) -> int:
        """Until so many files are entered."""
        while (there := entered(self.folder)) < files:
            if self.process.poll() is not None:
                raise TwinError("the run was over before it was struck")
            time.sleep(0.01)
        return there

    def end(self) -> None:
        if self.process.wait():
            raise TwinError(f"the run ended with code {self.process.returncode}")


def small_recipe(folder: Path) -> Path:
    write_chunky_heart(folder / "heart.vtu")
    (folder / "small.toml").write_text(RECIPE.replace("'", '"'))
    return folder / "small.toml"


def strike(recipe: Path, folder: Path) -> Outcome:
    """Make the cohort twice: in peace, and under blows."""
    Run(recipe, folder / "whole").end()
    chance = random.Random(0)
    broken = folder / "broken"
    run, struck = Run(recipe, broken), []
    for whom, files in BLOWS:
        there = run.wait_for(files)
        time.sleep(chance.uniform(0, 0.5))
        workers = run.workers()
        struck.append((whom, there))
        if whom == "worker":
            os.kill(chance.choice(workers), signal.SIGKILL)
            continue
        run.process.kill()
        run.process.wait()
        _require_gone(workers)
        _tear(broken, chance)
        run = Run(recipe, broken)
    run.end()
    before, after = _hashes(folder / "whole"), _hashes(broken)
    differing = {name for name, value in (before.items() ^ after.items())}
    cohorts = Cohort.open(folder / "whole"), Cohort.open(broken)
    return Outcome(tuple(struck), tuple(sorted(differing)), *cohorts)


def entered(folder: Path) -> int:
    """Files that the manifest has."""
    manifest = folder / "manifest.jsonl"
    return manifest.read_bytes().count(b"}\n") if manifest.exists() else 0


def _hashes(folder: Path) -> dict[str, str]:
    files = sorted(folder.glob("*/*.h5"))
    return {str(path.relative_to(folder)): file_hash(path) for path in files}


def _require_gone(workers: list[int]) -> None:
    until = time.monotonic() + PATIENCE
    while any(map(_alive, workers)):
        if time.monotonic() > until:
            raise TwinError("workers outlived their parent")
        time.sleep(0.01)


def _alive(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rsplit(") ", 1)[1][0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def _tear(folder: Path, chance: random.Random) -> None:
    """What a loss of power may leave as well: half a line, half a file, a flipped bit."""
    with open(folder / "manifest.jsonl", "ab") as manifest:
        manifest.write(b'{"kind":"shard","num')
    (folder / "shards" / ".00000.1.part.h5").write_bytes(b"half")
    whole = sorted(folder.glob("shards/[0-9]*.h5"))
    if not whole:
        return
    with open(chance.choice(whole), "r+b") as file:
        file.seek(-200, os.SEEK_END)
        byte = file.read(1)[0]
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes([byte ^ 1]))
