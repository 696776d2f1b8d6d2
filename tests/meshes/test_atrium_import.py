"""Left atria from surfaces of others: labels found or given, in several formats and units."""

import numpy as np
import pytest
import pyvista

from twin.meshes.atria.importing import import_atrium
from twin.meshes.atria.labelling import name_rims
from twin.meshes.atria.regions import VEINS, Region
from twin.meshes.errors import InputError
from twin.meshes.heart import Boundary


@pytest.fixture(scope="module")
def found(atrium, tmp_path_factory):
    path = tmp_path_factory.mktemp("found") / "bare.ply"
    bare(atrium).save(path)
    return import_atrium(path)


def bare(atrium, scale=1.0):
    return pyvista.PolyData.from_regular_faces(scale * atrium.points, atrium.triangles)


def write_carp(atrium, folder):
    """Micrometres, with a tag for each triangle."""
    lines = [f"{x:.3f} {y:.3f} {z:.3f}" for x, y, z in 1000 * atrium.points]
    (folder / "atrium.pts").write_text("\n".join([str(len(lines)), *lines]) + "\n")
    rows = np.column_stack([atrium.triangles, atrium.regions + 10])
    lines = [f"Tr {a} {b} {c} {tag}" for a, b, c, tag in rows]
    (folder / "atrium.elem").write_text("\n".join([str(len(lines)), *lines]) + "\n")
    return folder / "atrium.elem"


def test_regions_are_found_where_nothing_is_labelled(atrium, found):
    assert set(found.openings) == set(atrium.openings)
    for region, loop in atrium.openings.items():
        other = found.points[found.openings[region]].mean(axis=0)
        assert other == pytest.approx(atrium.points[loop].mean(axis=0), abs=1e-3)
    area = np.linalg.norm(np.cross(*sides(found)), axis=1)
    same = area[found.regions == atrium.regions].sum() / area.sum()
    # Where a vein begins is told in another way there: by how its curves widen.
    assert same > 0.7
    own = atrium.regions == Region.APPENDAGE
    hit = area[own & (found.regions == Region.APPENDAGE)].sum() / area[own].sum()
    assert hit > 0.7
    assert any("regions found" in remark for remark in found.provenance["remarks"])


def sides(atrium):
    a, b, c = np.moveaxis(atrium.points[atrium.triangles], 1, 0)
    return b - a, c - a


def test_labels_of_a_carp_mesh_are_taken_as_told(atrium, tmp_path):
    path = write_carp(atrium, tmp_path)
    labels = {int(region) + 10: region for region in Region if (atrium.regions == region).any()}
    again = import_atrium(path, labels=labels)
    assert np.array_equal(again.regions, atrium.regions)
    assert again.points == pytest.approx(atrium.points, abs=1e-5)
    alike = np.abs(np.einsum("ij,ij->i", again.epicardial_fibre, atrium.epicardial_fibre))
    assert np.median(alike) > 0.999


def test_labels_on_points_do_and_the_vestibule_may_be_missing(atrium, tmp_path):
    mesh = bare(atrium, 0.1)
    nodal = np.zeros(mesh.n_points)
    for region in (*VEINS, Region.APPENDAGE):
        nodal[atrium.nodes(region)] = region
    mesh.point_data["scalars"] = nodal
    mesh.save(tmp_path / "centimetres.vtp")
    present = [region for region in (*VEINS, Region.APPENDAGE) if (nodal == region).any()]
    again = import_atrium(tmp_path / "centimetres.vtp", labels={int(r): r for r in present})
    assert set(again.openings) == set(atrium.openings)
    assert (again.regions == atrium.regions).mean() > 0.85


def test_a_surface_inside_out_with_a_loose_piece_is_mended(atrium, tmp_path):
    mesh = pyvista.PolyData.from_regular_faces(atrium.points, atrium.triangles[:, ::-1])
    loose = pyvista.Sphere(radius=2, center=atrium.points.mean(axis=0))
    mesh.append_polydata(loose).save(tmp_path / "loose.vtk")
    again = import_atrium(tmp_path / "loose.vtk")
    remarks = " ".join(again.provenance["remarks"])
    assert "turned to face outwards" in remarks
    assert "smaller pieces left out" in remarks
    assert len(again.points) == len(atrium.points)


def test_a_closed_surface_says_what_to_do(tmp_path):
    pyvista.ParametricEllipsoid(30, 20, 25).triangulate().clean().save(tmp_path / "closed.stl")
    with pytest.raises(InputError, match=r"closed\.stl: it has 0 openings .* or give labels"):
        import_atrium(tmp_path / "closed.stl")


def test_a_number_that_no_triangle_has_is_named(atrium, tmp_path):
    path = write_carp(atrium, tmp_path)
    with pytest.raises(InputError, match=r"no tag is \[99\]; it holds"):
        import_atrium(path, labels={99: Region.APPENDAGE})


def test_turned_axes_are_doubted(atrium):
    """Both left veins to the right of the ring's: RAS instead of LPS changes the names."""
    ring, veins = name_rims(atrium.points, atrium.triangles)
    assert len(ring) == len(atrium.openings[Region.MITRAL_VESTIBULE])
    _, mirrored = name_rims(atrium.points * [-1, -1, 1], atrium.triangles[:, ::-1])
    left, right = Region.LEFT_SUPERIOR_VEIN, Region.RIGHT_SUPERIOR_VEIN
    assert set(mirrored[left]) == set(veins[right])


def test_a_hearts_labels_are_not_an_atriums():
    assert {int(label) for label in Boundary} != {int(region) for region in Region}
