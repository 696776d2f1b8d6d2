"""The same cohort by dask and by SLURM, through killed workers and preempted jobs.

The physics is a stand-in that takes no time; everything around it is what a user runs. SLURM is
run for real where Debian's slurmctld, slurmd and munge are installed (single_node_slurm.py).
"""

import os
import runpy
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from twin.meshes.files import file_hash
from twin.simulation.cohort import Cohort

HERE = Path(__file__).parent
RECIPE = 'name = "quick"\nversion = 1\ncases_per_heart = 10\n'
CASES, HEARTS, WORKERS = 60, 6, 2
RUN = """
import sys
from twin.simulation.cohort import Cohort
recipe, count, folder, workers, cluster = sys.argv[1:]
if __name__ == "__main__":
    Cohort.make(recipe, int(count), folder, workers=int(workers), cluster=cluster or None)
"""


pytestmark = pytest.mark.slow


@pytest.fixture
def made(tmp_path, monkeypatch):
    """Starts a run in a process of its own; the cohort's folder is named after the cluster."""
    monkeypatch.setenv("PYTHONPATH", str(HERE / "stand_in"))
    (tmp_path / "recipe.toml").write_text(RECIPE)
    (tmp_path / "run.py").write_text(RUN)
    running = []

    def start(cluster="", seconds=0.02):
        monkeypatch.setenv("STAND_IN_SECONDS", str(seconds))
        words = [tmp_path / "recipe.toml", CASES, tmp_path / f"by_{cluster}", WORKERS, cluster]
        command = [sys.executable, tmp_path / "run.py", *words]
        running.append(subprocess.Popen(list(map(str, command)), stderr=subprocess.PIPE, text=True))
        return running[-1]

    yield start
    for process in running:
        process.kill()
        process.communicate()


def finish(process):
    complaints = process.communicate(timeout=600)[1]
    assert process.returncode == 0, complaints


def hashes(folder):
    return {p.relative_to(folder).as_posix(): file_hash(p) for p in sorted(folder.glob("*/*.h5"))}


def descendants(process):
    """Of a process, with the words they were started with."""
    found = {}
    for task in Path(f"/proc/{process}/task").glob("*/children"):
        for child in map(int, task.read_text().split()):
            words = Path(f"/proc/{child}/cmdline").read_bytes().replace(b"\0", b" ").decode()
            found |= {child: words} | descendants(child)
    return found


def entered(folder):
    manifest = folder / "manifest.jsonl"
    return manifest.read_text().count("\n") if manifest.exists() else 0


def wait_until(condition, run, seconds=300):
    until = time.monotonic() + seconds
    while not condition():
        assert run.poll() is None, f"ended early: {run.stderr.read()}"
        assert time.monotonic() < until, "nothing happened"
        time.sleep(0.05)


def same_as_alone(made, tmp_path, cluster):
    finish(made())
    assert len(hashes(tmp_path / "by_")) == 2 * HEARTS
    assert hashes(tmp_path / f"by_{cluster}") == hashes(tmp_path / "by_")
    cohort = Cohort.open(tmp_path / f"by_{cluster}")
    assert cohort.check() == []
    assert len(cohort) == CASES - HEARTS


def test_dask_with_a_killed_worker(made, tmp_path):
    pytest.importorskip("distributed", reason="pip install 'twin[cluster]'")
    run = made("dask", seconds=0.2)
    wait_until(lambda: entered(tmp_path / "by_dask") > 1, run)
    workers = [k for k, words in descendants(run.pid).items() if "spawn_main" in words]
    os.kill(max(workers), signal.SIGKILL)
    finish(run)
    same_as_alone(made, tmp_path, "dask")


def test_dask_is_reached_through_the_loopback_alone(made, tmp_path):
    pytest.importorskip("distributed", reason="pip install 'twin[cluster]'")
    run = made("dask", seconds=0.2)
    wait_until(lambda: entered(tmp_path / "by_dask") > 0, run)
    processes = [run.pid, *descendants(run.pid)]
    sockets = {
        os.readlink(handle)
        for process in processes
        for handle in Path(f"/proc/{process}/fd").iterdir()
        if handle.exists() or handle.is_symlink()
    }
    listening = [
        fields[1]
        for table in ("/proc/net/tcp", "/proc/net/tcp6")
        for fields in (line.split() for line in Path(table).read_text().splitlines()[1:])
        if fields[3] == "0A" and f"socket:[{fields[9]}]" in sockets
    ]
    assert listening
    # 127.0.0.1 as the kernel writes it.
    assert all(place.startswith("0100007F:") for place in listening)
    finish(run)


def test_slurm_with_a_killed_and_a_preempted_job(made, tmp_path):
    pytest.importorskip("submitit", reason="pip install 'twin[cluster]'")
    slurm_module = runpy.run_path(str(HERE / "single_node_slurm.py"))
    if why := slurm_module["reason_without"]():
        pytest.skip(why)
    with slurm_module["SingleNodeSlurm"](tmp_path / "slurm") as slurm:
        run = made("slurm", seconds=0.5)

        def jobs(state):
            return {job for job, where, found in slurm.jobs() if (where, found) == ("low", state)}

        wait_until(lambda: len(jobs("RUNNING")) == WORKERS and entered(tmp_path / "by_slurm"), run)
        slurm.ask("scancel", "--signal=KILL", "--full", min(jobs("RUNNING")))
        wait_until(lambda: len(jobs("RUNNING")) == WORKERS, run)
        # A job of higher rank that wants the whole node: what runs goes back into the queue.
        interrupted = jobs("RUNNING")
        whole_node = f"--ntasks={os.cpu_count()}"
        words = ("--partition=high", whole_node, "--output=/dev/null", "--wrap=sleep 2")
        slurm.ask("sbatch", *words)
        wait_until(lambda: interrupted & jobs("PENDING"), run)
        finish(run)
    same_as_alone(made, tmp_path, "slurm")
    logs = (tmp_path / "by_slurm" / ".slurm").glob("*log.*")
    assert "DUE TO PREEMPTION" in "".join(path.read_text() for path in logs)
