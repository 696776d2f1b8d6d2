"""What is written is read back equal: the whole heart, its surface, or what CARP can hold."""

import os
from dataclasses import replace

import h5py
import numpy as np
import pytest
import pyvista

from twin.benchmarks import heart_formats
from twin.benchmarks.honest_files import small_heart
from twin.meshes.errors import InputError
from twin.meshes.formats import read_heart, read_surface, read_volume, write_heart
from twin.meshes.heart import Boundary, Heart

FIELDS = ("apicobasal", "transmural", "rotational", "ventricle", "aha_segment")


@pytest.fixture(scope="module")
def heart() -> Heart:
    return small_heart()


@pytest.mark.parametrize("kind", [np.float32, np.float64])
@pytest.mark.parametrize("ending", heart_formats.WHOLE_FORMATS)
def test_whole_formats_return_the_same_heart(tmp_path, heart, ending, kind):
    heart = heart.astype(kind)
    heart.write(tmp_path / f"a heart.{ending}")
    again = Heart.read(tmp_path / f"a heart.{ending}")
    assert again.content == heart.content
    assert again.provenance == heart.provenance
    assert again.points.dtype == kind
    assert again.fibres.fibre.dtype == kind


@pytest.mark.parametrize("ending", heart_formats.PART_FORMATS)
def test_other_formats_return_the_same_surface_or_mesh(tmp_path, heart, ending):
    assert heart_formats._comes_back(heart, tmp_path / f"heart.{ending}")


def test_a_path_without_ending_is_a_carp_folder(tmp_path, heart):
    write_heart(heart, tmp_path / "case7")
    volume = read_volume(tmp_path / "case7")
    assert (tmp_path / "case7" / "case7.elem").is_file()
    assert heart_formats._same_mesh(heart, volume)
    np.testing.assert_array_equal(volume.point_fields["rotational"], heart.coordinates.rotational)
    assert any("unit um" in remark for remark in volume.remarks)


def test_provenance_survives_with_numbers_and_names(tmp_path, heart):
    origin = {"seed": 3, "settings": {"names": ["a", "ü"], "size": 0.1}, "remarks": ["<&\"'"]}
    heart = replace(heart, provenance=origin)
    for ending in heart_formats.WHOLE_FORMATS:
        write_heart(heart, tmp_path / f"heart.{ending}")
        assert read_heart(tmp_path / f"heart.{ending}").provenance == origin


@pytest.mark.parametrize("ending", ["vtu", "vtkhdf"])
def test_paraview_sees_every_field_by_its_full_name(tmp_path, heart, ending):
    path = tmp_path / f"heart.{ending}"
    write_heart(heart, path)
    mesh = pyvista.read(path)
    count = len(heart.tetrahedra)
    assert set(FIELDS) < set(mesh.point_data.keys())
    assert {"fibre", "sheet", "normal", "boundary"} == set(mesh.cell_data.keys())
    np.testing.assert_array_equal(mesh.celltypes[:count], pyvista.CellType.TETRA)
    np.testing.assert_array_equal(mesh.celltypes[count:], pyvista.CellType.TRIANGLE)
    np.testing.assert_array_equal(mesh.cell_data["boundary"][count:], heart.boundary)
    assert not mesh.cell_data["boundary"][:count].any()
    np.testing.assert_array_equal(mesh.points, heart.points)
    np.testing.assert_array_equal(mesh.cell_data["fibre"][:count], heart.fibres.fibre)


def test_paraview_opens_the_collection_and_the_surface(tmp_path, heart):
    write_heart(heart, tmp_path / "heart.pvd")
    assert pyvista.read(tmp_path / "heart.pvd").n_blocks == 1
    write_heart(heart, tmp_path / "heart.vtp")
    surface = pyvista.read(tmp_path / "heart.vtp")
    assert surface.n_cells == len(heart.triangles)
    assert surface.is_manifold
    assert "transmural" in surface.point_data


def test_stl_names_its_walls(tmp_path, heart):
    write_heart(heart, tmp_path / "heart.stl")
    assert b"solid lv_endocardium" in (tmp_path / "heart.stl").read_bytes()
    assert pyvista.read(tmp_path / "heart.stl").n_cells == len(heart.triangles)
    surface = read_surface(tmp_path / "heart.stl")
    for label in (Boundary.BASE, Boundary.EPICARDIUM, Boundary.LV_ENDOCARDIUM):
        assert (surface.labels == label).sum() == (heart.boundary == label).sum()


def test_hdf5_chunks_carry_checksums(tmp_path, heart):
    write_heart(heart, tmp_path / "heart.vtkhdf")
    with h5py.File(tmp_path / "heart.vtkhdf") as file:
        assert tuple(file["VTKHDF"].attrs["Version"]) == (2, 2)
        assert file["VTKHDF/Points"].fletcher32


def test_a_changed_heart_is_not_taken_for_the_written_one(tmp_path, heart):
    path = tmp_path / "heart.vtu"
    write_heart(heart, path)
    mesh = pyvista.read(path)
    mesh.points[17] += 1e-3
    mesh.save(path)
    with pytest.raises(InputError, match="another hash"):
        read_heart(path)
    assert len(read_volume(path).points) == len(heart.points)


def test_a_failed_write_leaves_the_old_file(tmp_path, heart, monkeypatch):
    path = tmp_path / "heart.vtu"
    write_heart(heart, path)
    before = path.read_bytes()
    monkeypatch.setattr(os, "fsync", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        write_heart(heart, path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_an_unknown_ending_is_refused_with_the_known_ones(tmp_path, heart):
    with pytest.raises(InputError, match=r"\.vtu, .*\.stl"):
        write_heart(heart, tmp_path / "heart.docx")
