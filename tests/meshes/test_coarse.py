"""Coarse and even meshes of the same heart."""

import numpy as np
import pytest

from twin.meshes.anatomy.biventricular import Anatomy
from twin.meshes.build import build_heart
from twin.meshes.coarse import coarsened
from twin.meshes.errors import InputError
from twin.meshes.meshing.lattice import mesh_solid

THICK = Anatomy(wall_thickness=11.0, rv_wall_thickness=6.0)


@pytest.fixture(scope="module")
def fine():
    return build_heart(mesh_solid(THICK.solid, spacing=3.2, even=True))


def test_an_even_mesh_has_one_spacing_and_the_nodes_asked_for():
    even = mesh_solid(THICK.solid, nodes=6000, even=True)
    assert len(even.points) == pytest.approx(6000, rel=0.15)
    assert not any("reduced" in remark for remark in even.remarks)


def test_an_even_mesh_wants_a_length():
    with pytest.raises(InputError, match="expected a positive length"):
        mesh_solid(THICK.solid, spacing=-1.0, even=True)


def test_a_copy_has_the_same_walls_and_fewer_nodes(fine):
    copy = coarsened(fine, 5000)
    assert len(copy.points) < 0.7 * len(fine.points)
    assert copy.element_volumes.sum() == pytest.approx(fine.element_volumes.sum(), rel=0.04)
    assert set(np.unique(copy.segments)) == set(np.unique(fine.segments))
    assert copy.provenance["coarse_copy_of"] == fine.content


def test_a_heart_with_few_nodes_is_itself(fine):
    assert coarsened(fine, len(fine.points)) is fine
