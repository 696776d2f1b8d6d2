"""Units, axes, index bases, conventions and layouts: found, decided and said."""

import json
from dataclasses import replace
from pathlib import Path

import meshio
import numpy as np
import pytest
import pyvista
from scipy.spatial import cKDTree

from twin.benchmarks import honest_files
from twin.benchmarks.honest_files import LI_SCAR, small_heart, write_honest, write_li, write_oxford
from twin.meshes.checking.check import check
from twin.meshes.errors import InputError
from twin.meshes.formats import oxford, read_heart, read_surface, read_volume, write_heart
from twin.meshes.heart import Boundary, Heart
from twin.meshes.surface import Surface
from twin.meshes.units import TORSO
from twin.meshes.volume import Volume

DATA = Path(__file__).parents[2].parent / "shared" / "data"
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="../shared/data is not here")


@pytest.fixture(scope="module")
def heart() -> Heart:
    return small_heart()


@pytest.fixture(scope="module")
def honest(tmp_path_factory):
    return {case.name: case for case in write_honest(tmp_path_factory.mktemp("honest"))}


def save(points: np.ndarray, heart: Heart, path: Path, **point_data) -> Path:
    grid = pyvista.UnstructuredGrid({pyvista.CellType.TETRA: heart.tetrahedra}, points)
    grid.point_data.update(point_data)
    grid.save(path)
    return path


VOLUME_CASES = [name for name, *_ in honest_files.VOLUMES] + ["CARP", "CARP binary"]
SURFACE_CASES = [name for name, *_ in honest_files.SURFACES if name not in ("map3d", "ECGSIM")]


@pytest.mark.parametrize("name", VOLUME_CASES)
def test_every_volume_format_gives_the_mesh(honest, heart, name):
    volume = read_volume(honest[name].path)
    assert isinstance(volume, Volume)
    np.testing.assert_allclose(volume.points, heart.points, atol=2e-5)
    np.testing.assert_array_equal(volume.tetrahedra, heart.tetrahedra)
    assert volume.provenance["format"]
    assert any("found by size: 75 mm" in remark for remark in volume.remarks)
    assert any("axes taken as LPS" in remark for remark in volume.remarks)


@pytest.mark.parametrize("name", SURFACE_CASES)
def test_every_surface_format_gives_the_surface(honest, heart, name):
    surface = read_surface(honest[name].path)
    whole = Surface(heart.points, heart.triangles)
    assert len(surface.triangles) == len(heart.triangles)
    assert surface.enclosed_volume == pytest.approx(whole.enclosed_volume, rel=1e-5)


@pytest.mark.parametrize("name", ["map3d", "ECGSIM"])
def test_torsos_have_their_own_size(honest, name):
    surface = read_surface(honest[name].path)
    assert np.ptp(surface.points, axis=0).max() == pytest.approx(450, rel=1e-3)
    assert any("counts its nodes from 1" in remark for remark in surface.remarks)


@pytest.mark.parametrize(("unit", "scale"), [("um", 1e3), ("cm", 0.1), ("m", 1e-3)])
def test_the_unit_is_found_by_size_and_said(tmp_path, heart, unit, scale):
    volume = read_volume(save(heart.points * scale, heart, tmp_path / "heart.vtu"))
    np.testing.assert_allclose(volume.points, heart.points, rtol=1e-12)
    assert f"unit {unit}, found by size: 75 mm across" in volume.remarks


def test_a_mouse_heart_needs_its_unit(tmp_path, heart):
    path = save(heart.points / 10, heart, tmp_path / "mouse.vtu")
    assert np.ptp(read_volume(path, unit="mm").points, axis=0).max() == pytest.approx(7.5)
    path = save(heart.points / 3, heart, tmp_path / "rat.vtu")
    with pytest.raises(InputError, match=r"rat\.vtu: its points span 25.*--unit"):
        read_volume(path)


def test_ras_is_turned_and_the_fibres_with_it(tmp_path, heart):
    flip = np.array([-1, -1, 1])
    path = save(heart.points * flip, heart, tmp_path / "a.vtu", fibre=heart.points * flip)
    volume = read_volume(path, axes="RAS")
    np.testing.assert_array_equal(volume.points, heart.points)
    np.testing.assert_array_equal(volume.point_fields["fibre"], heart.points)
    assert check(replace(volume, point_fields={})) == []


@pytest.mark.parametrize("ending", ["vtk", "stl", "ply", "obj"])
def test_axes_that_the_first_lines_name_are_believed(tmp_path, heart, ending):
    path = tmp_path / f"heart.{ending}"
    surface = pyvista.PolyData.from_regular_faces(heart.points, heart.triangles)
    surface.save(path, binary=False) if ending != "obj" else surface.save(path)
    content = path.read_bytes()
    named = {"vtk": (b"vtk output", b"SPACE=RAS"), "stl": (b"solid", b"solid SPACE=RAS")}
    named["ply"] = (b"ply\n", b"ply\ncomment SPACE=RAS\n")
    named["obj"] = (content[:2], b"# SPACE=RAS\n" + content[:2])
    old, new = named[ending]
    if ending == "ply":
        old, new = b"\ncomment", b"\ncomment SPACE=RAS\ncomment"
    assert old in content
    path.write_bytes(content.replace(old, new, 1))
    read = read_surface(path)
    assert "axes RAS: the file says so" in read.remarks
    assert read.points[:, 2].min() == pytest.approx(heart.points[:, 2].min(), rel=1e-6)
    with pytest.raises(InputError, match="says that its axes are RAS"):
        read_surface(path, axes="LPS")


def test_fibres_of_another_order_and_length_are_matched(tmp_path, heart):
    mesh = save(heart.points, heart, tmp_path / "mesh.vtu")
    order = np.random.default_rng(0).permutation(len(heart.points))
    direction = heart.points / np.linalg.norm(heart.points, axis=1, keepdims=True)
    cloud = pyvista.UnstructuredGrid()
    cloud.points = heart.points[order]
    cloud.point_data["fiber"] = 20 * direction[order]
    cloud.save(tmp_path / "fibres.vtk")
    volume = read_volume(mesh, fibres=tmp_path / "fibres.vtk")
    np.testing.assert_allclose(volume.point_fields["fibre"], direction, atol=1e-6)
    said = " ".join(volume.remarks)
    assert "254 fibres matched to points by position" in said
    assert "another order" in said
    assert "from length 20 to 1" in said
    with pytest.raises(InputError, match=r"fibres\.vtk: it has no tetrahedra.*fibres="):
        read_volume(tmp_path / "fibres.vtk")


def test_fibres_of_another_mesh_are_refused(tmp_path, heart):
    mesh = save(heart.points, heart, tmp_path / "mesh.vtu")
    other = save(heart.points + 3, heart, tmp_path / "other.vtu", fibre=heart.points)
    plain = save(heart.points, heart, tmp_path / "plain.vtu", depth=heart.points[:, 0])
    with pytest.raises(InputError, match="254 of 254 points have no fibre in their place"):
        read_volume(mesh, fibres=other)
    with pytest.raises(InputError, match=r"plain\.vtu: .*no field named fibre.*depth"):
        read_volume(mesh, fibres=plain)


@pytest.mark.parametrize("base", [0, 1])
def test_oxford_folder(tmp_path, heart, base):
    write_oxford(heart, tmp_path, base)
    volume = read_volume(tmp_path)
    np.testing.assert_allclose(volume.points, heart.points, atol=1e-6)
    np.testing.assert_array_equal(volume.tetrahedra, heart.tetrahedra)
    assert f"S1_coarse_tetra.csv counts its nodes from {base}" in volume.remarks
    fields = volume.point_fields
    np.testing.assert_allclose(fields["transmural"], heart.coordinates.transmural, atol=1e-9)
    assert any("it was 1 to 0" in remark for remark in volume.remarks)
    electrodes = volume.provenance["electrodes"]
    assert list(electrodes) == ["LA", "RA", "LL", "RL", *(f"V{i}" for i in range(1, 7))]
    np.testing.assert_allclose(electrodes["LA"], [100, -100, 50])
    found = {int(label): int((volume.boundary == label).sum()) for label in Boundary}
    expected = {int(label): int((heart.boundary == label).sum()) for label in Boundary}
    assert found[Boundary.EPICARDIUM] >= expected[Boundary.EPICARDIUM]
    assert sum(found.values()) == len(heart.boundary)


@pytest.mark.parametrize("where", ["geometric_data", "geometric_data/S1", "S1_coarse_xyz.csv"])
def test_oxford_is_found_from_any_of_its_places(tmp_path, heart, where):
    write_oxford(heart, tmp_path)
    path = next(tmp_path.rglob(where)) if where.endswith("csv") else tmp_path / where
    assert len(read_volume(path).tetrahedra) == len(heart.tetrahedra)


def test_a_missing_oxford_table_is_named(tmp_path, heart):
    write_oxford(heart, tmp_path)
    next(tmp_path.rglob("*_tetra.csv")).unlink()
    with pytest.raises(InputError, match=r"S1_coarse_tetra\.csv is missing"):
        read_volume(tmp_path)


def test_two_oxford_subjects_are_a_question(tmp_path, heart):
    write_oxford(heart, tmp_path, subject="S1")
    write_oxford(heart, tmp_path, subject="S2")
    with pytest.raises(InputError, match="S1_coarse, S2_coarse"):
        read_volume(tmp_path)


def test_ecg_tables_beside_a_mesh_are_left_alone(tmp_path, heart):
    write_oxford(heart, tmp_path)
    clinical = tmp_path / "clinical_data"
    clinical.mkdir()
    np.savetxt(clinical / "S1_clinical_full_ecg.csv", np.zeros((8, 100)), delimiter=",")
    assert len(read_volume(tmp_path).points) == len(heart.points)


def test_li_folder_with_a_mesh(tmp_path, heart):
    write_li(heart, tmp_path)
    volume = read_volume(tmp_path)
    np.testing.assert_array_equal(volume.point_fields["aha"], heart.segments)
    np.testing.assert_array_equal(
        np.flatnonzero(volume.point_fields["scar_A1_transmural"]), LI_SCAR - 1
    )
    assert volume.point_fields["border_zone_A1_transmural"].sum() == len(LI_SCAR)
    np.testing.assert_allclose(volume.provenance["apex"], heart.points[1], atol=1e-6)
    assert set(volume.provenance["electrodes"]) == set(oxford.ELECTRODES)


def test_li_folder_with_surfaces(tmp_path, heart):
    write_li(heart, tmp_path, mesh=False)
    surface = read_surface(tmp_path)
    assert surface.labels is not None
    epicardium = (heart.boundary == Boundary.EPICARDIUM).sum()
    assert (surface.labels == Boundary.EPICARDIUM).sum() == epicardium
    (tmp_path / "1000268_rvface.csv").unlink()
    with pytest.raises(InputError, match=r"1000268_rvface\.csv is missing"):
        read_surface(tmp_path)


def test_gmsh_groups_named_after_walls_become_labels(tmp_path, heart):
    names = {1: "LV endo", 2: "epicardium", 3: "base"}
    label = {Boundary.LV_ENDOCARDIUM: 1, Boundary.EPICARDIUM: 2, Boundary.BASE: 3}
    groups = np.array([label[Boundary(value)] for value in heart.boundary])
    cells = [("triangle", heart.triangles), ("tetra", heart.tetrahedra)]
    tags = [groups, np.full(len(heart.tetrahedra), 9)]
    meshio.Mesh(
        heart.points,
        cells,
        cell_data={"gmsh:physical": tags, "gmsh:geometrical": tags},
        field_data={name: np.array([number, 2]) for number, name in names.items()},
    ).write(tmp_path / "heart.msh", file_format="gmsh22", binary=False)
    np.testing.assert_array_equal(read_volume(tmp_path / "heart.msh").boundary, heart.boundary)


def test_classes_on_points_label_triangles(tmp_path, heart):
    classes = np.full(len(heart.points), int(Boundary.EPICARDIUM))
    classes[heart.boundary_nodes(Boundary.LV_ENDOCARDIUM)] = Boundary.LV_ENDOCARDIUM
    volume = read_volume(save(heart.points, heart, tmp_path / "heart.vtu", **{"class": classes}))
    assert len(volume.triangles) == len(heart.triangles)
    agree = (volume.boundary == heart.boundary)[heart.boundary != Boundary.BASE]
    assert agree.mean() > 0.8


@pytest.mark.parametrize("order", ["<", ">"])
def test_binary_carp_of_either_byte_order(tmp_path, heart, order):
    honest_files.write_binary_carp(heart, tmp_path / "heart.bpts", order)
    volume = read_volume(tmp_path / "heart.bpts")
    np.testing.assert_allclose(volume.points, heart.points, rtol=1e-6, atol=1e-5)
    np.testing.assert_allclose(volume.element_fields["fibre"], heart.fibres.fibre, atol=1e-7)
    np.testing.assert_array_equal(volume.element_fields["tag"], 1)


def test_a_collection_of_several_takes_the_first_and_says_so(tmp_path, heart):
    write_heart(heart, tmp_path / "heart.pvd")
    text = (tmp_path / "heart.pvd").read_text()
    item = next(line for line in text.splitlines() if "DataSet" in line)
    (tmp_path / "heart.pvd").write_text(text.replace(item, item + "\n" + item))
    assert any("the first of 2" in remark for remark in read_volume(tmp_path / "heart.pvd").remarks)


def test_other_cells_are_named(tmp_path):
    grid = pyvista.ImageData(dimensions=(3, 3, 3), spacing=(50, 50, 50)).cast_to_unstructured_grid()
    grid.save(tmp_path / "voxels.vtu")
    with pytest.raises(InputError, match=r"8 of 8 cells .*voxel"):
        read_volume(tmp_path / "voxels.vtu")


def test_options_of_other_formats_are_refused(tmp_path, heart):
    path = save(heart.points, heart, tmp_path / "heart.vtu")
    with pytest.raises(InputError, match="frame is no option of VTK files"):
        read_heart(path, frame=3)


def test_a_foreign_mesh_becomes_a_heart_with_its_remarks(tmp_path, heart):
    path = tmp_path / "heart.vtu"
    foreign = pyvista.UnstructuredGrid({pyvista.CellType.TETRA: heart.tetrahedra}, heart.points)
    for name in ("fibre", "sheet", "normal"):
        foreign.cell_data[name] = 3 * getattr(heart.fibres, name)
    foreign.cell_data["normal"] *= -1
    foreign.save(path)
    made = read_heart(path)
    remarks = made.provenance["remarks"]
    assert any("left-handed fibres" in remark for remark in remarks)
    assert any("found by size" in remark for remark in remarks)
    np.testing.assert_allclose(made.fibres.fibre, heart.fibres.fibre, atol=1e-9)
    triad = np.einsum(
        "ij,ij->i", np.cross(made.fibres.fibre, made.fibres.sheet), made.fibres.normal
    )
    np.testing.assert_allclose(triad, 1, atol=1e-9)
    assert made.provenance["origin"] == "heart.vtu"
    json.dumps(made.provenance)


def test_a_wall_one_cell_thick_has_fibres_everywhere(tmp_path, heart):
    made = read_heart(save(heart.points, heart, tmp_path / "heart.vtu"))
    assert check(made) == []
    np.testing.assert_allclose(np.linalg.norm(made.fibres.fibre, axis=1), 1, atol=1e-9)


def test_a_mesh_with_faults_is_refused_with_their_names(tmp_path, heart):
    points = heart.points.copy()
    points[heart.tetrahedra[5, 0]] = np.nan
    with pytest.raises(InputError, match="points not finite"):
        read_heart(save(points, heart, tmp_path / "heart.vtu"))


@needs_data
def test_crtdemo_with_its_fibres():
    folder = DATA / "crtdemo"
    volume = read_volume(
        folder / "crtdemo_mesh_oriented.vtk", fibres=folder / "crtdemo_f0_oriented.vtk"
    )
    joined = pyvista.read(folder / "crtdemo_fibre_activation.vtu")
    place = cKDTree(joined.points).query(volume.points)[1]
    expected = joined.point_data["fiber"][place]
    expected = expected / np.linalg.norm(expected, axis=1, keepdims=True)
    np.testing.assert_allclose(volume.point_fields["fibre"], expected, atol=1e-5)


@needs_data
def test_cobiveco_surface_is_labelled_by_its_classes():
    surface = read_surface(DATA / "cobiveco_kit" / "geo1" / "heart.vtp")
    assert surface.labels is not None
    assert set(np.unique(surface.labels)) == {1, 2, 3, 4}
    assert abs(surface.enclosed_volume) / 1000 == pytest.approx(144.8, abs=0.1)


@needs_data
def test_fitted_surfaces_and_the_torso():
    fitted = DATA / "bivme" / "fitted"
    surface = read_surface(fitted / "patient1_LV_ENDOCARDIAL_000.vtk")
    assert len(surface.points) == 1572
    torso = read_surface(DATA / "map3d" / "daltorso.pts")
    assert torso.points.shape == (352, 3)
    again = read_surface(DATA / "map3d" / "daltorso.fac", extent=TORSO)
    np.testing.assert_array_equal(torso.points, again.points)
