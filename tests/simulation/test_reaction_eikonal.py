"""Reaction-eikonal: the front is the eikonal's, recovery is the monodomain's."""

import numpy as np
import pytest

from twin.benchmarks import monodomain_eikonal
from twin.benchmarks.boxes import box_heart
from twin.meshes.errors import InputError
from twin.simulation.ionic.ten_tusscher_panfilov import TenTusscherPanfilov
from twin.simulation.reaction_diffusion.conductivity import TissueConductivity
from twin.simulation.reaction_diffusion.curvature import holding_back
from twin.simulation.reaction_eikonal import ReactionEikonal, conductivity_of, speeds_of

CELL = TenTusscherPanfilov()


@pytest.fixture(scope="module")
def slab():
    return box_heart(1.0, size=(12.0, 6.0, 3.0), kind=np.float32)


def test_cells_fire_when_the_front_comes_and_not_where_none_does(slab):
    model = ReactionEikonal.of(slab, CELL)
    source = np.array([[1.0, 1.0, 1.0]])
    times = model.arrival_times(source, 3.0)
    run = model.run(times, 60.0)
    assert times.max() > 20
    np.testing.assert_allclose(run.activation_times, times, atol=1.0)
    half = TissueConductivity.uniform(slab).block(
        slab.points[slab.tetrahedra].mean(axis=1)[:, 0] > 8
    )
    model = ReactionEikonal.of(slab, CELL, half)
    run = model.run(model.arrival_times(source, 3.0), 60.0)
    assert np.isinf(run.activation_times[slab.points[:, 0] > 9.5]).all()


def test_conductivities_and_speeds_say_the_same(slab):
    tissue = TissueConductivity.uniform(slab)
    speeds = speeds_of(tissue, TenTusscherPanfilov)
    back = conductivity_of(speeds, TenTusscherPanfilov)
    np.testing.assert_allclose(back.conductivities, tissue.conductivities, rtol=1e-6)
    assert speeds.speeds[0, 0] == pytest.approx(0.6, abs=0.05)


def test_a_front_before_cells_can_fire_is_refused(slab):
    model = ReactionEikonal.of(slab, CELL)
    with pytest.raises(InputError, match=r"starts at 0 ms; .* or later"):
        model.run(np.zeros(len(slab.points)), 10.0)


def test_a_front_that_spreads_from_a_point_is_held_back_as_theory_has_it():
    """In isotropic tissue by 1 + 2 D / (c r), up to the mesh; a plane front not at all."""
    ball = box_heart(1.0, size=(12.0, 12.0, 12.0), kind=np.float64)
    tissue = TissueConductivity.uniform(ball, 0.14, 0.14)
    d, c = 0.1, 0.6
    away = np.linalg.norm(ball.points - 6.0, axis=1)
    held = holding_back(ball, tissue, away / c)
    centres = np.linalg.norm(ball.points[ball.tetrahedra].mean(axis=1) - 6.0, axis=1)
    shell = (centres > 3) & (centres < 5)
    np.testing.assert_allclose(held[shell].mean(), (2 * d / (c * centres[shell])).mean(), rtol=0.1)
    assert holding_back(ball, tissue, ball.points @ [1.0, 0.5, 0.2]).max() < 1e-9
    unreached = np.where(away < 4, away, np.inf)
    assert np.isfinite(holding_back(ball, tissue, unreached)).all()


def test_a_millimetre_does_what_a_quarter_does_in_monodomain():
    for figure in monodomain_eikonal.figures(quick=True):
        assert figure.meets, figure
