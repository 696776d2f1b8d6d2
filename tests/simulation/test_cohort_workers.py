"""Workers that die, do not start, or find the disk full; the run goes on, or says why not."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from twin.meshes.errors import InputError, TwinError
from twin.simulation.recruitment.crowds import workers
from twin.simulation.recruitment.crowds.making import make_cohort, only_run
from twin.simulation.recruitment.plan import Plan
from twin.simulation.recruitment.recipe import Recipe
from twin.simulation.recruitment.store.header import begin
from twin.simulation.recruitment.store.manifest import read_entries

WORKER = """
import os, signal, sys, time
from pathlib import Path
from types import SimpleNamespace
from dataclasses import replace
from twin.meshes.files import file_hash, whole_file
from twin.simulation.recruitment.crowds import worker
from twin.simulation.recruitment.store.manifest import Entry, append_entry
from twin.simulation.recruitment.crowds.task import DiskError

def make(kind, folder, plan, number):
    anatomy = number if kind == "anatomy" else plan.shards[number].anatomy
    {trouble}
    cases = plan.shards[number].cases if kind == "shard" else ()
    entry = Entry(kind, number, anatomy, plan.seed, cases=tuple(cases))
    path = entry.path(folder)
    with whole_file(path) as part:
        part.write_text(kind + str(number))
    entry = replace(entry, sha256=file_hash(path), bytes=path.stat().st_size)
    append_entry(folder, entry)
    return entry

sys.modules["twin.simulation.recruitment.shard"] = fake = SimpleNamespace(
    make_anatomy=lambda *given: make("anatomy", *given),
    make_shard=lambda *given: make("shard", *given),
)
import twin.simulation.recruitment as package
package.shard = fake
worker.main(Path(sys.argv[1]), None, int(sys.argv[3]))
"""


@pytest.fixture
def plan():
    return Plan(Recipe.of_text('name = "test"\nversion = 1\ncases_per_heart = 10\n'), 40)


@pytest.fixture
def troubled(monkeypatch, tmp_path):
    """Worker processes with the real worker's manners, and work that is quick and in trouble."""

    def install(trouble="pass"):
        script = tmp_path / "worker.py"
        script.write_text(WORKER.replace("{trouble}", trouble))
        monkeypatch.setattr(workers, "COMMAND", (sys.executable, "-P", str(script)))

    return install


def made(folder):
    return {key for key, entry in read_entries(folder).items() if not entry.failed}


def everything(plan):
    keys = {("anatomy", number) for number in range(plan.anatomies)}
    return keys | {("shard", shard.number) for shard in plan.shards}


def test_all_is_made_and_nothing_twice(troubled, plan, tmp_path):
    troubled()
    told = []
    make_cohort(plan, tmp_path / "c", 2, progress=lambda *said: told.append(said))
    assert made(tmp_path / "c") == everything(plan)
    assert told[-1][0].startswith("4 of 4 hearts, 40 of 40 cases")
    assert told[-1][1] == 1.0
    lines = (tmp_path / "c" / "manifest.jsonl").read_bytes()
    make_cohort(plan, tmp_path / "c", 2)
    assert (tmp_path / "c" / "manifest.jsonl").read_bytes() == lines


def test_a_task_that_kills_its_workers_is_given_up_and_the_run_goes_on(troubled, plan, tmp_path):
    troubled("if (kind, number) == ('shard', 2): os.kill(os.getpid(), 11)")
    make_cohort(plan, tmp_path / "c", 2)
    assert made(tmp_path / "c") == everything(plan) - {("shard", 2)}
    reason = read_entries(tmp_path / "c")["shard", 2].failed
    assert reason.startswith("3 workers died of it: killed by signal 11")


def test_without_an_anatomy_its_shards_are_given_up_too(troubled, plan, tmp_path):
    troubled("if (kind, number) == ('anatomy', 1): raise ValueError('no such heart')")
    make_cohort(plan, tmp_path / "c", 2)
    assert made(tmp_path / "c") == everything(plan) - {("anatomy", 1), ("shard", 1)}
    entries = read_entries(tmp_path / "c")
    assert entries["anatomy", 1].failed == "ValueError: no such heart"
    assert entries["shard", 1].failed == "no anatomy 1: ValueError: no such heart"
    # Another run tries what had failed.
    troubled()
    make_cohort(plan, tmp_path / "c", 2)
    assert made(tmp_path / "c") == everything(plan)


def test_a_task_whose_worker_died_once_is_done_by_a_fresh_one(troubled, plan, tmp_path):
    mark = tmp_path / "died"
    kill = "mark.touch() or os.kill(os.getpid(), signal.SIGKILL)"
    troubled(f"mark = Path({str(mark)!r})\n    if number == 1 and not mark.exists(): {kill}")
    make_cohort(plan, tmp_path / "c", 1)
    assert mark.exists()
    assert made(tmp_path / "c") == everything(plan)
    assert not list((tmp_path / "c").glob("*/.*"))


def test_a_full_disk_ends_the_run_with_the_reason(troubled, plan, tmp_path):
    troubled("if kind == 'shard': raise OSError(28, 'No space left on device')")
    with pytest.raises(TwinError, match=r"No space left.*run the same command again"):
        make_cohort(plan, tmp_path / "c", 2)
    assert not any(entry.failed for entry in read_entries(tmp_path / "c").values())


def test_workers_that_do_not_start_end_the_run_with_their_last_words(monkeypatch, plan, tmp_path):
    script = tmp_path / "worker.py"
    script.write_text("raise SystemExit('the library is not there')")
    monkeypatch.setattr(workers, "COMMAND", (sys.executable, str(script)))
    with pytest.raises(TwinError, match="do not start: ended with code 1; the library is not"):
        make_cohort(plan, tmp_path / "c", 2)


def test_ctrl_c_leaves_no_worker_and_a_folder_that_goes_on(troubled, plan, tmp_path):
    troubled("time.sleep(0.05)")
    seen, before = [], set(children())

    def interrupt(stage, share):
        if share > 0.3:
            seen[:] = set(children()) - before
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make_cohort(plan, tmp_path / "c", 2, progress=interrupt)
    assert len(seen) == 2
    assert not set(seen) & set(children())
    make_cohort(plan, tmp_path / "c", 2)
    assert made(tmp_path / "c") == everything(plan)


def children():
    """Processes of this one."""
    tasks = Path("/proc/self/task").glob("*/children")
    return [int(number) for task in tasks for number in task.read_text().split()]


def test_workers_end_when_their_parent_is_killed(troubled, plan, tmp_path):
    """Also in the middle of a task, when they do not listen."""
    troubled("time.sleep(60)")
    begin(tmp_path / "c", plan)
    code = (
        "import sys, os\nfrom pathlib import Path\n"
        "from twin.simulation.recruitment.crowds import workers\n"
        "from twin.simulation.recruitment.crowds.schedule import Task\n"
        f"workers.COMMAND = {workers.COMMAND!r}\n"
        f"worker = workers.Worker(Path({str(tmp_path / 'c')!r}), 0, None)\n"
        "worker.process.stdout.readline()\n"
        "worker.give(Task('anatomy', 0, 0))\n"
        "print(worker.process.pid, flush=True)\n"
        "worker.process.wait()\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert parent.stdout
    with parent:
        worker = int(parent.stdout.readline())
        parent.kill()
    assert parent.returncode == -signal.SIGKILL
    assert gone(worker)


def gone(process):
    for _ in range(100):
        try:
            os.kill(process, 0)
        except ProcessLookupError:
            return True
        if Path(f"/proc/{process}/stat").read_text().split(") ")[1][0] == "Z":
            return True
        time.sleep(0.05)
    return False


def test_one_run_at_a_time(plan, tmp_path):
    begin(tmp_path / "c", plan)
    with only_run(tmp_path / "c"), pytest.raises(InputError, match="another run"):
        make_cohort(plan, tmp_path / "c")


def test_too_small_a_disk_is_found_first(monkeypatch, plan, tmp_path):
    monkeypatch.setattr("twin.simulation.recruitment.crowds.making.BYTES_PER_CASE", 1e15)
    with pytest.raises(InputError, match="MB are free"):
        make_cohort(plan, tmp_path / "c")
    assert not (tmp_path / "c").exists()


def test_workers_have_a_core_each_as_long_as_there_are_enough():
    there = sorted(os.sched_getaffinity(0))
    assert workers.cores(len(there)) == there
    assert workers.cores(len(there) + 1) == [None] * (len(there) + 1)
