"""Cell models against other people's implementations, and what all of them have in common."""

from dataclasses import replace
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from twin.meshes.errors import InputError
from twin.simulation.ionic import ten_tusscher_panfilov, tor_ord
from twin.simulation.ionic.bueno_orovio import BuenoOrovio
from twin.simulation.ionic.cell import resting_cells
from twin.simulation.ionic.course import course
from twin.simulation.ionic.courtemanche import Courtemanche
from twin.simulation.ionic.mitchell_schaeffer import MitchellSchaeffer
from twin.simulation.ionic.modified_mitchell_schaeffer import ModifiedMitchellSchaeffer
from twin.simulation.ionic.pacing import Pulse, paced
from twin.simulation.ionic.restitution import dynamic_restitution, premature_restitution
from twin.simulation.ionic.ten_tusscher_panfilov import TenTusscherPanfilov
from twin.simulation.ionic.tor_ord import TorOrd

jax.config.update("jax_enable_x64", True)

REFERENCES = Path(__file__).parent / "cells"
WALL = {
    f"ten_tusscher_panfilov_{k.name.lower()}": TenTusscherPanfilov(k)
    for k in ten_tusscher_panfilov.Layer
}
TOR_ORD = {f"tor_ord_{k.name.lower()}": TorOrd(k) for k in tor_ord.Layer}
TOR_ORD["tor_ord_2019"] = TorOrd(dynamic_chloride=False)
ATRIUM = {
    "courtemanche_control": Courtemanche(),
    "courtemanche_remodelled": Courtemanche.remodelled(),
    "courtemanche_pulmonary_vein": Courtemanche.pulmonary_vein(),
}
SIMPLE = {
    "bueno_orovio_epicardium": BuenoOrovio.epicardium(),
    "bueno_orovio_mid_wall": BuenoOrovio.mid_wall(),
    "bueno_orovio_endocardium": BuenoOrovio.endocardium(),
    "bueno_orovio_like_ten_tusscher": BuenoOrovio.like_ten_tusscher(),
    "mitchell_schaeffer": MitchellSchaeffer(gate=0.13, tau_out=6.0),
    "modified_mitchell_schaeffer": ModifiedMitchellSchaeffer(),
}
MODELS = WALL | TOR_ORD | ATRIUM | SIMPLE
KINDS = (
    *("ten_tusscher_panfilov_epicardium", "tor_ord_epicardium", "courtemanche_control"),
    *("bueno_orovio_mid_wall", "mitchell_schaeffer", "modified_mitchell_schaeffer"),
)
"""One of each class."""


def slow_where(names, slow):
    return [pytest.param(n, marks=pytest.mark.slow) if n in slow else n for n in names]


REFERRED = [n for n in MODELS if (REFERENCES / f"{n}.npz").exists()]


@jax.jit
def stepped(model, state, stimulus, time_step):
    return model.step(state, stimulus, time_step)


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("TWIN_CACHE", str(tmp_path))


def returned(trace: np.ndarray, regular: np.ndarray) -> float:
    """ms until 90 % of the regular beat's repolarisation, as the references have it."""
    threshold = regular.max() - 0.9 * (regular.max() - regular[0])
    above = np.flatnonzero(trace > threshold)
    if len(above) < 10 or trace.max() < 0:
        return np.nan
    last = int(above[-1])
    return last + (trace[last] - threshold) / (trace[last] - trace[last + 1])


@pytest.mark.parametrize("name", slow_where(REFERRED, TOR_ORD))
def test_action_potential_and_restitution_against_another_implementation(name):
    reference = np.load(REFERENCES / f"{name}.npz")
    intervals = reference["intervals"]
    columns = len(intervals) + 1
    starts = np.tile([[0.0], [1000.0], [2000.0], [9000.0]], columns)
    starts[3, 1:] = 2000 + intervals
    stimulus = Pulse(*reference["stimulus"]).train(starts, 3400.0, 0.02)
    state = jnp.tile(jnp.asarray(reference["initial"])[:, None], columns)
    _, traces = course(MODELS[name], state, stimulus, 0.02, 50)
    traces = np.asarray(traces)[2000:]
    beat, published = traces[:1000, 0], reference["potential"].astype(float)
    assert np.sqrt(np.mean((beat - published) ** 2)) < 1
    assert returned(beat, beat) == pytest.approx(returned(published, published), rel=0.01)
    durations = [
        returned(traces[int(start) :, column], beat)
        for column, start in enumerate(intervals, start=1)
    ]
    assert durations == pytest.approx(reference["durations"], rel=0.01, abs=2, nan_ok=True)


@pytest.mark.parametrize("name", WALL | TOR_ORD)
def test_rates_of_change_against_another_implementation(name):
    reference = np.load(REFERENCES / f"{name}_rates.npz")
    state, instant = jnp.asarray(reference["states"].T), 1e-7
    rates = np.asarray((stepped(MODELS[name], state, 0.0, instant) - state) / instant).T
    # Subtraction leaves 1e-9 of a variable, and the fastest gate is exact to half a step.
    rounding = 4e-9 * np.abs(reference["states"]) + 1e-12
    error = np.abs(rates - reference["rates"]) - rounding
    assert np.all(error < 1e-3 * np.abs(reference["rates"]))


@pytest.mark.parametrize("name", KINDS)
def test_what_every_model_offers(name):
    model = MODELS[name]
    state = resting_cells(model, 2)
    assert len(model.variables) == len(model.resting_state) == len(state)
    # So short a step that it does not matter whether gates go first.
    instant = 1e-6
    later = stepped(model, state.at[0, 1].set(-30.0), jnp.array([0.0, 5.0]), instant)
    current = jax.jit(lambda m, s: m.ionic_current(s))(model, state.at[0, 1].set(-30.0))
    moved = (later[0] - jnp.array([state[0, 0], -30.0])) / instant
    np.testing.assert_allclose(moved, jnp.array([0.0, 5.0]) - current, rtol=1e-3, atol=1e-7)
    assert np.all(np.isfinite(later))


@pytest.mark.parametrize("name", KINDS)
def test_parameters_are_differentiable_and_one_a_cell(name):
    leaves, shape = jax.tree.flatten(MODELS[name])
    state = resting_cells(MODELS[name], 1).at[0].set(-20.0)

    @jax.jit
    def potential(factor):
        model = jax.tree.unflatten(shape, [leaf * factor for leaf in leaves])
        return jax.lax.fori_loop(0, 50, lambda _, s: model.step(s, 0.0, 0.01), state)[0, 0]

    slope = jax.jacfwd(potential)(1.0)
    difference = (potential(1 + 1e-5) - potential(1 - 1e-5)) / 2e-5
    assert slope == pytest.approx(float(difference), rel=1e-3, abs=1e-6)
    several = jax.tree.unflatten(shape, [leaf * jnp.array([1.0, 1.1]) for leaf in leaves])
    two = stepped(several, jnp.tile(state, 2), 0.0, 0.01)
    one = stepped(MODELS[name], state, 0.0, 0.01)
    np.testing.assert_allclose(two[:, :1], one, rtol=1e-12)


NATIVE = {name: model for name, model in MODELS.items() if model.native}


@pytest.mark.parametrize("kind", [np.float32, np.float64])
@pytest.mark.parametrize(
    "name",
    [
        "ten_tusscher_panfilov_epicardium",
        "ten_tusscher_panfilov_endocardium",
        "courtemanche_control",
        "modified_mitchell_schaeffer",
    ],
)
def test_native_kernel_against_its_counterpart(name, kind):
    model = NATIVE[name]
    varied = "tau_out" if name == "modified_mitchell_schaeffer" else "g_na"
    model = replace(model, **{varied: jnp.linspace(0.7, 1.3, 19) * getattr(model, varied)})
    model = jax.tree.map(lambda parameter: jnp.asarray(parameter, kind), model)
    state = resting_cells(model, 19).astype(kind)
    stimulus = Pulse().train(np.zeros(1), 30.0, 0.02).astype(kind)
    after, trace = course(model, state, stimulus, 0.02, 5)
    expected = [state[0]]
    for index, pulse in enumerate(stimulus[:, 0]):
        state = stepped(model, state, pulse, kind(0.02)).astype(kind)
        if (index + 1) % 5 == 0:
            expected.append(state[0])
    assert after.dtype == trace.dtype == kind
    # Seen in single precision: 1e-4 mV, and 2e-4 of the slowest gate, which moves near rounding.
    single = kind is np.float32
    potential, relative, absolute = (2e-3, 1e-3, 1e-8) if single else (1e-9, 1e-9, 1e-15)
    np.testing.assert_allclose(trace, jnp.stack(expected[:-1]), rtol=0, atol=potential)
    np.testing.assert_allclose(after, state, rtol=relative, atol=absolute)


@pytest.mark.parametrize("name", ["ten_tusscher_panfilov_epicardium", "courtemanche_control"])
def test_same_bits_for_every_thread_count_and_close_for_every_instruction_set(name, monkeypatch):
    model = NATIVE[name]
    state = resting_cells(model, 70)
    stimulus = np.linspace(20, 60, 70) * (np.arange(500)[:, None] < 50)
    results = []
    for threads in ("1", "2", "3"):
        monkeypatch.setenv("TWIN_THREADS", threads)
        results.append(np.asarray(course(model, state, stimulus, 0.02, 10)[1]))
    assert all(np.array_equal(results[0], other) for other in results[1:])
    monkeypatch.setenv("TWIN_SIMD", "baseline")
    portable = np.asarray(course(model, state, stimulus, 0.02, 10)[1])
    np.testing.assert_allclose(portable, results[0], rtol=0, atol=1e-8)


def test_reverse_derivatives_through_the_kernel():
    def late(factor):
        model = TenTusscherPanfilov(repolarising=factor)
        state = resting_cells(model, 1).at[0].set(10.0)
        return course(model, state, np.zeros(400), 0.02, 20)[1][-1, 0]

    difference = (late(1 + 1e-4) - late(1 - 1e-4)) / 2e-4
    assert jax.grad(late)(1.0) == pytest.approx(float(difference), rel=1e-4)
    many = jax.vmap(late)(jnp.array([0.5, 1.0]))
    assert many[1] == pytest.approx(float(late(1.0)), rel=1e-12)


def test_layers_cell_by_cell():
    layers = list(ten_tusscher_panfilov.Layer)
    mixed = TenTusscherPanfilov.layered(layers)
    state = resting_cells(mixed, 3).at[0].set(jnp.array([10.0, -40.0, 0.0]))
    state = state.at[11].set(0.5)
    together = stepped(mixed, state, 0.0, 0.02)
    for column, layer in enumerate(layers):
        alone = stepped(TenTusscherPanfilov(layer), state[:, column : column + 1], 0.0, 0.02)
        np.testing.assert_allclose(together[:, column], alone[:, 0], rtol=1e-14)
    native, _ = course(mixed, state, np.zeros(1), 0.02, 1)
    np.testing.assert_allclose(native, together, rtol=1e-10, atol=1e-14)


def test_pacing_settles_and_is_kept(monkeypatch):
    first = paced(BuenoOrovio(), 500.0, tolerance=1e-3)
    assert first.change <= 1e-3
    assert 1 < first.beats < 50
    monkeypatch.setattr("twin.simulation.ionic.pacing._settle", None)
    again = paced(BuenoOrovio(), 500.0, tolerance=1e-3)
    np.testing.assert_array_equal(again.state, first.state)
    with pytest.raises(TypeError):
        paced(BuenoOrovio(tau_fi=0.12), 500.0, tolerance=1e-3)


def test_restitution_shortens_and_blocks():
    model = TenTusscherPanfilov()
    curve = premature_restitution(model, np.array([250.0, 340.0, 400.0, 500.0, 700.0]))
    assert np.isnan(curve.durations[0])
    assert np.all(np.diff(curve.durations[1:]) > 0)
    assert np.all(np.diff(curve.diastolic[1:]) > 0)
    # The paper's default parameters: a slope over 1 is reached, not far over.
    assert 0.6 < curve.slope < 2


def test_dynamic_restitution_of_the_minimal_model():
    curve = dynamic_restitution(BuenoOrovio(), np.array([350.0, 500.0, 1000.0]))
    assert np.all(np.diff(curve.durations) > 0)
    np.testing.assert_allclose(curve.durations[-1], 269, atol=4)


@pytest.mark.parametrize(
    ("cycle", "pulse", "message"),
    [(1000.01, Pulse(), "whole number of steps"), (0.5, Pulse(), "lengthen the cycle")],
)
def test_pacing_that_cannot_be(cycle, pulse, message):
    with pytest.raises(InputError, match=message):
        paced(BuenoOrovio(), cycle, pulse=pulse)


def test_the_modified_model_never_fires_by_itself():
    """Whatever its outward current: the original leaves its rest where that is slow."""
    for tau_out in (1.0, 6.0, 50.0):
        model = ModifiedMitchellSchaeffer(tau_out=tau_out)
        state = resting_cells(model, 1).at[0].add(5.0)
        _, trace = course(model, state, np.zeros(40_000), 0.05, 100)
        assert trace.max() <= trace[0].max()
