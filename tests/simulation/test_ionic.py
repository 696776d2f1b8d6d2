"""Cell models against what their papers publish."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from twin.simulation.ionic.cell import pace, resting_cells
from twin.simulation.ionic.mitchell_schaeffer import MitchellSchaeffer
from twin.simulation.ionic.ten_tusscher_panfilov import Layer, TenTusscherPanfilov

SAMPLE = 0.1


def duration(trace: np.ndarray, share: float = 0.9) -> float:
    """Time (ms) from the steepest rise to `share` of repolarisation."""
    threshold = trace.max() - share * (trace.max() - trace[0])
    return SAMPLE * (np.flatnonzero(trace > threshold)[-1] - np.argmax(np.diff(trace)))


@pytest.mark.parametrize(
    ("layer", "published"),
    [(Layer.EPICARDIUM, 306), (Layer.MID_WALL, 404), (Layer.ENDOCARDIUM, 306)],
)
def test_ten_tusscher_panfilov_durations_at_1_hertz(layer, published):
    model = TenTusscherPanfilov(layer)
    _, trace = pace(model, resting_cells(model, 1), beats=4)
    trace = np.asarray(trace)[:, 0]
    assert duration(trace) == pytest.approx(published, rel=0.01)
    assert trace[0] == pytest.approx(-85.5, abs=1)
    assert 35 < trace.max() < 45


def test_repolarising_currents_set_the_duration_cell_by_cell():
    model = TenTusscherPanfilov(repolarising=jnp.array([0.5, 1.0, 4.0]))
    _, traces = pace(model, resting_cells(model, 3), beats=3)
    durations = [duration(trace) for trace in np.asarray(traces).T]
    assert durations[0] > 360
    assert durations[0] > durations[1] > durations[2]
    assert durations[2] < 200


def mitchell_schaeffer_excess(scale: float) -> float:
    """Duration beyond the asymptotic 300 ms with both fast time constants times `scale`."""
    model = MitchellSchaeffer(tau_in=0.3 * scale, tau_out=5.4 * scale)
    model = replace(model, tau_close=model.closing_time(300.0))
    _, trace = pace(model, resting_cells(model, 1), beats=1, time_step=0.005, every=20)
    return duration(np.asarray(trace)[:, 0]) - 300


def test_mitchell_schaeffer_tends_to_its_asymptotic_duration():
    """Their formula holds as the fast time constants vanish beside the slow ones."""
    assert 0 < mitchell_schaeffer_excess(0.1) < mitchell_schaeffer_excess(1.0) / 4


def test_duration_has_a_gradient_in_the_parameters():
    def late_potential(factor):
        model = TenTusscherPanfilov(repolarising=factor)
        state = resting_cells(model, 1)
        state = state.at[0].set(20.0)
        state = jax.lax.fori_loop(0, 500, lambda _, s: model.step(s, 0.0, 0.02), state)
        return state[0, 0]

    slope = jax.jvp(late_potential, (1.0,), (1.0,))[1]
    difference = (late_potential(1.05) - late_potential(0.95)) / 0.1
    assert slope == pytest.approx(float(difference), rel=0.05)
