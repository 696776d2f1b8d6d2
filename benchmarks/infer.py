"""`twin infer` from a standing start: a new process, an empty cache, a heart of 100,000 nodes."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

from twin.benchmarks.eikonal import machine
from twin.benchmarks.figure import Figure, at_most
from twin.meshes.heart import Heart

NODES, QUICK_NODES = 100_000, 20_000
BARS = (("", (), 25.0), ("_unrefined", ("--no-refine",), 10.0))
"""Of each way to ask: its options, and the seconds it may take."""
MOST_GIGABYTES = 3.0


def figures(quick: bool) -> Iterator[Figure]:
    ecg = Path(str(files("twin").joinpath("demo_case", "ecg.csv")))
    with tempfile.TemporaryDirectory() as folder:
        heart = Path(folder) / "heart.vtu"
        sampled = Heart.sample(1, nodes=QUICK_NODES if quick else NODES)
        sampled.write(heart)
        how = f"{len(sampled.points):,} nodes, new process, empty cache, {machine()}"
        for name, options, limit in BARS:
            seconds, gigabytes = _cold(
                [str(heart), str(ecg), *options], Path(folder) / f"run{name}"
            )
            yield at_most(f"infer_cold_seconds{name}", seconds, limit, "s", how)
            yield at_most(f"infer_cold_gigabytes{name}", gigabytes, MOST_GIGABYTES, "GB", how)


def _cold(arguments: list[str], folder: Path) -> tuple[float, float]:
    """Seconds and the most memory of one run."""
    folder.mkdir()
    command = [sys.executable, "-c", "from twin.command_line import main; main()", "infer"]
    started = time.perf_counter()
    run = subprocess.Popen(
        [*command, *arguments, "-o", str(folder / "out")],
        env={**os.environ, "TWIN_CACHE": str(folder / "cache")},
        stdout=subprocess.DEVNULL,
    )
    _, status, used = os.wait4(run.pid, 0)
    seconds = time.perf_counter() - started
    run.returncode = os.waitstatus_to_exitcode(status)
    if run.returncode:
        raise RuntimeError(f"twin infer ended with {run.returncode}")
    return seconds, used.ru_maxrss / 1e6
