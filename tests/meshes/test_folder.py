"""A folder of results is of one run, and whole, whatever comes between."""

import errno
import os
import signal
import subprocess
import sys

import pytest

from twin.meshes.errors import InputError
from twin.meshes.folder import PART, require_space, whole_folder

NAMES = ("a.txt", "b.txt", "record.json")


def write(folder, text, names=NAMES):
    with whole_folder(folder, NAMES, "record.json") as part:
        for name in names:
            (part / name).write_text(text)


def content(folder):
    return {path.name: path.read_text() for path in folder.iterdir() if path.is_file()}


def test_another_run_takes_the_place_of_all_of_the_first(tmp_path):
    (tmp_path / "mine.txt").write_text("kept")
    write(tmp_path, "first")
    write(tmp_path, "second", ("a.txt", "record.json"))
    assert content(tmp_path) == {"a.txt": "second", "record.json": "second", "mine.txt": "kept"}
    assert not list(tmp_path.glob(".*"))


def test_a_run_that_fails_changes_nothing(tmp_path):
    write(tmp_path, "first")
    with pytest.raises(InputError, match="nothing there has changed"):
        write(tmp_path, "second", ("a.txt", "no/such/folder.txt"))
    assert set(content(tmp_path).values()) == {"first"}
    assert not list(tmp_path.glob(".*"))


def test_a_full_disk_is_said_plainly(tmp_path):
    with (
        pytest.raises(InputError, match=r"No space left on device.*name another folder"),
        whole_folder(tmp_path / "out", NAMES, "record.json"),
    ):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert not list((tmp_path / "out").iterdir())


def test_a_file_is_no_folder(tmp_path):
    (tmp_path / "out").write_text("")
    with pytest.raises(InputError, match="is a file; name a folder"):
        write(tmp_path / "out", "text")
    with pytest.raises(InputError, match="could not be written"):
        write(tmp_path / "out" / "below", "text")


def test_files_of_no_finished_run_are_not_overwritten(tmp_path):
    (tmp_path / "a.txt").write_text("somebody's")
    with pytest.raises(InputError, match=r"holds a\.txt but no record\.json"):
        write(tmp_path, "text")
    assert content(tmp_path) == {"a.txt": "somebody's"}


def test_more_than_there_is_room_for_is_refused(tmp_path):
    with pytest.raises(InputError, match="MB are free"):
        require_space(tmp_path / "not" / "yet", 10**18)


KILLED = """
import sys, time
from twin.meshes.folder import whole_folder
with whole_folder(sys.argv[1], ("a.txt", "b.txt", "record.json"), "record.json") as part:
    (part / "a.txt").write_text("half")
    print("written", flush=True)
    time.sleep(60)
"""


def test_a_killed_run_leaves_the_earlier_one_and_is_cleared_up(tmp_path):
    write(tmp_path, "first")
    run = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    with run:
        assert run.stdout.readline() == "written\n"
        run.send_signal(signal.SIGKILL)
    assert set(content(tmp_path).values()) == {"first"}
    assert (tmp_path / PART.format(run.pid)).exists()
    write(tmp_path, "second")
    assert set(content(tmp_path).values()) == {"second"}
    assert not list(tmp_path.glob(".*"))


def test_what_was_killed_while_moving_up_may_be_overwritten(tmp_path):
    (tmp_path / "a.txt").write_text("moved")
    (tmp_path / PART.format(2**22 + 1)).mkdir()
    write(tmp_path, "second")
    assert set(content(tmp_path).values()) == {"second"}
