"""The same cases under other conditions, and what is read from them."""

import numpy as np
import pytest

from twin.inverse.beat import levelled
from twin.inverse.calibration import best_temperature, margin, set_level
from twin.inverse.lattice import PLACES
from twin.inverse.library import Library
from twin.inverse.posterior import moved
from twin.inverse.protocol.conditions import Again, changed, nuisances_off, recipe_of
from twin.inverse.protocol.selection import selective_gain
from twin.inverse.protocol.sensitivity import sensitivity_at
from twin.simulation.recruitment.recipe import Recipe


def test_nothing_changed_gives_the_same_beats(small_cohort):
    recipe = recipe_of(small_cohort)
    quiet = changed(recipe, {"recording": {"noise": 200.0, "low_pass": [], "notch": 0.0}})
    again = Again.of(small_cohort, [0, 7], {"same": recipe, "quiet": quiet})
    stored = levelled(small_cohort.batch([0, 7]).ecg)
    size = np.abs(stored).max()
    # Cases are stored in steps of some microvolt.
    assert np.abs(again.beats["same"] - stored).max() < 0.01 * size
    assert np.abs(again.beats["quiet"] - stored).max() > 0.01 * size


def test_each_nuisance_is_off_alone_and_all_together():
    conditions = nuisances_off(Recipe.read("hard"))
    alone = conditions["electrodes in place"]
    assert alone.recording.electrode_shift.sd == 0
    assert alone.conduction == Recipe.read("hard").conduction
    nothing = conditions["nothing varies"]
    assert nothing.conduction.speed.sd == nothing.repolarisation.gradients.sd == 0
    assert nothing.infarcts == Recipe.read("hard").infarcts


def test_sensitivity_is_that_at_the_specificity():
    said = np.array([[0.9, 0.1, 0.2, 0.3, 0.8], [0.05, 0.15, 0.25, 0.35, 0.4]])
    true = np.array([[True, False, False, False, True], [False, False, False, False, True]])
    assert sensitivity_at(said, true, 1.0) == 1.0
    assert sensitivity_at(1 - said, true, 1.0) == 0.0


def test_the_surest_half_is_better_where_confidence_means_something():
    scores = np.array([0.9, 0.8, 0.2, 0.1, np.nan])
    assert selective_gain(scores, scores) == pytest.approx(0.35)
    assert selective_gain(scores, -scores) == pytest.approx(-0.35)


def test_margins_make_intervals_hold_ninety_in_a_hundred():
    random = np.random.default_rng(0)
    true = random.normal(50, 10, size=4000)
    low, high = np.full(4000, 45.0), np.full(4000, 55.0)
    extra = margin(true[:2000], low[:2000], (low + high)[:2000] / 2, high[:2000])
    held = np.abs(true[2000:] - 50) <= 5 + extra
    assert held.mean() == pytest.approx(0.9, abs=0.02)


def test_margins_narrow_intervals_of_which_most_hold_nothing_at_all():
    """Most segments have no scar and an interval from 0: such bounds stay, others come nearer."""
    random = np.random.default_rng(0)
    true = np.where(random.random(4000) < 0.6, 0.0, random.uniform(0, 100, 4000))
    low, middle, high = np.zeros(4000), np.zeros(4000), np.full(4000, 99.0)
    extra = margin(true[:2000], low[:2000], middle[:2000], high[:2000])
    assert extra < -10
    low, high = moved(0.0, -extra), moved(99.0, extra)
    assert low == 0
    assert (true[2000:] <= high).mean() == pytest.approx(0.9, abs=0.02)
    assert moved(3.0, -5.0) == 0
    assert moved(100.0, -5.0) == 100
    assert margin(true, low * np.ones(4000), middle, np.full(4000, 100.0)) == 0


def test_temperature_and_set_level_mend_what_is_too_sure():
    random = np.random.default_rng(0)
    logits = random.normal(size=(5000, 3))
    chances = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    zones = np.array([random.choice(3, p=p) for p in chances])
    assert best_temperature(3 * logits, zones) == pytest.approx(3.0, rel=0.1)
    level = set_level(chances, zones)
    assert (chances[np.arange(5000), zones] >= level).mean() == pytest.approx(0.9, abs=0.01)


def test_a_library_is_packed_without_loss_and_weighed_by_belief():
    random = np.random.default_rng(0)
    zones = random.integers(0, 3, (40, PLACES)).astype(np.int8)
    library = Library.of(zones)
    again = Library.unpacked(library.packed())
    np.testing.assert_array_equal(again.zones, library.zones)
    belief = np.eye(3)[library.zones[7]] * 0.9 + 0.033
    weights = library.weights(belief[:, 2], 1e-3)
    assert weights.argmax() == 7
    assert weights.sum() == pytest.approx(1.0)
