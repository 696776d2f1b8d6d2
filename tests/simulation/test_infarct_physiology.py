"""What an infarct does to a front: blocks it, slows it, and lets none skip its border."""

import jax
import numpy as np
import pytest

from twin.benchmarks.boxes import box_heart
from twin.meshes.errors import InputError
from twin.native import kernels
from twin.simulation.eikonal import activation
from twin.simulation.infarct import Infarct, Zone
from twin.simulation.infarction.physiology import InfarctPhysiology
from twin.simulation.purkinje import Purkinje
from twin.simulation.tissue import Tissue

jax.config.update("jax_enable_x64", True)
pytestmark = pytest.mark.skipif(kernels is None, reason="the native kernels are not built")


SPEED = 0.6


@pytest.fixture(scope="module")
def bar():
    """Of even speed, so that times across it are known; its elements are 1 mm."""
    return box_heart(1.0, size=(20.0, 4.0, 3.0), jitter=0.0)


@pytest.fixture(scope="module")
def one_end(bar):
    return np.flatnonzero(bar.points[:, 0] == 0)


def times_across(bar, one_end, infarct, physiology):
    tissue = physiology.tissue(Tissue.healthy(bar, SPEED, SPEED, SPEED), infarct, bar)
    return activation(bar, tissue, one_end).times


def layer(bar, place, zone):
    """One layer of nodes, and with it an element's thickness on either side."""
    return Infarct(np.where(np.isclose(bar.points[:, 0], place), zone, Zone.HEALTHY))


class TestBorderZone:
    def test_no_front_skips_a_band_one_element_thick(self, bar, one_end):
        """Exactly as late behind it as two elements at half the speed make it."""
        physiology = InfarctPhysiology(border_speed=0.5)
        times = times_across(bar, one_end, layer(bar, 10.0, Zone.BORDER), physiology)
        behind = bar.points[:, 0] >= 11
        expected = bar.points[behind, 0] / SPEED + 2 / SPEED
        np.testing.assert_allclose(times[behind], expected, rtol=1e-9)
        before = bar.points[:, 0] <= 9
        np.testing.assert_allclose(times[before], bar.points[before, 0] / SPEED, rtol=1e-9)

    def test_speeds_of_nodes_would_let_it_through_sooner(self, bar, one_end):
        slow = np.where(np.isclose(bar.points[:, 0], 10.0), 0.5 * SPEED, SPEED)
        averaged = activation(bar, Tissue.of_nodes(bar, np.stack([slow] * 3, 1)), one_end).times
        behind = bar.points[:, 0] >= 11
        physiology = InfarctPhysiology(border_speed=0.5)
        times = times_across(bar, one_end, layer(bar, 10.0, Zone.BORDER), physiology)
        assert (times[behind] > averaged[behind] + 1).all()

    def test_its_duration_is_a_factor_of_the_duration_itself(self, bar):
        durations = np.linspace(250, 350, len(bar.points))
        infarct = layer(bar, 10.0, Zone.BORDER)
        changed = InfarctPhysiology(border_duration=1.3).durations(durations, infarct)
        factor = np.where(infarct.zones == Zone.BORDER, 1.3, 1.0)
        np.testing.assert_allclose(changed, durations * factor)

    def test_age_decides_its_duration(self, bar):
        fresh = Infarct(np.zeros(len(bar.points)), acute=True)
        assert InfarctPhysiology.of(fresh).border_duration < 1
        healed = Infarct(np.zeros(len(bar.points)))
        assert InfarctPhysiology.of(healed).border_duration > 1


class TestCore:
    def test_a_slow_core_is_ten_times_as_slow(self, bar, one_end):
        physiology = InfarctPhysiology(core="slow", core_speed=0.1)
        times = times_across(bar, one_end, layer(bar, 10.0, Zone.SCAR), physiology)
        behind = bar.points[:, 0] >= 11
        np.testing.assert_allclose(
            times[behind], (bar.points[behind, 0] + 2 * 9) / SPEED, rtol=1e-9
        )

    @pytest.mark.parametrize("core", ["blocked", "passive"])
    def test_nothing_gets_through_a_blocked_core(self, bar, one_end, core):
        physiology = InfarctPhysiology(core=core)
        times = times_across(bar, one_end, layer(bar, 10.0, Zone.SCAR), physiology)
        assert np.isinf(times[bar.points[:, 0] >= 10]).all()
        assert np.isfinite(times[bar.points[:, 0] < 10]).all()

    def test_settings_are_checked(self):
        with pytest.raises(InputError, match="core 'dead'"):
            InfarctPhysiology(core="dead")
        with pytest.raises(InputError, match=r"border_speed is 0\.0"):
            InfarctPhysiology(border_speed=0.0)


@pytest.fixture(scope="module")
def tree(coarse_heart):
    return Purkinje.grow(coarse_heart, seed=1)


class TestHeart:
    @pytest.mark.parametrize("seed", range(3))
    def test_exactly_the_scar_is_never_activated(self, coarse_heart, tree, seed):
        infarct = Infarct.sample(coarse_heart, seed, mass=(0.05, 0.3))
        physiology = InfarctPhysiology()
        tissue = physiology.tissue(Tissue.healthy(coarse_heart), infarct, coarse_heart)
        left = physiology.tree(tree, infarct, coarse_heart)
        times = activation(coarse_heart, tissue, purkinje=left).times
        np.testing.assert_array_equal(np.isinf(times), infarct.zones == Zone.SCAR)

    def test_purkinje_in_a_dead_core_dies_and_in_a_slow_one_lives(self, coarse_heart, tree):
        infarct = Infarct.sample(coarse_heart, 1, mass=0.2, transmurality=0.6)
        left = InfarctPhysiology().tree(tree, infarct, coarse_heart)
        assert not (infarct.zones[left.junctions[:, 1]] == Zone.SCAR).any()
        assert len(left.junctions) < len(tree.junctions)
        assert InfarctPhysiology(core="slow").tree(tree, infarct, coarse_heart) is tree
