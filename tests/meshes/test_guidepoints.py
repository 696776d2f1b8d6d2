"""Hearts from cine-MRI contours: an ellipsoid cut by slices, and a patient's guide points."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from twin.meshes.checking.check import check
from twin.meshes.cine.alignment import align_slices
from twin.meshes.cine.annuli import find_annulus
from twin.meshes.cine.guidepoints import reconstruct
from twin.meshes.cine.slices import GuidePoints, Plane
from twin.meshes.errors import InputError
from twin.meshes.formats.bivme import make, read_guidepoints, read_planes
from twin.meshes.heart import Boundary

STUDY = Path(__file__).parents[2].parent / "shared" / "data" / "bivme" / "guidepoints"
needs_study = pytest.mark.skipif(not STUDY.is_dir(), reason=f"no {STUDY}")

INNER, OUTER, LENGTH, BASE = 25.0, 34.0, 60.0, 20.0
"""An ellipsoid's half axes, mm, cut off at z = BASE."""


def ellipse(radius, length, z):
    return radius * np.sqrt(np.maximum(1 - (z / length) ** 2, 0))


def phantom(noise=0.0):
    """Contours of a truncated ellipsoid on five short-axis and three long-axis slices."""
    random = np.random.default_rng(3)
    points, kinds, slices, planes = [], [], [], {}

    def add(where, kind, number):
        points.append(np.asarray(where) + noise * random.normal(size=np.shape(where)))
        kinds.extend([kind] * len(where))
        slices.extend([number] * len(where))

    turn = np.linspace(0, 2 * np.pi, 60, endpoint=False)
    surfaces = (("LV_ENDOCARDIAL", INNER, LENGTH - 8), ("LV_EPICARDIAL", OUTER, LENGTH))
    for number, z in enumerate((-40.0, -28.0, -15.0, -2.0, 10.0), start=1):
        planes[number] = Plane(np.array([1.0, 0, 0]), np.array([0.0, 1, 0]))
        for kind, radius, length in surfaces:
            r = ellipse(radius, length, z)
            ring = np.stack([r * np.cos(turn), r * np.sin(turn), np.full(60, z)], axis=1)
            add(ring, kind, number)
    for number, angle in enumerate(np.radians([0, 60, 120]), start=6):
        side = np.array([np.cos(angle), np.sin(angle), 0])
        planes[number] = Plane(side, np.array([0.0, 0, 1]))
        for kind, radius, length in surfaces:
            z = length * np.sin(np.linspace(-np.pi / 2, np.arcsin(BASE / length), 50))
            for sign in (1, -1):
                r = sign * ellipse(radius, length, z)
                add(r[:, None] * side + z[:, None] * [0, 0, 1], kind, number)
        r = ellipse(INNER, LENGTH - 8, BASE)
        add([r * side + [0, 0, BASE], -r * side + [0, 0, BASE]], "MITRAL_VALVE", number)
    order = np.argsort(slices, kind="stable")
    return GuidePoints(
        np.concatenate(points)[order],
        np.array(kinds)[order],
        np.array(slices)[order],
        np.ones(len(slices)),
        planes,
    )


def cavity_volume():
    z = np.linspace(-(LENGTH - 8), BASE, 20_001)
    return float(np.pi * (ellipse(INNER, LENGTH - 8, z) ** 2).mean() * np.ptp(z))


def test_ellipsoid_is_found_again():
    wall = reconstruct(phantom(), align=False)
    volume = wall.cavity(Boundary.LV_ENDOCARDIUM).enclosed_volume
    assert volume == pytest.approx(cavity_volume(), rel=0.02)
    z = np.array([-35.0, -20, -8, 4, 12])
    ring = np.stack([ellipse(OUTER, LENGTH, z), 0 * z, z], axis=1)
    assert np.abs(wall.outer(ring)).max() < 0.7
    assert (wall.label(ring + np.array([0.2, 0, 0])) == Boundary.EPICARDIUM).all()
    assert wall.right is None


def test_same_points_same_bits():
    one, other = (reconstruct(phantom(), align=False) for _ in range(2))
    np.testing.assert_array_equal(one.outer.values, other.outer.values)


def test_noise_of_drawn_contours_is_smoothed():
    wall = reconstruct(phantom(noise=1.0), align=False)
    volume = wall.cavity(Boundary.LV_ENDOCARDIUM).enclosed_volume
    assert volume == pytest.approx(cavity_volume(), rel=0.03)


def test_shifted_slice_is_moved_back():
    guide = phantom()
    shift = np.array([4.0, -3.0, 0])
    moved = replace(guide, points=guide.points + (guide.slices == 3)[:, None] * shift)
    aligned = align_slices(moved)
    left = (aligned.points - guide.points)[guide.slices == 3][0]
    assert np.linalg.norm(left) < 0.35 * np.linalg.norm(shift)
    assert "8 slices aligned" in aligned.remarks[-1]


def test_slices_in_place_stay():
    guide = phantom()
    assert np.abs(align_slices(guide).points - guide.points).max() < 0.3


def test_weight_zero_is_not_believed():
    guide = phantom()
    astray = (guide.slices == 4) & (guide.kind == "LV_ENDOCARDIAL")
    wrong = replace(
        guide,
        points=guide.points + astray[:, None] * np.array([9.0, 0, 0]),
        weight=np.where(astray, 0.0, 1.0),
    )
    volume = reconstruct(wrong, align=False).cavity(Boundary.LV_ENDOCARDIUM).enclosed_volume
    assert volume == pytest.approx(cavity_volume(), rel=0.03)


def test_ring_through_two_points_is_a_circle_across_the_view():
    guide = phantom()
    two = guide.on(["MITRAL_VALVE"]) & (guide.slices != 6)
    guide = replace(guide, kind=np.where(two, "none", guide.kind))
    annulus = find_annulus(guide, "MITRAL_VALVE", np.array([0.0, 0, 1]))
    assert annulus.radius == pytest.approx(ellipse(INNER, LENGTH - 8, BASE))
    np.testing.assert_allclose(annulus.normal, [0, 0, 1], atol=1e-9)


def test_missing_contours_are_named():
    guide = phantom()
    with pytest.raises(InputError, match="0 points of MITRAL_VALVE"):
        reconstruct(replace(guide, kind=np.where(guide.on(["MITRAL_VALVE"]), "x", guide.kind)))
    with pytest.raises(InputError, match="0 points of LV_EPICARDIAL"):
        reconstruct(replace(guide, kind=np.where(guide.on(["LV_EPICARDIAL"]), "x", guide.kind)))


def write(folder, text, name="GPFile_000.txt"):
    path = folder / name
    path.write_text("x y z contour type frameID weight time frame\n" + text)
    return path


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1 2 3 SAX_LV_ENDOCARDIAL 1 1.0\n", "line 2 has 6 columns, expected 7"),
        ("1 2 nan SAX_LV_ENDOCARDIAL 1 1.0 0\n", "coordinate is not finite"),
        ("1 2 x SAX_LV_ENDOCARDIAL 1 1.0 0\n", "expected a coordinate"),
        ("1 2 3 SOMETHING 1 1.0 0\n", "no contour type is known"),
        ("1 2 3 SAX_LV_ENDOCARDIAL 1 1.0 0\n", "slice 1 has 1 points"),
        (f"1 2 3 {'A' * 99} 1 1.0 0\n", "no line of numbers"),
        ("", "holds no guide points"),
    ],
)
def test_bad_guide_points(tmp_path, text, message):
    with pytest.raises(InputError, match=message):
        read_guidepoints(write(tmp_path, text))


def test_frames_that_are_there_are_listed(tmp_path):
    for frame in (0, 10):
        write(tmp_path, "", f"GPFile_{frame:03d}.txt")
    with pytest.raises(InputError, match=r"no frame 3; frames available: 0, 10"):
        read_guidepoints(tmp_path, frame=3)
    with pytest.raises(InputError, match="no frame was chosen"):
        read_guidepoints(tmp_path)


def test_frames_of_one_file(tmp_path):
    lines = "".join(
        f"{i} {i * i} {frame} SAX_LV_ENDOCARDIAL 1 1.0 {frame}\n"
        for frame in (0, 7)
        for i in range(20)
    )
    path = write(tmp_path, lines, "GPFile.txt")
    assert (read_guidepoints(path, frame=7).points[:, 2] == 7).all()
    with pytest.raises(InputError, match="frames available: 0, 7"):
        read_guidepoints(path)


def test_bad_slice_information(tmp_path):
    path = tmp_path / "SliceInfoFile.txt"
    path.write_text("a sliceID: 1 ImageOrientationPatient 1 0 0 1 0 0\n")
    with pytest.raises(InputError, match="right angles"):
        read_planes(path)
    path.write_text("a sliceID: 1 ImageOrientationPatient 1 0 0\n")
    with pytest.raises(InputError, match="six numbers"):
        read_planes(path)


@needs_study
def test_patient_at_end_of_diastole():
    """The fitted model's cavities, closed at their valves, hold 174.5 and 169.4 ml."""
    wall = reconstruct(read_guidepoints(STUDY, frame=0))
    left = wall.cavity(Boundary.LV_ENDOCARDIUM).enclosed_volume / 1000
    right = wall.cavity(Boundary.RV_ENDOCARDIUM).enclosed_volume / 1000
    assert left == pytest.approx(174.5, rel=0.10)
    assert right == pytest.approx(169.4, rel=0.10)


@needs_study
def test_patient_at_end_of_systole_passes_the_check():
    volume = make(STUDY, frame=10, spacing=4.0)
    assert [finding for finding in check(volume) if finding.severity == "error"] == []
    assert set(np.unique(volume.boundary)) == set(Boundary)
    assert any("slices aligned" in remark for remark in volume.remarks)
