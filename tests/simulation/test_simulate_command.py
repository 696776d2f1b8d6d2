"""`twin simulate`: what it says and writes, and one clear error for each fault of the input."""

import contextlib
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from twin.command_line.console import watched
from twin.meshes.torso import Torso
from twin.simulation.results import NAMES, RECORD

SETTINGS = '[ecg]\nlead_field = "infinite_medium"\n[potentials]\nstep = 50.0\n'


@pytest.fixture
def quick(tmp_path):
    path = tmp_path / "quick.toml"
    path.write_text(SETTINGS)
    return path


def refused(result):
    """The one line of a refusal."""
    code, _, err = result
    lines = [line for line in err.splitlines() if line and not line.startswith("note: ")]
    assert code == 2
    assert len(lines) == 1
    assert "Traceback" not in err
    return lines[0]


def electrodes(path, heart, scale=1.0, shift=0.0):
    """A file of the template's electrodes around the heart, times `scale`, moved by `shift`."""
    places = Torso.template().place(heart).electrodes
    rows = [f"{name},{','.join(map(str, p * scale + shift))}" for name, p in places.items()]
    path.write_text("electrode,x,y,z\n" + "\n".join(rows) + "\n")
    return path


def test_a_heart_becomes_a_folder_of_results(twin, coarse_heart_file, quick, tmp_path):
    words = ("simulate", coarse_heart_file, "--settings", quick, "-o", tmp_path / "out")
    code, out, err = twin(*words)
    assert code == 0
    assert "QRS" in out
    assert "ecg.png" in out
    assert "note: electrodes moved onto the skin" in err
    assert {path.name for path in (tmp_path / "out").iterdir()} == set(NAMES)
    record = json.loads((tmp_path / "out" / RECORD).read_text())
    assert set(record["inputs"]["sha256"]) == {"heart", "settings"}


def test_json_is_the_measures_alone(twin, coarse_heart_file, quick, tmp_path):
    words = ("simulate", coarse_heart_file, "--settings", quick, "-o", tmp_path / "out", "--json")
    code, out, _ = twin(*words)
    assert code == 0
    assert json.loads(out) == json.loads((tmp_path / "out" / "measures.json").read_text())


def test_all_settings_are_written_for_editing(twin, tmp_path):
    code, out, _ = twin("simulate", "--write-settings", tmp_path / "all.toml")
    assert code == 0
    assert "edit it" in out
    assert "fibre = 0.6  # mm/ms" in (tmp_path / "all.toml").read_text()


def test_electrodes_of_the_patient_go_into_the_settings(
    twin, coarse_heart, coarse_heart_file, quick, tmp_path
):
    file = electrodes(tmp_path / "electrodes.csv", coarse_heart)
    words = ("simulate", coarse_heart_file, "--electrodes", file, "--settings", quick)
    code, _, err = twin(*words, "-o", tmp_path / "out")
    assert code == 0, err
    assert str(file) in (tmp_path / "out" / "settings.toml").read_text()
    assert "the template" in err


def test_no_heart(twin, tmp_path):
    assert "no heart is named" in refused(twin("simulate", "-o", tmp_path / "out"))
    missing = refused(twin("simulate", tmp_path / "no.vtu", "-o", tmp_path / "out"))
    assert "no.vtu is not there" in missing
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("content", [b"", b"no mesh at all", b"<VTKFile><oops"])
def test_an_unreadable_heart(twin, tmp_path, content):
    path = tmp_path / "heart.vtu"
    path.write_bytes(content)
    assert str(path) in refused(twin("simulate", path, "-o", tmp_path / "out"))


def test_a_damaged_heart_of_ours(twin, coarse_heart_file, tmp_path):
    path = tmp_path / "heart.vtu"
    path.write_bytes(coarse_heart_file.read_bytes()[: -coarse_heart_file.stat().st_size // 3])
    assert str(path) in refused(twin("simulate", path, "-o", tmp_path / "out"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[conduction]\nfibre = -1.0", "greater than 0"),
        ("[conduction]\nfibre = 'fast'", "valid number"),
        ("[conduction]\nspeed = 1.0", "no such setting"),
        ("[torso]\nelectrodes = 'none.csv'", "no such file"),
        ("[ecg]\nstart = 0.0\nend = 60.0", "take more samples"),
        ("[repolarisation]\nmean = 900.0", "outside the table of action potentials"),
        ("[[sources]]\nnode = 99999999", "node 99,999,999"),
    ],
)
def test_wrong_settings(twin, coarse_heart_file, quick, tmp_path, text, said):
    path = tmp_path / "wrong.toml"
    body = SETTINGS if "[ecg]" not in text else "[potentials]\nwrite = false\n"
    if "end = 60" in text:
        text += '\nlead_field = "infinite_medium"'
    path.write_text(f"{text}\n{body}")
    words = ("simulate", coarse_heart_file, "--settings", path, "-o", tmp_path / "out")
    assert said in refused(twin(*words))
    assert not (tmp_path / "out").exists() or not list((tmp_path / "out").iterdir())


def test_a_torso_in_another_unit_is_read_in_mm_or_refused(
    twin, coarse_heart, coarse_heart_file, quick, tmp_path
):
    """Metres tell themselves by the torso's size, and what is declared wrongly is refused."""
    file = electrodes(tmp_path / "electrodes.csv", coarse_heart, 1e-3)
    words = ("simulate", coarse_heart_file, "--settings", quick, "--electrodes", file)
    code, _, err = twin(*words, "-o", tmp_path / "out")
    assert code == 0, err
    said = refused(twin(*words, "--torso-unit", "cm", "-o", tmp_path / "other"))
    assert "unit" in said


def test_a_torso_elsewhere_is_refused(twin, coarse_heart, coarse_heart_file, quick, tmp_path):
    file = electrodes(tmp_path / "electrodes.csv", coarse_heart, shift=900.0)
    words = ("simulate", coarse_heart_file, "--settings", quick, "--electrodes", file)
    assert "same frame" in refused(twin(*words, "-o", tmp_path / "out"))


def test_an_output_that_is_a_file(twin, coarse_heart_file, tmp_path):
    (tmp_path / "out").write_text("mine")
    said = refused(twin("simulate", coarse_heart_file, "-o", tmp_path / "out"))
    assert "is a file" in said
    assert (tmp_path / "out").read_text() == "mine"


def test_an_output_with_files_of_somebody_else(twin, coarse_heart_file, tmp_path):
    (tmp_path / "ecg.csv").write_text("mine")
    said = refused(twin("simulate", coarse_heart_file, "-o", tmp_path))
    assert "ecg.csv but no simulation.json" in said
    assert (tmp_path / "ecg.csv").read_text() == "mine"


def command(*words):
    place = Path(sys.executable).parent / "twin"
    return subprocess.Popen(
        [place, *map(str, words)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


FULL = """
import resource, sys
from twin.command_line import main
from twin.command_line.console import watched
from twin.meshes.torso import Torso
from twin.meshes import formats
read, most = formats.read_heart, int(sys.argv[1])
def read_then_fill(*given, **options):
    heart = read(*given, **options)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
    return heart
formats.read_heart = read_then_fill
sys.argv = ["twin", *sys.argv[2:]]
main()
"""


@pytest.mark.parametrize("most", [100_000, 5_000_000])
def test_a_disk_that_fills_up(coarse_heart_file, quick, tmp_path, most):
    """No file may grow beyond `most` bytes: every writer is refused as by a full disk."""
    out = tmp_path / "out"
    words = ("simulate", coarse_heart_file, "--settings", quick, "-o", out)
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(most), *map(str, words)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert "could not be written" in refused((done.returncode, done.stdout, done.stderr))
    assert list(out.iterdir()) == []


def test_a_killed_run_leaves_nothing_under_the_final_names(
    twin, coarse_heart_file, quick, tmp_path
):
    out = tmp_path / "out"
    words = ("simulate", coarse_heart_file, "--settings", quick, "-o", out)
    with command(*words) as run:
        until = time.monotonic() + 60
        while not list(out.glob(".*.part")) and time.monotonic() < until:
            time.sleep(0.05)
        run.send_signal(signal.SIGKILL)
    assert not [name for name in NAMES if (out / name).exists()]
    code, _, err = twin(*words)
    assert code == 0, err
    assert {path.name for path in out.iterdir()} == set(NAMES)


def test_an_interrupted_run_says_so(coarse_heart_file, quick, tmp_path):
    out = tmp_path / "out"
    with command("simulate", coarse_heart_file, "--settings", quick, "-o", out) as run:
        until = time.monotonic() + 60
        while not list(out.glob(".*.part")) and time.monotonic() < until:
            time.sleep(0.05)
        run.send_signal(signal.SIGINT)
        _, err = run.communicate(timeout=60)
    assert run.returncode == 130
    assert "Traceback" not in err
    assert list(out.iterdir()) == []


def test_an_interruption_that_a_library_lost_is_raised_at_the_next_report():
    with watched() as report:
        with contextlib.suppress(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            report("on and on", 0.5)
