"""The noun: names, order, derived leads, immutability, what it refuses."""

import dataclasses

import numpy as np
import pytest

from twin.benchmarks.synthetic_ecg import synthetic_ecg
from twin.meshes.errors import InputError
from twin.simulation.ecg import ECG, standard_ecg
from twin.simulation.leads import INDEPENDENT, STANDARD, canonical_name, is_known


@pytest.fixture(scope="module")
def ecg():
    return synthetic_ecg(beats=3)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("avr", "aVR"),
        ("AVL", "aVL"),
        (" v1 ", "V1"),
        ("ii", "II"),
        ("Lead III", "III"),
        ("ECG aVF", "aVF"),
        ("MDC_ECG_LEAD_V6", "V6"),
        ("EKG-II", "II"),
        ("Lead I (Einthoven)", "Lead I (Einthoven)"),
        ("C4", "V4"),
        ("DII", "II"),
        ("E1", "I"),
        ("vx", "Vx"),
        ("v4r", "V4R"),
    ],
)
def test_names_in_any_dress(written, meant):
    assert canonical_name(written) == meant


@pytest.mark.parametrize("written", ["-aVR", "MLII", "Resp", ""])
def test_other_names_are_not_taken_for_leads(written):
    assert canonical_name(written) == written
    assert not is_known(written)


def test_limb_leads_follow_from_any_two(ecg):
    full = ecg.select(*STANDARD)
    for pair in (("I", "II"), ("aVR", "III"), ("aVL", "aVF")):
        derived = ecg.select(*pair).with_limb_leads()
        assert derived.leads == STANDARD[:6]
        np.testing.assert_allclose(derived.signals, full.signals[:6], atol=1e-12)


def test_recorded_limb_leads_stay_as_they_are(ecg):
    untrue = np.array(ecg.select("I", "II", "III").signals)
    untrue[2] += 1
    kept = ECG(untrue, ecg.rate, ("I", "II", "III")).with_limb_leads()
    np.testing.assert_array_equal(kept.lead("III"), untrue[2])


def test_order_selection_and_time(ecg):
    mixed = ecg.select("v3", "AVF", "i", "V1")
    assert mixed.leads == ("V3", "aVF", "I", "V1")
    assert mixed.in_standard_order().leads == ("I", "aVF", "V1", "V3")
    part = ecg.between(100, 300)
    assert part.duration == 200
    np.testing.assert_array_equal(part.lead("V2"), ecg.lead("V2")[100:300])
    assert ecg.times[1] == 1.0


def test_eight_leads_make_twelve(ecg):
    twelve = standard_ecg(ecg.select(*INDEPENDENT).signals, ecg.rate, INDEPENDENT)
    assert twelve.leads == STANDARD
    np.testing.assert_allclose(twelve.signals, ecg.signals, atol=1e-12)


def test_nobody_writes_into_it(ecg):
    with pytest.raises(ValueError, match="read-only"):
        ecg.signals[0, 0] = 1
    with pytest.raises(dataclasses.FrozenInstanceError):
        ecg.rate = 500


def test_content_names_the_ecg(ecg):
    assert ecg.content == dataclasses.replace(ecg, remarks=("said",)).content
    assert ecg.content != dataclasses.replace(ecg, rate=500).content
    assert ecg.content != dataclasses.replace(ecg, leads=ecg.leads[::-1]).content


@pytest.mark.parametrize(
    ("signals", "rate", "leads", "words"),
    [
        (np.zeros(5), 500, ("I",), "leads x time"),
        (np.zeros((1, 0)), 500, ("I",), "leads x time"),
        (np.zeros((1, 5)), 0, ("I",), "rate is 0 Hz"),
        (np.zeros((1, 5)), np.nan, ("I",), "rate is nan"),
        (np.zeros((2, 5)), 500, ("I",), "1 lead names for 2 rows"),
        (np.zeros((2, 5)), 500, ("v1", "V1"), "V1 appears more than once"),
        (np.full((1, 5), np.nan), 500, ("I",), "5 samples in I"),
    ],
)
def test_what_it_refuses(signals, rate, leads, words):
    with pytest.raises(InputError, match=words):
        ECG(signals, rate, leads)


def test_errors_name_what_there_is(ecg):
    with pytest.raises(InputError, match="V7 is not in this ECG, which has I, II"):
        ecg.lead("V7")
    with pytest.raises(InputError, match="lasts 2800 ms"):
        ecg.between(0, 1e6)
    with pytest.raises(InputError, match="this ECG has V1"):
        ecg.select("V1").with_limb_leads()
