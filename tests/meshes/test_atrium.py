"""A sampled left atrium: its surface, coordinates, fibres, tissue, and its way to disk and back."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import kv

from twin.meshes.anatomy.implicit import Level
from twin.meshes.atria.examination import check_atrium
from twin.meshes.atria.measurement import measure
from twin.meshes.atria.population import draw_anatomy
from twin.meshes.atria.regions import VEINS, Region
from twin.meshes.atria.tissue import TissueClass, random_field
from twin.meshes.atrium import Atrium
from twin.meshes.errors import InputError
from twin.meshes.fields.surface_elements import SurfaceElements
from twin.meshes.meshing.sheet import project


@pytest.fixture(scope="module")
def elements(atrium):
    return SurfaceElements(atrium.points, atrium.triangles)


def surface(atrium):
    return atrium.points, atrium.triangles, atrium.regions, atrium.openings


def test_the_gradient_of_every_part_is_its_own():
    anatomy, _ = draw_anatomy(np.random.default_rng(3))
    points = np.random.default_rng(0).uniform(-30, 30, (300, 3))
    step = 1e-5
    for part in (*anatomy.vessels.values(), anatomy.appendage):
        # Far from the surface a level is no distance, and its gradient only points the right way.
        on = project(points, [part]).T
        level: Level = part(on)
        near = np.abs(level.value) < 1e-6
        grown = (part(on + step * level.gradient).value - level.value) / step
        expected = (level.gradient**2).sum(axis=0)
        assert near.sum() > 50
        assert np.percentile(np.abs(grown - expected)[near], 90) < 0.03


def test_it_is_sound_and_of_the_sizes_that_are_published(atrium):
    assert check_atrium(*surface(atrium)) == []
    sizes = measure(*surface(atrium))
    assert 55 <= sizes.area <= 110
    assert 45 <= sizes.volume <= 130
    assert all(24 <= rim <= 45 for rim in sizes.vein_rims)
    assert 95 <= sizes.mitral_rim <= 125
    assert sizes.rim_turns < 1.05


def test_parts_lie_where_they_do_in_a_body(atrium):
    """LPS: veins behind, two on each side; the appendage left and in front, the ring below."""
    middle = atrium.points[atrium.nodes(Region.BODY)].mean(axis=0)
    at = {
        region: atrium.points[nodes].mean(axis=0) - middle
        for region, nodes in atrium.openings.items()
    }
    for name in ("SUPERIOR", "INFERIOR"):
        left, right = at[Region[f"LEFT_{name}_VEIN"]], at[Region[f"RIGHT_{name}_VEIN"]]
        assert left[0] > 15
        assert right[0] < -15
    assert at[Region.LEFT_SUPERIOR_VEIN][2] > at[Region.LEFT_INFERIOR_VEIN][2] + 10
    assert at[Region.RIGHT_SUPERIOR_VEIN][2] > at[Region.RIGHT_INFERIOR_VEIN][2] + 10
    assert at[Region.LEFT_INFERIOR_VEIN][1] > 5
    appendage = atrium.points[atrium.nodes(Region.APPENDAGE)].mean(axis=0) - middle
    assert appendage[0] > 10
    assert appendage[1] < -10
    ring = at[Region.MITRAL_VESTIBULE]
    assert ring[2] < -10
    assert ring[1] < 0


def test_the_same_seed_gives_the_same_bits():
    one, two = (Atrium.sample(5, spacing=2.5) for _ in range(2))
    assert one.content == two.content


def test_coordinates_run_from_septum_to_side_and_from_back_to_front(atrium):
    across, height = atrium.coordinates.septal_lateral, atrium.coordinates.posterior_anterior
    for values in (across, height):
        assert values.min() >= 0
        assert values.max() <= 1
    body = atrium.nodes(Region.BODY)
    x, y, z = (atrium.points[body] - atrium.points[body].mean(axis=0)).T
    assert np.corrcoef(across[body], x)[0, 1] > 0.85
    middle = np.abs(across[body] - 0.5) < 0.2
    assert height[body][(y < -8) & (z > 0) & middle].min() > 0.5
    assert height[body][y > 12].max() <= 0.5
    assert height[atrium.nodes(Region.APPENDAGE)].min() >= 0.5
    for region in (Region.LEFT_INFERIOR_VEIN, Region.RIGHT_INFERIOR_VEIN):
        assert height[atrium.nodes(region)].max() <= 0.5 + 1e-6


def test_fibres_are_unit_vectors_within_their_triangles(atrium, elements):
    for fibre in (atrium.endocardial_fibre, atrium.epicardial_fibre):
        assert np.linalg.norm(fibre, axis=1) == pytest.approx(1.0)
        assert np.abs(np.einsum("ij,ij->i", fibre, elements.normals)).max() < 1e-6


@pytest.mark.parametrize("side", ["endocardial_fibre", "epicardial_fibre"])
def test_fibres_run_around_veins_and_ring(atrium, side):
    fibre = getattr(atrium, side)
    for region, rim in atrium.openings.items():
        loop = atrium.points[rim]
        axis = np.linalg.svd(loop - loop.mean(axis=0))[2][2]
        centres = atrium.points[atrium.triangles].mean(axis=1)
        near = np.linalg.norm(centres[:, None] - loop[None, ::3], axis=2).min(axis=1) < 4
        own = near & (atrium.regions == region)
        assert np.median(np.abs(fibre[own] @ axis)) < 0.35


def test_bachmanns_bundle_crosses_the_front(atrium):
    bundle = atrium.tissue == TissueClass.BACHMANN
    assert bundle.sum() > 20
    fibre = atrium.epicardial_fibre[bundle]
    assert np.median(np.abs(fibre[:, 0])) > 0.7
    assert (atrium.tissue[atrium.regions == Region.APPENDAGE] == TissueClass.PECTINATE).all()
    sleeves = np.isin(atrium.regions, VEINS)
    assert (atrium.tissue[sleeves] == TissueClass.SLEEVE).all()


def test_fibrosis_has_the_area_that_was_asked_for(atrium, elements):
    fibrotic = atrium.fibrosis > 0.5
    share = elements.node_areas[fibrotic].sum() / elements.node_areas.sum()
    assert share == pytest.approx(0.2, abs=0.01)


def test_the_random_field_is_correlated_as_materns_of_smoothness_one(elements):
    """Between neighbours: kappa d K1(kappa d) with kappa = sqrt(8) / range; mean of three draws."""
    a, b = elements.triangles[:, :2].T
    far = np.sqrt(8) / 12.0 * np.linalg.norm(elements.points[a] - elements.points[b], axis=1).mean()
    seen = []
    for seed in range(3):
        field = random_field(elements, 12.0, np.random.default_rng(seed))
        seen.append(np.corrcoef(field[a], field[b])[0, 1])
    assert np.mean(seen) == pytest.approx(far * kv(1, far), abs=0.06)
    assert np.average(field**2, weights=elements.node_areas) == pytest.approx(1.0)


@pytest.mark.parametrize("ending", [".vtp", ".vtk"])
def test_it_comes_back_from_disk_the_same(atrium, tmp_path, ending):
    path = tmp_path / f"atrium{ending}"
    atrium.write(path)
    again = Atrium.read(path)
    assert again.content == atrium.content
    assert again.provenance["seed"] == atrium.provenance["seed"]


def test_an_edited_file_is_refused(atrium, tmp_path):
    from twin.meshes.formats.atria import grid_of
    from twin.meshes.formats.vtk import write

    grid = grid_of(atrium)
    moved = replace(grid, points=grid.points + np.array([0, 0, 1.0]))
    write(moved, tmp_path / "moved.vtp")
    with pytest.raises(InputError, match="another hash"):
        Atrium.read(tmp_path / "moved.vtp")


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"seed": -1}, "expected a whole number"),
        ({"seed": 0, "spacing": 9.0}, "expected 0.3 to 2.5 mm"),
        ({"seed": 0, "nodes": 5000, "spacing": 2.0}, "either nodes or spacing"),
        ({"seed": 0, "fibrosis": 2.0}, "share between 0 and 0.9"),
    ],
)
def test_settings_that_make_no_atrium_are_refused(settings, complaint):
    with pytest.raises(InputError, match=complaint):
        Atrium.sample(**settings)


def test_a_lost_appendage_is_found(atrium):
    regions = np.where(atrium.regions == Region.APPENDAGE, Region.BODY, atrium.regions)
    findings = check_atrium(atrium.points, atrium.triangles, regions, atrium.openings)
    assert [finding.name for finding in findings] == ["appendage lost"]
