"""Hearts from label maps: an ellipsoid in thick, shifted slices, and damaged files."""

import gzip
from pathlib import Path

import nibabel
import numpy as np
import pytest

from twin.meshes.checking.check import check
from twin.meshes.cine.segmentation import reconstruct
from twin.meshes.errors import InputError
from twin.meshes.formats.nifti import make, parse_labels, read_stack
from twin.meshes.heart import Boundary

IMAGE = Path(__file__).parents[2].parent / "shared" / "data" / "bivme" / "seg" / "SAX_3d_1.nii.gz"
LABELS = {"lv_cavity": 1, "myocardium": 2, "rv_cavity": 3}
PIXEL, SLICE = 1.4, 8.0
AFFINE = np.array(
    [
        [-PIXEL, 0, 0, 50 * PIXEL],
        [0, -PIXEL, 0, 45 * PIXEL],
        [0, 0, -SLICE, SLICE / 2],
        [0, 0, 0, 1],
    ]
)
INNER, OUTER, LENGTH = 25.0, 34.0, 70.0


def label_map(shifts=0.0, right=True):
    """A half ellipsoid, its base at z = 0, beside a ball-like right cavity; 10 slices."""
    x, y, k = np.meshgrid(
        PIXEL * (np.arange(120) - 50), PIXEL * (np.arange(90) - 45), np.arange(11), indexing="ij"
    )
    z = -SLICE * (k - 0.5)
    random = np.random.default_rng(5)
    shift = shifts * random.normal(size=(2, 11))
    x, y = x - shift[0, k], y - shift[1, k]
    labels = np.zeros(x.shape, np.uint8)
    if right:
        labels[((x - 30) / 34) ** 2 + (y / 30) ** 2 + (z / 60) ** 2 < 1] = 3
    labels[(x**2 + y**2) / OUTER**2 + (z / LENGTH) ** 2 < 1] = 2
    labels[(x**2 + y**2) / INNER**2 + (z / (LENGTH - 9)) ** 2 < 1] = 1
    labels[..., 0] = 0
    return labels


def write(folder, labels, affine=None, name="labels.nii.gz"):
    """With the origin in the middle of the base, in a file's own axes: RAS."""
    affine = AFFINE if affine is None else affine
    path = folder / name
    nibabel.save(nibabel.Nifti1Image(labels, affine), path)
    return path


def half_ellipsoid(radius, length):
    return 2 / 3 * np.pi * radius**2 * length


def test_half_ellipsoid_in_thick_slices(tmp_path):
    wall = reconstruct(read_stack(write(tmp_path, label_map())), LABELS)
    left = wall.cavity(Boundary.LV_ENDOCARDIUM).enclosed_volume
    assert left == pytest.approx(half_ellipsoid(INNER, LENGTH - 9), rel=0.03)
    inner = wall.left(np.array([[0.0, 0, -30]]))[0]
    assert inner == pytest.approx(-INNER * np.sqrt(1 - (30 / 61) ** 2), abs=3.0)
    side = np.array([[-OUTER * np.sqrt(1 - (30 / LENGTH) ** 2), 0, -30.0]])
    assert abs(wall.outer(side)[0]) < 0.7
    assert wall.label(side)[0] == Boundary.EPICARDIUM


def test_right_wall_is_three_millimetres(tmp_path):
    wall = reconstruct(read_stack(write(tmp_path, label_map())), LABELS)
    z = -20.0
    outer_edge = 30 + 34 * np.sqrt(1 - (z / 60) ** 2)
    assert abs(wall.right(np.array([[outer_edge, 0, z]]))[0]) < 0.8
    assert abs(wall.outer(np.array([[outer_edge + 3, 0, z]]))[0]) < 0.8
    assert any("taken as 3 mm" in remark for remark in wall.remarks)


def test_axes_of_the_file_are_turned_to_lps(tmp_path):
    """The same heart stored upside down and mirrored is the same heart."""
    labels = label_map()
    straight = reconstruct(read_stack(write(tmp_path, labels)), LABELS)
    affine = AFFINE @ np.diag([-1.0, 1, -1, 1])
    affine[:3, 3] = (AFFINE @ [119, 0, 10, 1])[:3]
    turned = reconstruct(read_stack(write(tmp_path, labels[::-1, :, ::-1], affine)), LABELS)
    points = np.random.default_rng(0).uniform([-20, -20, -60], [80, 40, -5], (200, 3))
    near = np.abs(straight.outer(points)) < 1.5
    np.testing.assert_allclose(straight.outer(points)[near], turned.outer(points)[near], atol=0.3)


def test_shifted_slices_are_aligned(tmp_path):
    stack = read_stack(write(tmp_path, label_map(shifts=4.0)))
    straight = reconstruct(read_stack(write(tmp_path, label_map())), LABELS, align=False)
    truth = straight.surface().points
    errors = [np.abs(reconstruct(stack, LABELS, align=on).distance(truth)).mean() for on in (1, 0)]
    assert errors[0] < 0.75 * errors[1]


def test_left_ventricle_alone_passes_the_check(tmp_path):
    path = write(tmp_path, label_map(right=False))
    volume = make(path, labels="lv_cavity=1,myocardium=2", spacing=5.0)
    assert [finding for finding in check(volume) if finding.severity == "error"] == []
    assert Boundary.RV_ENDOCARDIUM not in volume.boundary
    assert "no label for the right cavity: a left ventricle alone" in volume.remarks


def test_open_rings_are_left_out(tmp_path):
    labels = label_map()
    labels[45:, :, 1][labels[45:, :, 1] == 2] = 0
    wall = reconstruct(read_stack(write(tmp_path, labels)), LABELS)
    assert "1 slices beyond it left out: their ring is open" in wall.remarks
    assert wall.surface().points[:, 2].max() == pytest.approx(-SLICE, abs=1.0)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (None, r"expected lv_cavity and myocardium.*1 \("),
        ("lv_cavity=1,myocardium=9", "no voxel is 9"),
        ("lv_cavity=1,heart=2", "expected lv_cavity and myocardium"),
        ("lv_cavity:1", "expected name=number"),
        ("lv_cavity=2,myocardium=1", "closed ring"),
    ],
)
def test_labels_have_to_be_named(tmp_path, labels, message):
    with pytest.raises(InputError, match=message):
        make(write(tmp_path, label_map()), labels=labels)


def test_labels_from_the_command_line():
    assert parse_labels("lv_cavity=1, myocardium=2,rv_cavity=3") == LABELS
    assert parse_labels(LABELS) == LABELS


def test_header_that_promises_too_much(tmp_path):
    header = nibabel.Nifti1Header()
    header.set_data_shape((30_000, 30_000, 30))
    header.set_data_dtype(np.uint8)
    header["vox_offset"] = 352
    path = tmp_path / "bomb.nii.gz"
    path.write_bytes(gzip.compress(header.binaryblock + bytes(4000)))
    with pytest.raises(InputError, match="30000 x 30000 x 30 voxels"):
        read_stack(path)


@pytest.mark.parametrize("cut", [0, 100, 360, 3000])
def test_file_cut_short(tmp_path, cut):
    path = write(tmp_path, label_map(), name="labels.nii")
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(InputError):
        read_stack(path)


def test_an_image_is_no_label_map(tmp_path):
    with pytest.raises(InputError, match="not a label map"):
        read_stack(write(tmp_path, label_map().astype(np.float32) + 0.5))


def test_sheared_axes_are_refused(tmp_path):
    affine = np.diag([PIXEL, PIXEL, SLICE, 1.0])
    affine[0, 2] = 2.0
    with pytest.raises(InputError, match="right angles"):
        read_stack(write(tmp_path, label_map(), affine))


def test_frames_are_listed(tmp_path):
    path = write(tmp_path, np.stack([label_map()] * 3, axis=3))
    with pytest.raises(InputError, match="3 time frames, choose one of 0 to 2"):
        read_stack(path)
    assert read_stack(path, frame=1).labels.shape == (120, 90, 11)


def test_voxel_sizes_by_hand(tmp_path):
    path = write(tmp_path, label_map(), np.eye(4))
    assert any("unit cubes" in remark for remark in read_stack(path).remarks)
    stack = read_stack(path, voxel=(PIXEL, PIXEL, SLICE))
    np.testing.assert_array_equal(stack.grid.spacing, [PIXEL, PIXEL, SLICE])


@pytest.mark.skipif(not IMAGE.is_file(), reason=f"no {IMAGE}")
def test_study_becomes_a_volume_that_passes_the_check():
    volume = make(IMAGE, labels={**LABELS, "rv_myocardium": 4})
    assert [finding for finding in check(volume) if finding.severity == "error"] == []
    assert any("third axis time" in remark for remark in volume.remarks)
