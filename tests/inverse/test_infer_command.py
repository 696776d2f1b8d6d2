"""`twin infer`: what it says and writes, and one clear error for each fault of the input."""

import json
from dataclasses import replace

import numpy as np
import pytest

from twin.benchmarks.synthetic_ecg import synthetic_ecg
from twin.meshes.heart import Boundary, Heart
from twin.simulation.ecg import ECG
from twin.simulation.infarct import Infarct


@pytest.fixture(scope="module")
def files(small_cohort, tmp_path_factory):
    """A heart and its recorded ECG, as a user has them."""
    folder = tmp_path_factory.mktemp("patient")
    case = small_cohort[1]
    case.heart.write(folder / "heart.vtu")
    case.ecg.write(folder / "ecg.csv")
    return folder


def refused(result):
    """The last line of a refusal."""
    code, _, err = result
    assert code == 2, err
    assert "Traceback" not in err
    return [line for line in err.splitlines() if line.strip()][-1]


def test_an_infarct_is_looked_for_and_reported(twin, files, small_model, tmp_path):
    out = tmp_path / "out"
    code, said, err = twin(
        "infer", files / "heart.vtu", files / "ecg.csv", "--model", small_model, "-o", out
    )
    assert code == 0, err
    assert "report.html" in said
    report = json.loads((out / "report.json").read_text())
    assert report["verdict"]["answer"] in ("infarct", "no infarct found", "this ECG does not tell")
    heart = Heart.read(out / "infarct.vtu")
    assert len(heart.points) == len(Heart.read(files / "heart.vtu").points)
    Infarct.read(out / "infarct.vtu", heart)
    page = (out / "report.html").read_text()
    assert "research use only" in page.lower()
    assert "refine" in page.lower()


def infer(twin, files, small_model, out, heart=None, ecg=None, *more):
    return twin(
        "infer",
        heart or files / "heart.vtu",
        ecg or files / "ecg.csv",
        "--model",
        small_model,
        "--no-refine",
        "--no-explain",
        "-o",
        out,
        *more,
    )


def test_no_qrs_is_refused(twin, files, small_model, tmp_path):
    ecg = ECG.read(files / "ecg.csv")
    replace(ecg, signals=0 * ecg.signals).write(tmp_path / "flat.csv")
    line = refused(infer(twin, files, small_model, tmp_path / "o", ecg=tmp_path / "flat.csv"))
    assert "no heart beat: all of its leads are flat" in line
    assert not (tmp_path / "o").exists()


def test_flat_leads_are_left_out_and_said(twin, files, small_model, tmp_path):
    ecg = ECG.read(files / "ecg.csv")
    signals = ecg.signals.copy()
    signals[list(ecg.leads).index("V3")] = 0.0
    replace(ecg, signals=signals).write(tmp_path / "ecg.csv")
    code, _, err = infer(twin, files, small_model, tmp_path / "o", ecg=tmp_path / "ecg.csv")
    assert code == 0
    assert "V3" in err
    assert "without V3: the answer rests on 7 leads" in err


def test_swapped_arms_are_said(twin, files, small_model, tmp_path):
    ecg = synthetic_ecg()
    by_name = dict(zip(ecg.leads, ecg.signals, strict=True))
    swap = {"II": "III", "III": "II", "aVL": "aVR", "aVR": "aVL"}
    rows = [-by_name["I"] if n == "I" else by_name[swap.get(n, n)] for n in ecg.leads]
    replace(ecg, signals=np.array(rows)).write(tmp_path / "ecg.csv")
    code, _, err = infer(twin, files, small_model, tmp_path / "o", ecg=tmp_path / "ecg.csv")
    assert code == 0
    assert "arm electrodes look reversed" in err


def test_a_heart_in_cm_is_understood_or_refused_by_its_size(twin, files, small_model, tmp_path):
    import meshio

    heart = Heart.read(files / "heart.vtu")
    tets = [("tetra", heart.tetrahedra)]
    meshio.Mesh(heart.points / 10, tets).write(tmp_path / "cm.vtk")
    code, _, err = infer(twin, files, small_model, tmp_path / "o", heart=tmp_path / "cm.vtk")
    assert code in (0, 2)
    assert "cm" in err
    assert "Traceback" not in err


def test_a_mesh_with_holes_is_refused_with_its_fault(twin, files, small_model, tmp_path):
    import meshio

    heart = Heart.read(files / "heart.vtu")
    kept = np.random.default_rng(0).random(len(heart.tetrahedra)) > 0.2
    meshio.Mesh(heart.points, [("tetra", heart.tetrahedra[kept])]).write(tmp_path / "holes.vtk")
    code, _, err = infer(twin, files, small_model, tmp_path / "o", heart=tmp_path / "holes.vtk")
    assert code == 2
    assert "Traceback" not in err


@pytest.mark.parametrize("what", ["heart", "ecg"])
def test_an_empty_file_is_refused_by_name(twin, files, small_model, tmp_path, what):
    empty = tmp_path / ("empty.vtu" if what == "heart" else "empty.csv")
    empty.write_bytes(b"")
    line = refused(infer(twin, files, small_model, tmp_path / "o", **{what: empty}))
    assert "empty" in line


def test_a_folder_of_something_else_is_left_alone(twin, files, small_model, tmp_path):
    (tmp_path / "mine.txt").write_text("precious")
    code, _, _ = infer(twin, files, small_model, tmp_path)
    assert code == 0
    assert (tmp_path / "report.html").exists()
    assert (tmp_path / "mine.txt").read_text() == "precious"


def test_three_leads_are_enough(twin, files, small_model, tmp_path):
    ECG.read(files / "ecg.csv").select("II", "V2", "V5").write(tmp_path / "three.csv")
    code, _, err = infer(twin, files, small_model, tmp_path / "o", ecg=tmp_path / "three.csv")
    assert code == 0, err
    assert "rests on 3 leads" in err


def test_another_rate_is_the_same_beat(small_cohort, small_model):
    from twin.inverse.measured import measured_beat

    ecg = small_cohort[1].ecg
    usual, slow = measured_beat(ecg), measured_beat(ecg.resample(250.0))
    size = np.abs(usual.signals).max()
    assert np.abs(usual.signals - slow.signals).mean() < 0.03 * size


def test_a_left_ventricle_alone_is_answered_with_a_warning(
    twin, files, small_model, tmp_path, small_cohort
):
    from twin.meshes.build import build_heart
    from twin.meshes.volume import Volume

    heart = small_cohort[0].heart
    left = (heart.coordinates.ventricle == 0)[heart.tetrahedra].all(axis=1)
    used, cells = np.unique(heart.tetrahedra[left], return_inverse=True)
    alone = build_heart(
        Volume(heart.points[used].astype(float), cells.reshape(-1, 4), *_no_labels())
    )
    assert Boundary.RV_ENDOCARDIUM not in alone.boundary
    alone.write(tmp_path / "lv.vtu")
    code, _, err = infer(twin, files, small_model, tmp_path / "o", heart=tmp_path / "lv.vtu")
    assert code in (0, 2)
    assert "right ventricle" in err


def _no_labels():
    from twin.meshes.volume import NO_FACES, NO_LABELS

    return NO_FACES, NO_LABELS
