"""A healthy person's physiology, and the rules that a population's ECGs are judged by."""

import numpy as np
import pytest

from twin.benchmarks.ecg_population import broad_r, broad_s, phases, rs_or_qs, rsr
from twin.benchmarks.healthy_adults import Adult, adults
from twin.meshes.anatomy.population import Sex
from twin.meshes.errors import InputError
from twin.simulation.eikonal import activation
from twin.simulation.physiology import Physiology
from twin.simulation.purkinje import Bundle


def waves(*parts):
    """Half sines of (mV, ms) at 1 kHz."""
    return np.concatenate([h * np.sin(np.pi * (np.arange(d) + 0.5) / d) for h, d in parts])


def test_the_same_seed_is_the_same_person():
    assert Physiology.sample(3) == Physiology.sample(3)
    assert Physiology.sample(3) != Physiology.sample(4)
    assert Physiology.healthy() == Physiology()


def test_the_mean_of_many_is_the_healthy_one():
    people = [Physiology.sample(seed) for seed in range(400)]
    healthy = Physiology.healthy()
    speeds = np.array([person.speeds for person in people])
    assert speeds.mean(axis=0) == pytest.approx(healthy.speeds, rel=0.01)
    durations = np.array([person.durations.mean for person in people])
    assert durations.mean() == pytest.approx(healthy.durations.mean, rel=0.01)
    assert 10 < durations.std() < 16


@pytest.mark.parametrize("seed", [-1, 1.5, True])
def test_a_seed_is_a_whole_number(seed):
    with pytest.raises(InputError, match="seed"):
        Physiology.sample(seed)


def test_health_begins_on_the_left_and_a_block_delays_its_own_side(coarse_heart):
    physiology = Physiology.healthy()
    tree = physiology.tree(coarse_heart)
    tissue = physiology.tissue(coarse_heart)
    trees = {"none": tree, **{bundle: tree.cut(bundle) for bundle in Bundle}}
    left = coarse_heart.coordinates.ventricle == 0
    medians = {}
    for block, one in trees.items():
        times = activation(coarse_heart, tissue, purkinje=one).times
        assert np.isfinite(times).all()
        medians[block] = np.median(times[left]), np.median(times[~left])
    delays = {b: np.subtract(medians[b], medians["none"]) for b in Bundle}
    assert delays[Bundle.LEFT][0] > delays[Bundle.LEFT][1] + 5
    assert delays[Bundle.RIGHT][1] > delays[Bundle.RIGHT][0] + 5


def test_adults_are_women_and_men_of_each_seed():
    people = adults(5, 2)
    assert people == [Adult(s, sex) for s in (5, 6) for sex in (Sex.FEMALE, Sex.MALE)]
    assert len({person.physiology for person in people}) == 4


def test_a_torso_is_as_tall_as_its_body_is_large():
    heights = {}
    for seed in (0, 1, 2):
        torso = Adult(seed, Sex.MALE).torso()
        heights[seed] = np.ptp(torso.skin.points[:, 2])
    assert len(set(heights.values())) == 3
    assert max(heights.values()) / min(heights.values()) < 1.3


def test_phases_are_the_waves_of_a_lead():
    found = phases(waves((0.2, 20), (-1.0, 40), (0.02, 10)), 1.0)
    assert [round(height, 2) for height, _ in found] == [0.2, -1.0]
    assert [duration for _, duration in found] == [20, 40]


def test_shapes_are_told_apart():
    small_then_deep = phases(waves((0.2, 20), (-1.0, 60)), 1.0)
    deep = phases(waves((-1.0, 80)), 1.0)
    twice_up = phases(waves((0.2, 20), (-0.6, 30), (0.8, 50)), 1.0)
    tall = phases(waves((-0.1, 15), (1.2, 80)), 1.0)
    narrow = phases(waves((1.2, 40), (-0.4, 50)), 1.0)
    assert [rs_or_qs(p) for p in (small_then_deep, deep, twice_up, tall)] == [
        True,
        True,
        False,
        False,
    ]
    assert [rsr(p) for p in (small_then_deep, twice_up, tall)] == [False, True, False]
    assert [broad_r(p) for p in (tall, narrow, deep)] == [True, False, False]
    assert [broad_s(p) for p in (narrow, tall, deep)] == [True, False, False]
