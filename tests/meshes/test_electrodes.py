"""Tables of electrodes in all their shapes; every fault is one sentence that names it."""

from pathlib import Path

import numpy as np
import pytest
import trimesh

from twin.meshes.chest.electrodes import (
    DEVIATIONS,
    MEANS,
    NAMES,
    average_electrodes,
    nearest_on,
    project_electrodes,
    read_electrodes,
)
from twin.meshes.errors import InputError
from twin.meshes.surface import Surface

DATA = Path(__file__).parents[2].parent / "shared" / "data"

NAMED = "electrode,x_mm,y_mm,z_mm\n" + "\n".join(
    f"{name},{x},{y},{z}" for name, (x, y, z) in MEANS.items()
)
LOWER = "\n".join(f"{name.lower()} {x} {y} {z}" for name, (x, y, z) in MEANS.items())
UNNAMED_CM = "\n".join(",".join(str(value / 10) for value in MEANS[name]) for name in NAMES)
WIDE = (
    ",".join(f"{name}{axis}" for name in NAMES for axis in "xyz")
    + "\n"
    + ",".join(str(value) for name in NAMES for value in MEANS[name])
)
SEVERAL = "model,electrode,x_mm,y_mm,z_mm\n" + "\n".join(
    f"{model},{name},{x + shift},{y},{z}"
    for model, shift in (("one", 0), ("two", 5))
    for name, (x, y, z) in MEANS.items()
)


def written(folder, text):
    path = folder / "electrodes.csv"
    path.write_text(text)
    return path


@pytest.mark.parametrize("text", [NAMED, LOWER, UNNAMED_CM, WIDE, SEVERAL])
def test_every_shape_of_table_gives_the_same_places(tmp_path, text):
    places, remarks = read_electrodes(written(tmp_path, text))
    assert set(places) == set(NAMES)
    for name in NAMES:
        assert np.allclose(places[name], MEANS[name])
    assert any("unit" in remark for remark in remarks)


def test_centimetres_are_found_and_said(tmp_path):
    _, remarks = read_electrodes(written(tmp_path, UNNAMED_CM))
    assert any("unit cm, found by size" in remark for remark in remarks)
    assert any("taken as LA RA LL RL V1" in remark for remark in remarks)


def test_one_of_several_models(tmp_path):
    places, remarks = read_electrodes(written(tmp_path, SEVERAL), model="two")
    assert places["V1"][0] == MEANS["V1"][0] + 5
    assert any("model 'two' of 2" in remark for remark in remarks)


def test_ras_is_turned_on_request(tmp_path):
    text = "\n".join(f"{name},{-x},{-y},{z}" for name, (x, y, z) in MEANS.items())
    with pytest.raises(InputError, match="axes='RAS'"):
        read_electrodes(written(tmp_path, text))
    places, _ = read_electrodes(written(tmp_path, text), axes="RAS")
    assert np.allclose(places["LA"], MEANS["LA"])


def test_ground_may_be_missing(tmp_path):
    text = "\n".join(line for line in NAMED.splitlines() if not line.startswith("RL"))
    places, remarks = read_electrodes(written(tmp_path, text))
    assert "RL" not in places
    assert any("RL is missing; no lead needs it" in remark for remark in remarks)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            lambda text: text.replace("V3", "V9").replace("LL", "XX"),
            "electrodes LL, V3 are missing",
        ),
        (lambda text: text.replace("V3,74", "V3,left"), "'left' is no number"),
        (lambda text: text.replace("V3,74", "V3,nan"), "electrodes V3 are missing"),
        (lambda text: text.replace("V3", "V4"), "V4 is there twice"),
        (lambda text: text.replace("V3,74,-13,-55", "V3,74"), "V3 has 1 coordinates"),
        (
            lambda text: text.replace("LA", "QQ").replace("RA", "LA").replace("QQ", "RA"),
            "exchanged",
        ),
        (lambda text: "", "it is empty"),
        (lambda text: "1,2,3\n4,5,6", "it has 2 rows without names"),
        (lambda text: "LAx,LAy,LAz\n1,2", "2 numbers stand under 3 names"),
    ],
)
def test_faults_are_named(tmp_path, change, said):
    with pytest.raises(InputError, match=said) as caught:
        read_electrodes(written(tmp_path, change(NAMED)))
    assert "electrodes.csv" in str(caught.value)


def test_no_file_and_no_text(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        read_electrodes(tmp_path / "absent.csv")
    (tmp_path / "electrodes.csv").write_bytes(b"\xff\xfe\x00\x01" * 50)
    with pytest.raises(InputError, match="no text"):
        read_electrodes(tmp_path / "electrodes.csv")


def test_seeds_draw_the_spread_of_the_table():
    drawn = np.array([[average_electrodes(seed=seed)[n] for n in NAMES] for seed in range(400)])
    assert np.allclose(drawn.mean(axis=0), [MEANS[name] for name in NAMES], atol=4)
    assert np.allclose(drawn.std(axis=0), [DEVIATIONS[name] for name in NAMES], rtol=0.15)
    assert all(
        np.array_equal(average_electrodes(seed=3)[name], average_electrodes(seed=3)[name])
        for name in NAMES
    )


def test_nearest_place_on_a_sphere_is_along_the_radius():
    ball = trimesh.creation.icosphere(subdivisions=4, radius=100.0)
    sphere = Surface(np.array(ball.vertices), np.array(ball.faces))
    for point in np.random.default_rng(0).normal(size=(20, 3)):
        place = nearest_on(sphere, 150 * point / np.linalg.norm(point))
        assert np.allclose(place, 100 * point / np.linalg.norm(point), atol=2.5)


def test_projection_says_how_far_and_refuses_another_frame():
    ball = trimesh.creation.icosphere(subdivisions=4, radius=100.0)
    sphere = Surface(np.array(ball.vertices), np.array(ball.faces))
    projected, remarks = project_electrodes({"V1": np.array([0.0, -120.0, 0.0])}, sphere)
    assert np.allclose(projected["V1"], [0, -100, 0], atol=0.5)
    assert remarks == ("electrodes moved onto the skin: V1 20 mm",)
    with pytest.raises(InputError, match="electrode V1 is 400 mm off the skin"):
        project_electrodes({"V1": np.array([0.0, -500.0, 0.0])}, sphere)


@pytest.mark.parametrize("file", ["crtdemo", "torso_electrodes_bender"])
def test_real_tables(file):
    path = DATA / file / "electrodes.csv"
    if not path.exists():
        pytest.skip(f"{path} is absent")
    places, remarks = read_electrodes(path)
    assert set(NAMES) - set(places) <= {"RL"}
    assert any("unit mm as told" in remark for remark in remarks)
