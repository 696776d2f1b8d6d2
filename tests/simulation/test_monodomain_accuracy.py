"""Monodomain against a manufactured solution and the cable equation."""

import numpy as np
import pytest

from twin.benchmarks.monodomain_accuracy import manufactured_error
from twin.simulation.ionic.ten_tusscher_panfilov import TenTusscherPanfilov
from twin.simulation.reaction_diffusion.cable import cable_speeds
from twin.simulation.reaction_diffusion.mass import LUMPED, SHARES, SPACINGS, MixedMass

CABLE_SPEED = 1.9894
"""1/sqrt(ms): of ten Tusscher-Panfilov; lumped and fourth-order lines agree on it to 1e-4."""


@pytest.mark.parametrize("mass", [LUMPED, MixedMass(0.5)])
def test_the_manufactured_solution_is_met_to_second_order(mass):
    coarse, fine = (manufactured_error(cells, mass) for cells in (8, 16))
    assert np.log2(coarse / fine) > 1.8


def test_balanced_lines_conduct_as_fast_as_the_cable_equation():
    spacings = np.array([0.65, 1.26, 2.1])
    shares = np.interp(spacings, SPACINGS, SHARES)
    cell = TenTusscherPanfilov()
    np.testing.assert_allclose(cable_speeds(cell, spacings, shares), CABLE_SPEED, rtol=2e-3)
    lumped = cable_speeds(cell, spacings)
    assert (lumped < 0.93 * CABLE_SPEED).all()
