"""A whole heart, coarse enough to be simulated in seconds."""

import pytest

from twin.benchmarks.chunky_heart import write_chunky_heart
from twin.meshes.anatomy.biventricular import Anatomy
from twin.meshes.build import build_heart
from twin.meshes.meshing.lattice import mesh_solid


@pytest.fixture(scope="session")
def coarse_heart():
    """Both ventricles, with walls thick enough for a coarse mesh."""
    thick = Anatomy(wall_thickness=9.0, rv_wall_thickness=6.0)
    return build_heart(mesh_solid(thick.solid, spacing=5.0))


@pytest.fixture(scope="session")
def coarse_heart_file(coarse_heart, tmp_path_factory):
    path = tmp_path_factory.mktemp("heart") / "heart.vtu"
    coarse_heart.write(path)
    return path


@pytest.fixture(scope="session")
def chunky_heart_file(tmp_path_factory):
    """Of a few thousand nodes."""
    return write_chunky_heart(tmp_path_factory.mktemp("chunky") / "heart.vtu")
