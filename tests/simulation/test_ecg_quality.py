"""Each fault of a recording, made and found, and none found where there is none."""

from dataclasses import replace
from itertools import permutations

import numpy as np
import pytest

from twin.benchmarks.synthetic_ecg import synthetic_ecg
from twin.meshes.errors import InputError
from twin.simulation.ecg import ECG, standard_ecg
from twin.simulation.leads import INDEPENDENT, LIMB
from twin.simulation.recording.quality import Kind, find_faults, limb_residual, require_sound


@pytest.fixture(scope="module")
def ecg():
    clean = synthetic_ecg(noise=0.01, wander=0.2)
    noise = 0.005 * np.random.default_rng(5).standard_normal(clean.signals.shape)
    return replace(clean, signals=clean.signals + noise)


def changed(ecg, name, change):
    signals = np.array(ecg.signals)
    row = ecg.leads.index(name)
    signals[row] = change(signals[row])
    return replace(ecg, signals=signals)


def kinds(ecg):
    return {fault.kind for fault in find_faults(ecg)}


def only(ecg, kind):
    faults = [fault for fault in find_faults(ecg) if fault.kind is kind]
    assert len(faults) == 1
    return faults[0]


def from_electrodes(right, left, leg, chest):
    """An ECG whose limb electrodes hold these potentials."""
    mean = (right + left + leg) / 3
    return standard_ecg([left - right, leg - right, *(chest - mean)], 1000, INDEPENDENT)


def test_a_sound_ecg_has_no_faults(ecg):
    assert find_faults(ecg) == ()
    assert require_sound(ecg) is ecg
    assert limb_residual(ecg.signals[:6]) < 0.1


def test_a_simulated_beat_has_no_faults():
    assert find_faults(synthetic_ecg(beats=1).between(290, 760)) == ()


def test_flat(ecg):
    fault = only(changed(ecg, "V3", lambda row: 0 * row + 0.7), Kind.FLAT)
    assert fault.leads == ("V3",)
    assert "V3 is flat" in str(fault)


def test_all_flat(ecg):
    assert kinds(replace(ecg, signals=0 * ecg.signals)) == {Kind.FLAT}


def test_clipped(ecg):
    fault = only(changed(ecg, "V4", lambda row: np.minimum(row, 0.8)), Kind.CLIPPED)
    assert "V4 is clipped at the top, 0.8 mV" in fault.text


def test_duplicated(ecg):
    fault = only(changed(ecg, "V5", lambda row: ecg.lead("V4")), Kind.DUPLICATED)
    assert fault.leads == ("V4", "V5")


def test_missing(ecg):
    fault = only(ecg.select("I", "II", "V1", "V2", "V3", "V5", "V6"), Kind.MISSING)
    assert fault.leads == ("V4",)
    assert Kind.MISSING not in kinds(ecg.select("aVR", "III", "V1", "V2", "V3", "V4", "V5", "V6"))


def test_one_lead_in_other_units(ecg):
    fault = only(changed(ecg, "V2", lambda row: 1000 * row), Kind.AMPLITUDE)
    assert fault.leads == ("V2",)
    assert "uV and mV may be mixed" in fault.text


def test_implausible_amplitude(ecg):
    assert "check the unit" in only(replace(ecg, signals=50 * ecg.signals), Kind.AMPLITUDE).text


def test_hum(ecg):
    hum = 0.1 * np.sin(2 * np.pi * 50 * ecg.times / 1000)
    fault = only(replace(ecg, signals=ecg.signals + hum * np.ones((12, 1))), Kind.MAINS)
    assert "50 Hz" in fault.text


def test_every_order_of_the_limb_leads_is_told(ecg):
    for order in permutations(range(6)):
        moved = tuple(LIMB[i] for i in order)
        renamed = replace(ecg, leads=moved + ecg.leads[6:])
        faults = [f for f in find_swaps(renamed)]
        if moved == LIMB:
            assert faults == []
        else:
            assert faults[0].kind is Kind.SWAPPED, moved
            wrong = {name for name, true in zip(moved, LIMB, strict=True) if name != true}
            assert set(faults[0].leads) == wrong


def find_swaps(ecg):
    from twin.simulation.recording import quality as ecg_quality

    return list(ecg_quality._limb_order(ecg.between(0, 1500)))


def test_swapped_names_say_how(ecg):
    leads = ("I", "II", "III", "aVR", "aVF", "aVL", *ecg.leads[6:])
    fault = only(replace(ecg, leads=leads), Kind.SWAPPED)
    assert "aVF is aVL" in fault.text
    with pytest.raises(InputError, match="not sound: limb leads are swapped"):
        require_sound(replace(ecg, leads=leads))


def test_an_untrue_limb_lead(ecg):
    fault = only(changed(ecg, "aVF", lambda row: ecg.lead("V2") * 0.7), Kind.INCONSISTENT)
    assert "in any order" in fault.text
    three = ecg.select("I", "II", "III", "V1", "V6")
    assert kinds(replace(three, leads=("II", "I", "III", "V1", "V6"))) >= {Kind.INCONSISTENT}


def test_reversed_electrodes(ecg):
    right = 0 * ecg.lead("I")
    left, leg = right + ecg.lead("I"), right + ecg.lead("II")
    mean = (right + left + leg) / 3
    chest = ecg.select("V1", "V2", "V3", "V4", "V5", "V6").signals + mean
    right_leg = leg + 0.004 * np.sin(ecg.times / 90)
    assert kinds(from_electrodes(right, left, leg, chest)) == set()
    arms = only(from_electrodes(left, right, leg, chest), Kind.ELECTRODES)
    assert arms.leads == ("I",)
    assert "arm electrodes look reversed" in arms.text
    right_side = only(from_electrodes(right_leg, left, leg, chest), Kind.ELECTRODES)
    assert "right arm and right leg" in right_side.text
    left_side = only(from_electrodes(right, right_leg, leg, chest), Kind.ELECTRODES)
    assert "left arm and right leg" in left_side.text


def test_only_noise():
    noise = 0.2 * np.random.default_rng(0).standard_normal((2, 5000))
    found = kinds(ECG(noise, 500, ("V1", "V2")))
    assert Kind.MISSING in found
