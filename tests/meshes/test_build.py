from dataclasses import replace

import numpy as np
import pytest

from twin.meshes.build import build_heart
from twin.meshes.errors import InputError
from twin.meshes.fields.fibres import FibreRule
from twin.meshes.heart import Boundary
from twin.meshes.volume import Volume


@pytest.fixture(scope="module")
def small(ellipsoid):
    return ellipsoid.volume(layers=3)


@pytest.fixture(scope="module")
def small_heart(small):
    return build_heart(small)


def test_left_ventricle_alone_is_a_heart(small_heart):
    assert (small_heart.coordinates.ventricle == 0).all()
    assert len(small_heart.boundary_nodes(Boundary.RV_ENDOCARDIUM)) == 0
    assert set(np.unique(small_heart.segments)) == set(range(1, 18))


def test_missing_labels_are_found(small, small_heart):
    heart = build_heart(Volume(small.points, small.tetrahedra))
    assert heart.content == small_heart.content
    assert heart.provenance["labels"] == "found"
    assert small_heart.provenance["labels"] == "given"


def test_single_missing_labels_are_filled_in(small, small_heart):
    keep = np.arange(len(small.triangles)) % 3 > 0
    partly = replace(small, triangles=small.triangles[keep], boundary=small.boundary[keep])
    assert build_heart(partly).content == small_heart.content


def test_labels_that_came_along_are_kept(small):
    odd = small.boundary.copy()
    odd[np.flatnonzero(odd == Boundary.EPICARDIUM)[:3]] = Boundary.BASE
    heart = build_heart(replace(small, boundary=odd))
    assert (heart.boundary == Boundary.BASE).sum() == (odd == Boundary.BASE).sum()


def test_inverted_numbering_is_turned(small, small_heart):
    turned = small.tetrahedra.copy()
    turned[::2] = turned[::2][:, [0, 1, 3, 2]]
    heart = build_heart(replace(small, tetrahedra=turned))
    assert (heart.element_volumes > 0).all()
    assert np.allclose(heart.coordinates.transmural, small_heart.coordinates.transmural, atol=1e-4)


def test_given_fibres_are_kept(small):
    along = np.tile([0.0, 0.0, 20.0], (len(small.tetrahedra), 1))
    heart = build_heart(replace(small, element_fields={"fibre": along}))
    assert np.allclose(heart.fibres.fibre, [0, 0, 1])
    assert np.allclose(heart.fibres.sheet[:, 2], 0)
    triads = np.stack([heart.fibres.fibre, heart.fibres.sheet, heart.fibres.normal], axis=2)
    assert np.allclose(np.linalg.det(triads), 1)
    assert heart.provenance["fibres"] == "given"


def test_given_sheets_are_squared_up(small):
    count = len(small.tetrahedra)
    fields = {"fibre": np.tile([0, 0, 1.0], (count, 1)), "sheet": np.tile([1.0, 0, 1], (count, 1))}
    heart = build_heart(replace(small, element_fields=fields))
    assert np.allclose(heart.fibres.sheet, [1, 0, 0])


def test_nodal_fibres_are_averaged_as_axes(small):
    signs = np.where(np.arange(len(small.points)) % 2, 1.0, -1.0)
    nodal = signs[:, None] * np.array([0.0, 0.6, 0.8])
    heart = build_heart(replace(small, point_fields={"fibre": nodal}))
    assert np.allclose(np.abs(heart.fibres.fibre @ [0, 0.6, 0.8]), 1)


def test_fibres_missing_here_and_there_come_from_the_rule(small, small_heart):
    along = np.tile([0.0, 0.0, 1.0], (len(small.tetrahedra), 1))
    along[5], along[6] = 0, np.nan
    heart = build_heart(replace(small, element_fields={"fibre": along}))
    assert np.allclose(heart.fibres.fibre[5:7], small_heart.fibres.fibre[5:7])


def test_the_rule_is_recorded(small):
    heart = build_heart(small, rule=FibreRule(left_helix=(50, -50)))
    assert heart.provenance["fibres"]["left_helix"] == (50, -50)


def test_progress_goes_from_nothing_to_all(small):
    seen = []
    build_heart(small, progress=lambda stage, fraction: seen.append(fraction))
    assert seen[0] == 0
    assert seen[-1] == 1
    assert seen == sorted(seen)


def test_the_same_mesh_gives_the_same_bits(small, small_heart):
    assert build_heart(small).content == small_heart.content


def test_an_empty_mesh_is_refused():
    with pytest.raises(InputError, match="0 points"):
        build_heart(Volume(np.zeros((0, 3)), np.zeros((0, 4), int)))
