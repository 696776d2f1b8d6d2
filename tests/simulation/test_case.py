"""One virtual patient and its cases, on a coarse heart."""

from dataclasses import replace

import h5py
import numpy as np
import pytest

from twin.native import kernels
from twin.simulation.ecg import standard_ecg
from twin.simulation.infarct import Infarct, Zone
from twin.simulation.infarction.physiology import InfarctPhysiology
from twin.simulation.lead_field import LeadField
from twin.simulation.leads import INDEPENDENT
from twin.simulation.recruitment.people.case import (
    BATCH,
    Case,
    CaseFailure,
    Drawn,
    simulate,
    simulate_cases,
)
from twin.simulation.recruitment.people.disturbance import Disturbance
from twin.simulation.recruitment.people.illness import Illness
from twin.simulation.recruitment.people.patient import Patient
from twin.simulation.recruitment.people.scenario import Scenario
from twin.simulation.recruitment.recipe import Recipe, shipped

pytestmark = pytest.mark.skipif(kernels is None, reason="the native kernels are not built")

ORDERS = [(i, 500 + i) for i in range(BATCH + 3)]


@pytest.fixture(scope="module")
def recipe(chunky_heart_file):
    """Protocol H on a heart of a few thousand nodes."""
    text = shipped("hard").read_text().replace("boundary_elements", "infinite_medium")
    text = text.replace("nodes = 60000", f'files = ["{chunky_heart_file.name}"]\nnodes = 60000')
    return Recipe.of_text(text, chunky_heart_file.parent)


@pytest.fixture(scope="module")
def patient(recipe):
    return Patient.make(recipe, 11)


@pytest.fixture(scope="module")
def cases(patient, recipe):
    return simulate_cases(patient, recipe, ORDERS)


def test_a_patient_is_read_as_it_was_written(patient, recipe, tmp_path):
    for name in ("one.h5", "other.h5"):
        with h5py.File(tmp_path / name, "w") as file:
            patient.write(file.create_group("patient"))
    assert (tmp_path / "one.h5").read_bytes() == (tmp_path / "other.h5").read_bytes()
    with h5py.File(tmp_path / "one.h5") as file:
        read = Patient.read(file["patient"])
    assert read.heart.content == patient.heart.content
    assert isinstance(read.lead_field, LeadField)
    for one, other in zip(
        simulate_cases(read, recipe, ORDERS[:2]),
        simulate_cases(patient, recipe, ORDERS[:2]),
        strict=True,
    ):
        np.testing.assert_array_equal(one.ecg, other.ecg)


def test_health_of_the_patient(patient):
    assert patient.times.min() == 0
    assert 60 < patient.times.max() < 140
    assert patient.ecg.shape == (8, 700)
    assert 0.2 < np.abs(patient.ecg).max() < 10


def test_the_same_orders_give_the_same_bits(patient, recipe, cases):
    for one, other in zip(cases, simulate_cases(patient, recipe, ORDERS), strict=True):
        np.testing.assert_array_equal(one.ecg, other.ecg)
        np.testing.assert_array_equal(one.zones, other.zones)
        assert one.draws.keys() == other.draws.keys()


def test_a_case_is_the_same_in_any_company_but_for_rounding(patient, recipe, cases):
    alone = simulate_cases(patient, recipe, [ORDERS[4]])[0]
    np.testing.assert_array_equal(alone.zones, cases[4].zones)
    np.testing.assert_allclose(alone.clean, cases[4].clean, atol=2e-3)


def test_cases_differ_and_say_what_they_are(cases):
    assert all(isinstance(case, Case) for case in cases)
    assert len({case.zones.tobytes() for case in cases}) > BATCH
    for case in cases:
        assert case.ecg.shape == case.clean.shape == (8, 350)
        assert case.ecg.dtype == np.float32
        assert case.healthy == (case.summary["scar"] == 0)
        assert all(isinstance(value, float) for value in (case.draws | case.summary).values())


def test_the_qrs_of_the_clean_beat_begins_at_nought(patient, cases):
    """Before the first activation there is nothing, and soon after it there is something."""
    onset = 20
    for case in cases:
        size = np.abs(case.clean).max(axis=0)
        assert size[: onset - 3].max() < 0.02
        assert size[onset : onset + 15].max() > 0.05


def test_what_is_recorded_is_the_beat_with_noise_of_the_drawn_size(cases):
    for case in cases:
        apart = case.ecg - case.clean
        assert 0 < np.sqrt((apart**2).mean()) < 0.6 * np.sqrt((case.clean**2).mean()) + 0.05


def test_scar_is_silent_and_never_reached(patient, recipe):
    heart = patient.heart
    scenario = Scenario.draw(patient, recipe, 3)
    zones = np.where(heart.segments == 11, Zone.SCAR, Zone.HEALTHY)
    well = Illness(heart, Infarct.none(heart), InfarctPhysiology(), {})
    ill = replace(well, infarct=Infarct(zones))
    healthy, infarcted = simulate(patient, recipe, [Drawn(scenario, well), Drawn(scenario, ill)])
    assert healthy.summary["unreached_share"] == 0
    assert infarcted.summary["unreached_share"] > 0.99 * (zones == Zone.SCAR).mean()
    assert np.abs(healthy.clean - infarcted.clean).max() > 0.02


def test_a_heart_whose_entries_are_all_dead_is_a_failure_and_stops_nobody(patient, recipe):
    heart = patient.heart
    scenario = Scenario.draw(patient, recipe, 3)
    all_silent = replace(scenario, silent=np.ones_like(scenario.silent))
    well = Illness(heart, Infarct.none(heart), InfarctPhysiology(), {})
    dead, alive = simulate(patient, recipe, [Drawn(all_silent, well), Drawn(scenario, well)])
    assert isinstance(dead, CaseFailure)
    assert "no front" in dead.reason
    assert isinstance(alive, Case)


def test_an_infarct_that_cannot_be_is_a_failure_and_stops_nobody(patient, recipe):
    infarcts = recipe.infarcts.model_copy(
        update={
            "mass": recipe.infarcts.mass.model_copy(update={"low": 0.44, "high": 0.45}),
            "transmurality": recipe.infarcts.mass.model_copy(update={"low": 0.2, "high": 0.21}),
            "healthy": 0.5,
        }
    )
    impossible = recipe.model_copy(update={"infarcts": infarcts})
    found = simulate_cases(patient, impossible, [(i, i) for i in range(8)])
    failures = [case for case in found if isinstance(case, CaseFailure)]
    assert failures
    assert len(failures) < len(found)
    assert "transmurality" in failures[0].reason


def test_electrodes_stay_on_the_skin(patient, recipe):
    scenario = Scenario.draw(patient, recipe, 5)
    shift = scenario.places - patient.lead_field.places
    anchors = patient.lead_field.anchors
    normals = np.cross(anchors[:, 1] - anchors[:, 0], anchors[:, 2] - anchors[:, 0])
    assert np.linalg.norm(shift, axis=1).max() > 5
    assert np.abs((shift * normals).sum(axis=1) / np.linalg.norm(normals, axis=1)).max() < 1e-4


class TestPublished:
    def test_sixteen_places_and_health(self, patient):
        paper = Recipe.read("paper")
        found = simulate_cases(patient, paper, [(i, 900 + i) for i in range(17)])
        scar = [case.summary["scar"] for case in found]
        assert min(scar[:16]) > 0.001
        assert scar[16] == 0
        assert found[16].healthy
        # Nothing but the infarct varies, and nothing disturbs.
        assert len({case.draws["fibre_speed"] for case in found}) == 1
        for case in found:
            np.testing.assert_allclose(case.ecg, case.clean, atol=0.01)


class TestDisturbance:
    def disturbance(self, **changes):
        still = Disturbance(None, (1 / 3, 1 / 3, 1 / 3), 50.0, (1.0,) * 8, 0, None, None, (1,))
        return replace(still, **changes)

    def beat(self):
        time = np.arange(700)
        return np.outer(np.linspace(0.5, 2, 8), np.exp(-(((time - 80) / 12) ** 2)))

    def test_without_any_the_beat_is_as_it_was(self):
        np.testing.assert_allclose(
            self.disturbance().record(self.beat(), 40), self.beat(), atol=1e-4
        )

    @pytest.mark.parametrize("decibels", [20.0, 40.0])
    def test_noise_has_the_size_that_is_asked_for(self, decibels):
        beat = self.beat()
        noise = self.disturbance(decibels=decibels).record(beat, 40) - beat
        found = 20 * np.log10(beat.std() / noise.std())
        assert found == pytest.approx(decibels, abs=3)

    def test_einthoven_holds_in_the_noise(self):
        noisy = self.disturbance(decibels=20.0).record(self.beat(), 40)
        ecg = standard_ecg(noisy, 1000.0, INDEPENDENT)
        np.testing.assert_allclose(ecg.lead("I") + ecg.lead("III"), ecg.lead("II"), atol=1e-9)

    def test_a_notch_takes_the_mains_away(self):
        hum = self.disturbance(decibels=20.0, shares=(0.0, 0.0, 1.0))
        filtered = replace(hum, notch=50.0)
        beat = self.beat()
        left = np.abs(np.fft.rfft(filtered.record(beat, 40) - beat, axis=1))[:, 35].max()
        assert left < 0.5 * np.abs(np.fft.rfft(hum.record(beat, 40) - beat, axis=1))[:, 35].max()

    def test_a_misjudged_onset_shifts(self):
        late = self.disturbance(shift=6).record(self.beat(), 40)
        assert (late.argmax(axis=1) == 86).all()

    def test_the_same_seed_is_the_same_noise(self):
        one = self.disturbance(decibels=20.0)
        np.testing.assert_array_equal(one.record(self.beat(), 40), one.record(self.beat(), 40))
        other = replace(one, seed=(2,))
        assert np.abs(one.record(self.beat(), 40) - other.record(self.beat(), 40)).max() > 0.01
