"""Meshes that several tests look at: a left ventricle in closed form, a heart, a left atrium."""

import pytest

from twin.benchmarks.ellipsoid import TruncatedEllipsoid
from twin.meshes.anatomy.biventricular import Anatomy
from twin.meshes.atrium import Atrium
from twin.meshes.build import build_heart
from twin.meshes.fields.coordinates import compute_coordinates
from twin.meshes.meshing.lattice import mesh_solid


@pytest.fixture(scope="session")
def ellipsoid():
    return TruncatedEllipsoid()


@pytest.fixture(scope="session")
def left_mesh(ellipsoid):
    return ellipsoid.volume(layers=5)


@pytest.fixture(scope="session")
def left_coordinates(left_mesh):
    mesh = left_mesh
    return compute_coordinates(mesh.points, mesh.tetrahedra, mesh.triangles, mesh.boundary)


@pytest.fixture(scope="session")
def thick_mesh():
    """Both ventricles, with walls thick enough for a coarse mesh."""
    return mesh_solid(Anatomy(wall_thickness=9.0, rv_wall_thickness=6.0).solid, spacing=5.0)


@pytest.fixture(scope="session")
def thick_heart(thick_mesh):
    return build_heart(thick_mesh)


@pytest.fixture(scope="session")
def atrium():
    """Coarse, a fifth of it fibrotic."""
    return Atrium.sample(0, spacing=2.5, fibrosis=0.2)
