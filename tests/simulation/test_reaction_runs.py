"""Runs through time: checkpoints, observers, re-entry, and the command line."""

import json
import signal
import subprocess
import sys

import h5py
import numpy as np
import pytest
from typer.testing import CliRunner

from twin.benchmarks.boxes import box_heart
from twin.command_line import app
from twin.meshes.errors import InputError
from twin.meshes.heart import Boundary
from twin.meshes.shell import Shell
from twin.simulation.ecg import ECG
from twin.simulation.ionic.mitchell_schaeffer import MitchellSchaeffer
from twin.simulation.monodomain import Monodomain
from twin.simulation.reaction_diffusion.checkpoint import Checkpoint
from twin.simulation.reaction_diffusion.conductivity import TissueConductivity
from twin.simulation.reaction_diffusion.observers import Probes, Signals
from twin.simulation.reaction_diffusion.reentry import (
    cycle_lengths,
    dominant_frequency,
    loop_of_states,
    phase_singularities,
    spiral_phases,
    state_of_phases,
)
from twin.simulation.reaction_diffusion.stimulus import Stimulus

RUN = """
import sys
from pathlib import Path
import numpy as np
from twin.benchmarks.boxes import box_heart
from twin.simulation.ionic.ten_tusscher_panfilov import TenTusscherPanfilov
from twin.simulation.monodomain import Monodomain
from twin.simulation.reaction_diffusion.checkpoint import Checkpoint
from twin.simulation.reaction_diffusion.observers import Probes
from twin.simulation.reaction_diffusion.stimulus import Stimulus

box = box_heart(0.4, size=(4.0, 2.0, 1.2), jitter=0.15)
model = Monodomain.of(box, TenTusscherPanfilov())
stimulus = Stimulus.at((box.points <= 1.0).all(axis=1))
saves = Checkpoint(sys.argv[1], seconds=0.0) if sys.argv[1] else None
def progress(words, fraction):
    print(words, flush=True)
run = model.run(stimulus, 40.0, observers=[Probes(np.array([7, 99]))], checkpoint=saves,
                progress=progress)
np.savez(sys.argv[2], cells=run.state.cells, first=run.activation_times,
         probes=run.samples["probes"], times=run.times)
"""


def started(*arguments):
    return subprocess.Popen(
        [sys.executable, "-c", RUN, *map(str, arguments)], stdout=subprocess.PIPE, text=True
    )


def test_a_killed_run_goes_on_and_ends_with_the_same_bits(tmp_path):
    unbroken = started("", tmp_path / "unbroken.npz")
    assert unbroken.communicate()[0]
    saves = tmp_path / "run.h5"
    broken = started(saves, tmp_path / "broken.npz")
    for _ in range(9):
        broken.stdout.readline()
    broken.send_signal(signal.SIGKILL)
    broken.communicate()
    with h5py.File(saves) as file:
        assert 0 < file["state/step"][()] < 2000
    resumed = started(saves, tmp_path / "broken.npz")
    first = resumed.stdout.readline()
    resumed.communicate()
    assert float(first.split()[0]) > 5
    one, other = (np.load(tmp_path / f"{name}.npz") for name in ("unbroken", "broken"))
    for name in one.files:
        np.testing.assert_array_equal(one[name], other[name])
    assert len(one["times"]) == len(one["probes"]) == 41


def test_a_checkpoint_of_another_run_is_refused(tmp_path):
    box = box_heart(0.5, size=(2.0, 1.0, 1.0))
    stimulus = Stimulus.at((box.points <= 1.0).all(axis=1))
    Monodomain.of(box, MitchellSchaeffer()).run(
        stimulus, 2.0, checkpoint=Checkpoint(tmp_path / "run.h5")
    )
    other = Monodomain.of(box, MitchellSchaeffer(tau_close=150.0))
    with pytest.raises(InputError, match=r"run\.h5: the checkpoint of another run"):
        other.run(stimulus, 2.0, checkpoint=Checkpoint(tmp_path / "run.h5"))
    (tmp_path / "run.h5").write_bytes(b"no HDF5")
    with pytest.raises(InputError, match="not a checkpoint"):
        other.run(stimulus, 2.0, checkpoint=Checkpoint(tmp_path / "run.h5"))


@pytest.fixture(scope="module")
def sheet():
    """A flat square of triangles, 60 mm wide, nodes 1.5 mm apart."""
    axis = np.linspace(0, 60, 41)
    points = np.stack([*np.meshgrid(axis, axis, indexing="ij"), np.zeros((41, 41))], axis=-1)
    number = np.arange(41 * 41).reshape(41, 41)
    a, b, c, d = (
        n.ravel() for n in (number[:-1, :-1], number[1:, :-1], number[1:, 1:], number[:-1, 1:])
    )
    triangles = np.concatenate([np.stack([a, b, c], 1), np.stack([a, c, d], 1)])
    fibre = np.tile([1.0, 0.0, 0.0], (len(triangles), 1))
    return Shell(points.reshape(-1, 3).astype(np.float32), triangles, fibre)


def test_a_spiral_started_from_phases_turns_around_one_tip(sheet):
    cell = MitchellSchaeffer(tau_in=0.15, tau_out=3.0, tau_open=60.0, tau_close=60.0)
    tissue = TissueConductivity.uniform(sheet, 0.13, 0.13)
    model = Monodomain.of(sheet, cell, tissue, time_step=0.05)
    phases = spiral_phases(sheet.points, np.array([30.0, 30.0, 0.0]), np.array([0, 0, 1.0]), 60.0)
    inner = np.abs(phase_singularities(sheet.triangles, phases))
    assert inner.sum() == 1
    start = state_of_phases(loop_of_states(cell, cycle=160.0, time_step=0.05), phases)
    probe = Probes.near(sheet, [[10.0, 10.0, 0.0]])
    run = model.run(Stimulus.none(model.nodes), 900.0, start=start, observers=[probe])
    potential = run.samples["probes"][:, 0]
    lengths = cycle_lengths(potential, 1.0)[2:]
    assert len(lengths) >= 3
    assert lengths.std() < 0.1 * lengths.mean()
    found = dominant_frequency(run.samples["probes"][200:], 1.0)
    assert found[0] == pytest.approx(1000 / lengths.mean(), rel=0.1)


def test_electrograms_see_a_front_come_and_go(sheet):
    cell = MitchellSchaeffer(tau_in=0.15)
    tissue = TissueConductivity.uniform(sheet, 0.13, 0.13)
    model = Monodomain.of(sheet, cell, tissue, time_step=0.05)
    electrode = Signals.electrograms(sheet, tissue, np.array([[30.0, 30.0, 1.0]]))
    near = sheet.points[:, 0] < 4
    run = model.run(Stimulus.at(near), 120.0, observers=[electrode])
    passed = run.activation_times[np.argmin(np.linalg.norm(sheet.points - [30, 30, 0], axis=1))]
    signal_ = run.samples["electrograms"][:, 0]
    before, after = signal_[: round(passed)], signal_[round(passed) : round(passed) + 30]
    assert before.max() > 0.2 > 0 > after.min()
    assert abs(np.argmin(np.gradient(signal_)) - passed) < 3
    with pytest.raises(InputError, match="take it at least"):
        Signals.electrograms(sheet, tissue, sheet.points[:1])


def test_a_shell_of_a_heart_conducts(coarse_heart):
    shell = Shell.endocardium(coarse_heart, Boundary.LV_ENDOCARDIUM)
    cell = MitchellSchaeffer()
    tissue = TissueConductivity.uniform(shell, 4.0, 4.0)
    model = Monodomain.of(shell, cell, tissue, time_step=0.04)
    run = model.run(Stimulus.at(np.linalg.norm(shell.points - shell.points[0], axis=1) < 15), 200.0)
    assert np.isfinite(run.activation_times).all()


SHORT = """
[ecg]
lead_field = "infinite_medium"
start = 0.0
end = 120.0

[potentials]
step = 20.0
end = 100.0
"""


@pytest.mark.slow
def test_the_command_line_runs_reaction_eikonal(coarse_heart_file, tmp_path):
    settings = tmp_path / "settings.toml"
    settings.write_text(SHORT)
    out = tmp_path / "out"
    line = [str(coarse_heart_file), "--settings", str(settings), "-o", str(out)]
    line = ["simulate", *line, "--model", "reaction-eikonal", "--json"]
    answer = CliRunner().invoke(app, line)
    assert answer.exit_code == 0, answer.output
    assert (out / "potentials.vtkhdf").exists()
    assert not (out / "running").exists()
    ecg = ECG.read(out / "ecg.hea")
    assert 0.3 < np.ptp(ecg.lead("V2")) < 10
    assert json.loads((out / "simulation.json").read_text())["model"] == "reaction-eikonal"
    refused = CliRunner().invoke(app, [*line[:-2], "monodomain"])
    assert refused.exit_code != 0
    assert "reaction-eikonal" in str(refused.exception) + refused.output
