"""Analysis by synthesis: its forward model, its slope, and what it leaves alone."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from twin.inverse.beat import SAMPLES, levelled
from twin.inverse.lattice import PLACES
from twin.inverse.measured import Measured
from twin.inverse.model import Model, softmax
from twin.inverse.portrait import Portrait
from twin.inverse.refinement import fit_scar, levels, residual, shifted
from twin.inverse.synthesis import NUISANCES, Synthesis
from twin.inverse.training.examples import Ground
from twin.simulation.infarct import Zone
from twin.simulation.recruitment.recipe import Recipe

NOTHING = jnp.zeros(len(NUISANCES))


@pytest.fixture(scope="module")
def patient(small_cohort):
    return small_cohort[0].patient


@pytest.fixture(scope="module")
def ground(patient):
    return Ground.of(Portrait.of_patient(patient), patient.heart)


@pytest.fixture(scope="module")
def synthesis(patient, ground):
    healthy = np.zeros(len(patient.heart.points), int)
    return Synthesis.of(patient, ground.portrait.placement, Recipe.read("hard"), healthy)


@pytest.mark.parametrize("wide", [False, True])
def test_without_scar_it_is_the_healthy_beat(synthesis, ground, wide):
    """In single precision, also where JAX is set to double."""
    with jax.enable_x64(wide):
        nothing = jnp.zeros(len(NUISANCES))
        beat = synthesis.ecg(jnp.full(PLACES, -20.0), jnp.zeros(PLACES), nothing)
    usual = levelled(ground.portrait.reference)
    assert np.abs(np.asarray(beat) - usual).max() < 1e-3 * np.abs(usual).max()


def test_scar_changes_the_beat_and_the_slope_says_how(synthesis):
    random = np.random.default_rng(0)
    level = jnp.asarray(random.normal(-1.5, 1.0, PLACES), jnp.float32)
    way = jnp.asarray(random.normal(0.0, 1.0, PLACES), jnp.float32)

    def power(step):
        beat = synthesis.ecg(level + step * way, jnp.full(PLACES, 0.5), NOTHING)
        return (beat**2).mean()

    slope = float(jax.grad(power)(0.0))
    difference = float(power(0.05) - power(-0.05)) / 0.1
    assert slope == pytest.approx(difference, rel=0.1)


@pytest.mark.parametrize("name", ["speed", "tree", "duration", "gain", "shift", "along"])
def test_every_nuisance_has_a_slope(synthesis, name):
    level, gap = jnp.full(PLACES, -3.0), jnp.full(PLACES, 0.5)
    at = NUISANCES.index(name)

    def power(step):
        beat = synthesis.ecg(level, gap, NOTHING.at[at].set(step))
        return (beat[:, SAMPLES // 8 : SAMPLES // 3] ** 2).mean()

    slope = float(jax.grad(power)(0.1))
    difference = float(power(0.2) - power(0.0)) / 0.2
    assert np.isfinite(slope)
    assert slope == pytest.approx(difference, rel=0.3, abs=1e-6)


def test_levels_and_probabilities_are_the_same_thing(small_model, ground, small_cohort):
    model = Model.read(small_model)
    reading = model.read_beat(ground, small_cohort.batch([1]).ecg[0], np.ones(8, bool))
    same = shifted(reading, np.zeros(PLACES, np.float32), ground)
    np.testing.assert_allclose(softmax(same.answer), softmax(reading.answer), atol=1e-5)
    more = shifted(reading, np.ones(PLACES, np.float32), ground)
    assert (softmax(more.belief)[:, Zone.SCAR] > softmax(reading.belief)[:, Zone.SCAR]).all()
    level, gap = levels(reading.answer)
    assert (gap >= -1e-5).all()
    assert level.shape == (len(reading.answer),)


def test_a_fit_never_explains_the_beat_worse(small_model, small_cohort, patient, ground):
    model, case = Model.read(small_model), 1
    beat = levelled(small_cohort.batch([case]).ecg[0])
    measured = Measured(beat, np.ones(8, bool), 100.0, ())
    reading = model.read_beat(ground, beat, measured.present)
    fit = fit_scar(patient, ground, model, reading, measured)
    assert fit.after <= 1.02 * fit.before
    assert residual(fit.ecg_after, measured) == pytest.approx(fit.after)
    assert np.isfinite(fit.change).all()
