"""The template is a chest; hearts fit into it; the patient's own is taken as it is."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from twin.benchmarks.broken import sound
from twin.meshes.anatomy.population import CENTROID, Sex
from twin.meshes.checking.surface_faults import check_surface
from twin.meshes.chest.electrodes import DEVIATIONS, MEANS, NAMES, nearest_on
from twin.meshes.errors import InputError
from twin.meshes.heart import Coordinates, Fibres, Heart
from twin.meshes.meshing.distance import SurfaceSolid
from twin.meshes.surface import Surface
from twin.meshes.torso import Conductivities, Torso, centroid

DATA = Path(__file__).parents[2].parent / "shared" / "data"


@pytest.fixture(scope="module")
def template():
    return Torso.template()


def heart(seed=None, shift=(0, 0, 0), size=1.0, **provenance) -> Heart:
    """A ventricle about as large as a whole heart, posed as one of the population."""
    random = np.random.default_rng(0 if seed is None else seed)
    volume = sound()
    points = 1.25 * size * volume.points
    turn = Rotation.from_euler("zyx", [0, -40 + 8 * random.normal(), -30], degrees=True)
    points = turn.apply(points - points.mean(axis=0)) + CENTROID + shift
    if seed is not None:
        points += random.normal(size=3) * 20 / np.sqrt(3)
    axes = {name: turn.apply(axis) for name, axis in volume.element_fields.items()}
    zeros = np.zeros(len(points))
    return Heart(
        points,
        volume.tetrahedra,
        volume.triangles,
        volume.boundary,
        Coordinates(zeros, zeros, zeros, zeros.astype(int)),
        Fibres(**axes),
        provenance,
    )


def population_heart(seed=None, **settings):
    return heart(seed, origin="population", **settings)


@pytest.mark.parametrize("sex", [None, *Sex])
def test_template_is_closed_and_of_a_bodys_size(sex):
    torso = Torso.template(sex=sex)
    for surface in (torso.skin, *torso.lungs):
        assert check_surface(surface) == []
        assert surface.enclosed_volume > 0
    assert len(torso.skin.triangles) == 2000
    width, depth, tall = np.ptp(torso.skin.points, axis=0)
    assert 430 < width < 500
    assert 230 < depth < 265
    assert 550 < tall < 620
    assert 30e6 < torso.skin.enclosed_volume < 45e6
    assert 3e6 < sum(lung.enclosed_volume for lung in torso.lungs) < 6e6


def test_mean_template_has_the_published_width_and_depth(template):
    width, depth, _ = np.ptp(template.skin.points, axis=0)
    assert 450 <= width <= 471
    assert 234 <= depth <= 254


def test_template_is_symmetric(template):
    mirrored = Surface(template.skin.points * [-1, 1, 1], template.skin.triangles[:, ::-1])
    off = np.abs(SurfaceSolid(template.skin).distance(mirrored.points))
    assert np.quantile(off, 0.9) < 2
    assert off.max() < 6


def test_lungs_lie_within_the_skin_and_apart(template):
    skin = SurfaceSolid(template.skin)
    right, left = template.lungs
    assert right.points[:, 0].max() < 0 < left.points[:, 0].min()
    for lung in (right, left):
        assert skin.distance(lung.points).max() < -10
    assert left.enclosed_volume < right.enclosed_volume


def test_electrodes_lie_on_the_skin_where_a_nurse_puts_them(template):
    places = template.electrodes
    assert set(places) == set(NAMES)
    for name in NAMES:
        assert np.allclose(nearest_on(template.skin, places[name]), places[name], atol=1e-6)
        assert np.linalg.norm(places[name] - MEANS[name]) < 25
    lefts = [places[f"V{i}"][0] for i in range(1, 7)]
    backs = [places[f"V{i}"][1] for i in range(3, 7)]
    assert lefts == sorted(lefts)
    assert backs == sorted(backs)
    assert places["V1"][0] < 0 < places["V2"][0]
    assert np.linalg.norm((places["V1"] + places["V2"]) / 2) < 3
    assert places["V6"][1] == pytest.approx(template.skin.points[:, 1].mean(), abs=25)
    assert places["RA"][0] < 0 < places["LA"][0]
    assert places["LL"][2] < -300 < 100 < places["LA"][2]
    assert any("moved onto the skin" in remark for remark in template.remarks)


def test_legs_drawn_far_off_the_template_are_moved_onto_it():
    """Seed 2 draws RL 70 mm off the skin."""
    torso = Torso.template(sex="female", seed=2)
    assert any("RL" in remark for remark in torso.remarks)


def test_seed_varies_the_electrodes_and_nothing_else(template):
    one, same, other = (Torso.template(seed=seed) for seed in (4, 4, 5))
    assert np.array_equal(one.skin.points, template.skin.points)
    for name in NAMES:
        assert np.array_equal(one.electrodes[name], same.electrodes[name])
        reach = 3.5 * np.linalg.norm(DEVIATIONS[name]) + 30
        assert np.linalg.norm(one.electrodes[name] - template.electrodes[name]) < reach
    assert any(not np.allclose(one.electrodes[n], other.electrodes[n]) for n in NAMES)


def test_template_grows_with_the_body():
    short, tall = Torso.template(height=1500.0), Torso.template(height=1950.0)
    assert np.allclose(tall.skin.points / short.skin.points, 1.3)
    assert np.allclose(tall.electrodes["V4"] / short.electrodes["V4"], 1.3)


@pytest.mark.parametrize("height", [175.0, 1.75, 17500.0, np.nan])
def test_height_in_another_unit_is_refused(height):
    with pytest.raises(InputError, match="expected 1200 to 2300 mm"):
        Torso.template(height=height)


def test_conductivities_are_checked():
    assert Conductivities() == Conductivities(0.2, 0.05, 0.6)
    with pytest.raises(InputError, match="conductivity of lungs: -1 S/m"):
        Conductivities(lungs=-1)


@pytest.mark.parametrize("seed", range(6))
def test_hearts_of_the_population_fit(template, seed):
    own = population_heart(seed)
    torso = template.place(own)
    assert SurfaceSolid(torso.skin).distance(own.points).max() < -5
    for lung in torso.lungs:
        assert check_surface(lung) == []
        assert SurfaceSolid(lung).distance(own.points).min() > 1
        assert SurfaceSolid(torso.skin).distance(lung.points).max() < -10
        assert lung.enclosed_volume > 0.8e6
    assert np.linalg.norm(torso.electrodes["V1"] - template.electrodes["V1"]) < 15


def test_heart_of_the_population_does_not_move_the_torso(template):
    torso = template.place(population_heart())
    assert np.array_equal(torso.skin.points, template.skin.points)


def test_imported_heart_moves_the_torso_without_turning(template):
    own = heart(shift=(300, -200, 1000))
    torso = template.place(own)
    offset = torso.skin.points - template.skin.points
    assert np.allclose(offset, offset[0])
    assert np.allclose(centroid(own) - offset[0], CENTROID)
    assert np.allclose(torso.electrodes["V3"] - template.electrodes["V3"], offset[0])
    assert any("the torso was moved by" in remark for remark in torso.remarks)


def test_placed_torso_stays(template):
    torso = template.place(heart(shift=(10, 0, 0)))
    again = torso.place(heart(shift=(12, 0, 0)))
    assert np.array_equal(again.skin.points, torso.skin.points)


def test_heart_that_would_reach_out_pushes_the_template_away(template):
    own = population_heart(shift=(0, -60, 0))
    torso = template.place(own)
    assert SurfaceSolid(torso.skin).distance(own.points).max() < -5
    assert any("gave way" in remark for remark in torso.remarks)


def test_dilated_heart_pushes_the_lungs_back(template):
    dilated = population_heart(size=1.4)
    small, large = template.place(population_heart(size=0.9)), template.place(dilated)
    assert large.lungs[1].enclosed_volume < small.lungs[1].enclosed_volume
    assert SurfaceSolid(large.lungs[1]).distance(dilated.points).min() > 1


def test_own_torso_refuses_a_heart_outside(template):
    own = replace(template, heart_centre=None)
    with pytest.raises(InputError, match=r"out of the skin.*same frame"):
        own.place(heart(shift=(0, -150, 0)))


def test_own_lungs_are_not_cut_but_refused(template):
    own = replace(template, heart_centre=None, lung_centres=())
    with pytest.raises(InputError, match="lung 1 and the heart overlap"):
        own.place(heart(shift=(30, 40, 0)))


def test_open_skin_is_refused(template):
    opened = Surface(template.skin.points, template.skin.triangles[5:])
    with pytest.raises(InputError, match="skin: error: open edges"):
        replace(template, skin=opened)


@pytest.mark.parametrize("file", ["crtdemo", "torso_electrodes_bender"])
def test_template_fitted_to_the_patients_electrodes(file):
    path = DATA / file / "electrodes.csv"
    if not path.exists():
        pytest.skip(f"{path} is absent")
    torso = Torso.read(None, path)
    assert any("no skin given" in remark for remark in torso.remarks)
    middle = (torso.electrodes["V1"] + torso.electrodes["V2"]) / 2
    placed = torso.place(heart(shift=middle))
    assert np.array_equal(placed.skin.points, torso.skin.points)


def test_dalhousie_torso_with_its_leads(tmp_path):
    """map3d's torso stands x left, y down, z back; the node formula is the 2007 challenge's."""
    folder = DATA / "map3d"
    if not folder.exists():
        pytest.skip(f"{folder} is absent")
    nodes = np.loadtxt(folder / "daltorso.pts")[:, [0, 2, 1]] * [1, 1, -1]
    faces = np.loadtxt(folder / "daltorso.fac", dtype=int)
    np.savetxt(tmp_path / "torso.pts", nodes)
    np.savetxt(tmp_path / "torso.fac", faces, fmt="%d")
    weights = {
        "RA": {60: 1, 101: 1},
        "LA": {50: 1, 90: 1},
        "LL": {343: 3, 344: 2},
        "V1": {169: 1},
        "V2": {171: 1},
        "V3": {192: 1, 193: 1},
        "V4": {216: 1},
        "V5": {217: 1, 218: 2},
        "V6": {219: 1},
    }
    rows = [
        [name, *np.average(nodes[[n - 1 for n in of]], axis=0, weights=list(of.values()))]
        for name, of in weights.items()
    ]
    table = "\n".join(",".join(map(str, row)) for row in rows)
    (tmp_path / "electrodes.csv").write_text(table)
    torso = Torso.read(tmp_path / "torso.pts", tmp_path / "electrodes.csv")
    assert len(torso.skin.triangles) == 700
    assert torso.skin.enclosed_volume == pytest.approx(22.0e6, rel=0.01)
    assert "no lungs: one conductivity" in torso.remarks
    middle = (torso.electrodes["V1"] + torso.electrodes["V2"]) / 2
    assert torso.place(heart(shift=middle)).lungs == ()
