"""Steps of a run that are taken together where nothing happens fast."""

import numpy as np
import pytest

from twin.benchmarks.boxes import box_heart
from twin.meshes.errors import InputError
from twin.simulation.ionic.ten_tusscher_panfilov import TenTusscherPanfilov
from twin.simulation.monodomain import Monodomain
from twin.simulation.reaction_diffusion import adaptive
from twin.simulation.reaction_diffusion.observers import Probes
from twin.simulation.reaction_diffusion.stimulus import Stimulus

CELL = TenTusscherPanfilov()


@pytest.fixture(scope="module")
def box():
    return box_heart(0.5, size=(4.0, 2.0, 1.0), jitter=0.1, kind=np.float32)


def test_recovery_is_the_same_in_fewer_steps(box, monkeypatch):
    """A second stimulus comes in the middle of recovery, when long steps are being taken."""
    near = (box.points <= 1.0).all(axis=1)
    stimulus = Stimulus.at(near, (1.0, 380.5))
    probe = Probes(np.array([3, len(box.points) - 1]))
    taken = []
    march = adaptive.march_steps

    def counted(*arguments, steps):
        taken[-1] += steps
        return march(*arguments, steps=steps)

    monkeypatch.setattr(adaptive, "march_steps", counted)
    runs = []
    for longest in (None, 0.1):
        taken.append(0)
        model = Monodomain.of(box, CELL, longest_step=longest)
        runs.append(model.run(stimulus, 450.0, observers=[probe]))
    each, together = runs
    assert taken[0] == 22500
    assert taken[1] < 0.35 * taken[0]
    np.testing.assert_allclose(together.activation_times, each.activation_times, atol=0.01)
    np.testing.assert_allclose(together.durations, each.durations, atol=1.0)
    apart = np.abs(together.samples["probes"] - each.samples["probes"])
    assert np.sqrt((apart**2).mean()) < 1.0
    assert int(together.state.step) == 22500


def test_a_longest_step_beyond_what_is_stable_is_refused(box):
    with pytest.raises(InputError, match="time step: "):
        Monodomain.of(box, CELL, longest_step=0.2)


def test_spans_of_a_stimulus():
    onsets = np.array([2.0, np.inf, 5.0])
    pulses = Stimulus.spread(onsets, (0.0, 100.0), duration=2.0)
    assert pulses.spans == [(2.0, 7.0), (102.0, 107.0)]
    assert Stimulus.spread(np.full(3, np.inf)).spans == []
