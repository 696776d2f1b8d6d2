"""Leads of a front on meshes that are too coarse for it."""

import numpy as np
import pytest

from twin.benchmarks.boxes import box_heart
from twin.meshes.errors import InputError
from twin.simulation.ionic.mitchell_schaeffer import MitchellSchaeffer
from twin.simulation.ionic.ten_tusscher_panfilov import TenTusscherPanfilov
from twin.simulation.reaction_diffusion.conductivity import TissueConductivity
from twin.simulation.reaction_diffusion.foot import upstroke_of
from twin.simulation.reaction_diffusion.observers import Signals
from twin.simulation.reaction_diffusion.sharp_front import front_correction

ELECTRODES = np.array([[40.0, 2.0, 1.0], [6.0, 30.0, 1.0], [-10.0, -10.0, -10.0]])
TIMES = np.arange(0.0, 60.0)
STEEP = np.array([1.2, 1.8, 0.7])
"""ms/mm: a plane front runs obliquely through the box."""


@pytest.fixture(scope="module")
def upstroke():
    return upstroke_of(TenTusscherPanfilov, 0.02)


def leads(spacing, upstroke):
    """Sums over the nodes, and with the front as it passes through the elements."""
    box = box_heart(spacing, size=(12.0, 6.0, 4.0), kind=np.float64)
    arrivals = 5.0 + box.points @ STEEP
    signals = Signals.electrograms(box, TissueConductivity.uniform(box), ELECTRODES)
    nodes = upstroke.at(TIMES[:, None] - arrivals) @ np.asarray(signals.weights)
    more = front_correction(arrivals, signals.corners, box.tetrahedra, upstroke, TIMES)
    return nodes, nodes + more


def test_a_coarse_mesh_sees_a_front_as_a_fine_one_does(upstroke):
    fine_nodes, fine = leads(0.5, upstroke)
    coarse_nodes, coarse = leads(2.0, upstroke)
    scale = np.abs(fine).max()
    assert np.abs(fine_nodes - fine).max() < 0.02 * scale
    assert np.abs(coarse - fine).max() < 0.03 * scale
    assert np.abs(coarse_nodes - fine).max() > 4 * np.abs(coarse - fine).max()


def test_nothing_is_added_before_the_front_and_after_it(upstroke):
    box = box_heart(2.0, size=(12.0, 6.0, 4.0), kind=np.float64)
    arrivals = 5.0 + box.points @ STEEP
    signals = Signals.electrograms(box, TissueConductivity.uniform(box), ELECTRODES)
    given = signals.corners, box.tetrahedra, upstroke, TIMES
    more = front_correction(arrivals, *given)
    assert not more[TIMES + upstroke.lead < 5.0].any()
    after = arrivals.max() + 10 < TIMES
    assert after.any()
    assert not more[after].any()
    assert not front_correction(np.full_like(arrivals, np.inf), *given).any()


@pytest.mark.parametrize("cell", [TenTusscherPanfilov, MitchellSchaeffer])
def test_cells_fire_under_the_foot_current(cell):
    upstroke = upstroke_of(cell, 0.02)
    assert 0 < upstroke.lead < 2
    rest = cell().resting_state[0]
    assert rest + upstroke.at(0.0) == pytest.approx(cell.threshold, abs=1e-3)
    assert rest + upstroke.rise.max() > 0
    assert upstroke.at(-5.0) == 0


def test_a_cell_that_does_not_fire_is_refused(monkeypatch):
    monkeypatch.setattr("twin.simulation.reaction_diffusion.foot.FOOT_CURRENT", 1.0)
    with pytest.raises(InputError, match="does not fire"):
        upstroke_of(MitchellSchaeffer, 0.011)
