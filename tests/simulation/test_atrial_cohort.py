"""The cohort of left atria: what it holds, and what becomes of faults."""

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from twin.meshes.errors import InputError
from twin.simulation.atria import cohort as module
from twin.simulation.atria.cohort import AtrialCohort, AtrialPlan

FEW = AtrialPlan(subjects=2, seed=5, nodes=8_000, bodies=1)


@pytest.fixture(scope="session")
def cohort(tmp_path_factory):
    return AtrialCohort.make(tmp_path_factory.mktemp("atria") / "cohort", FEW, workers=2)


def test_every_subject_has_rhythms_anatomy_and_truth(cohort):
    assert len(cohort) == 2
    subject = cohort[1]
    rhythms = [take.rhythm for take in subject.takes]
    assert rhythms[0] == "sinus"
    assert len(set(rhythms)) == len(rhythms) >= 4
    patches = len(subject.patches["areas"])
    assert subject.fields.shape == (9, patches, 3)
    assert np.all(subject.conductivities >= 0)
    assert np.all(subject.conductivities < 5)
    for take in subject.takes:
        assert take.moments.shape[:3] == (patches, 2, 3)
        assert take.leads.shape == (8, take.moments.shape[3])
        assert 0.005 < np.abs(take.leads).max() < 1.0


def test_beats_begin_at_rest_and_rise_to_the_plateau(cohort):
    """Each patch's mean potential, before the front comes and after it has passed."""
    for take in cohort[0].takes[:3]:
        assert np.all(take.means[:, 0] < -78)
        assert np.all(take.means.max(axis=1) > -15)


def test_bodies_have_no_takes_and_are_other_people(cohort):
    (body,) = cohort.bodies
    assert body.takes == ()
    assert body.fields.shape == (9, len(body.patches["areas"]), 3)
    assert body.drawn not in [subject.drawn for subject in cohort]
    assert len(cohort) == 2


def test_leads_are_what_moments_fields_and_conductivities_make(cohort):
    """The patches lose little: with the true fields and conductivities the ECG comes back."""
    for subject in cohort:
        take = subject.takes[0]
        moments = take.moments.astype(np.float32) * take.scale
        parts = np.einsum("epx,pk,pkxt->et", subject.fields, subject.conductivities, moments)
        left, right, foot = parts[1], parts[0], parts[2]
        found, true = -2.0 * np.stack([left - right, foot - right]), take.leads[:2]
        assert np.sum((found - true) ** 2) < 0.03 * np.sum(true**2)


def test_subjects_differ_and_the_same_seed_gives_the_same(cohort, tmp_path):
    again = AtrialCohort.make(tmp_path / "one", AtrialPlan(1, FEW.seed + 1, FEW.nodes), workers=1)
    one, other = again[0], cohort[1]
    assert one.drawn == other.drawn
    assert one.drawn != cohort[0].drawn
    for mine, theirs in zip(one.takes, other.takes, strict=True):
        np.testing.assert_array_equal(mine.leads, theirs.leads)
        np.testing.assert_array_equal(mine.moments, theirs.moments)


def test_what_is_missing_or_damaged_is_made_again(cohort):
    first, second = sorted(cohort.folder.glob("subject_*.h5"))
    before = cohort[0].takes[0].leads, second.stat().st_mtime_ns
    first.write_bytes(first.read_bytes()[:1000])
    with pytest.raises(InputError, match="damaged"):
        cohort[0]
    made = AtrialCohort.make(cohort.folder, FEW, workers=1)
    np.testing.assert_array_equal(made[0].takes[0].leads, before[0])
    assert second.stat().st_mtime_ns == before[1]


def test_more_of_one_kind_hides_nothing_of_the_other(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_make_missing", lambda *_: None)
    for plan in (AtrialPlan(40, bodies=2), AtrialPlan(20, bodies=9)):
        cohort = AtrialCohort.make(tmp_path / "cohort", plan, workers=1)
    assert (cohort.plan.subjects, cohort.plan.bodies) == (40, 9)


def test_a_run_killed_in_the_middle_leaves_whole_files_and_no_workers(tmp_path):
    folder = tmp_path / "killed"
    code = (
        "from twin.simulation.atria.cohort import AtrialCohort, AtrialPlan\n"
        f"if __name__ == '__main__': AtrialCohort.make({str(folder)!r}, "
        f"AtrialPlan(40, 5, {FEW.nodes}), workers=2)\n"
    )
    script = tmp_path / "run.py"
    script.write_text(code)
    run = subprocess.Popen([sys.executable, str(script)], start_new_session=True)
    group = os.getpgid(run.pid)
    deadline = time.monotonic() + 120
    while not list(folder.glob("subject_*.h5")) and time.monotonic() < deadline:
        time.sleep(0.2)
    run.send_signal(signal.SIGKILL)
    run.wait()
    # Python's own tracker of semaphores takes a moment to see that everybody has gone.
    deadline = time.monotonic() + 30
    while alive(group) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert not alive(group)
    left = AtrialCohort.open(folder)
    assert len(left) >= 1
    assert left[0].takes[0].rhythm == "sinus"


def alive(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.parametrize(
    ("plan", "said"),
    [
        ({"subjects": 0}, "expected 1 or more"),
        ({"seed": -1}, "expected 0 or more"),
        ({"seed": 1_000_000}, "less than a million"),
        ({"bodies": -1}, "expected 0 or more"),
        ({"nodes": 10}, "expected 8,000 to 100,000"),
        ({"fibre_angle": 90.0}, "0 to 45 degrees"),
    ],
)
def test_plans_that_make_no_sense(plan, said):
    with pytest.raises(InputError, match=said):
        AtrialPlan(**plan)


def test_folders_that_hold_something_else(cohort, tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(InputError, match="not empty"):
        AtrialCohort.make(tmp_path, FEW)
    with pytest.raises(InputError, match="no atrial cohort"):
        AtrialCohort.open(tmp_path)
    with pytest.raises(InputError, match="holds a cohort of seed 5"):
        AtrialCohort.make(cohort.folder, AtrialPlan(2, 6, FEW.nodes))
    other = tmp_path / "newer"
    other.mkdir()
    (other / "cohort.json").write_text(json.dumps({**vars(FEW), "form": 99}))
    with pytest.raises(InputError, match="form 99"):
        AtrialCohort.open(other)
    (other / "cohort.json").write_text("{")
    with pytest.raises(InputError, match="cannot be read"):
        AtrialCohort.open(other)
