"""Sampled infarcts: where, how large and how deep, on hearts coarse enough to be quick."""

import numpy as np
import pytest

from twin.meshes.errors import InputError
from twin.simulation.infarct import Infarct, Zone
from twin.simulation.infarction.extent import extent_of, touched
from twin.simulation.infarction.places import (
    Anywhere,
    Artery,
    Centre,
    Dominance,
    Segments,
    Territory,
)
from twin.simulation.infarction.wall import Wall

SEEDS = range(6)


@pytest.fixture(scope="module")
def heart(coarse_heart):
    return coarse_heart


@pytest.fixture(scope="module")
def wall(heart):
    return Wall.of(heart)


@pytest.fixture(scope="module")
def samples(heart):
    return [Infarct.sample(heart, seed) for seed in SEEDS]


def scar(infarct):
    return infarct.zones == Zone.SCAR


class TestTargets:
    @pytest.mark.parametrize(
        ("mass", "transmurality"), [(0.05, 0.6), (0.1, 1.0), (0.2, 0.5), (0.4, 0.9)]
    )
    def test_mass_and_transmurality_are_as_asked(self, heart, wall, mass, transmurality):
        for seed in SEEDS:
            infarct = Infarct.sample(heart, seed, mass=mass, transmurality=transmurality)
            found = extent_of(scar(infarct), wall)
            assert found.left / wall.left_volume == pytest.approx(mass, abs=0.01)
            assert found.transmurality == pytest.approx(transmurality, abs=0.03)

    def test_what_is_drawn_is_what_is_made(self, samples, wall):
        for infarct in samples:
            found = extent_of(scar(infarct), wall)
            asked = infarct.provenance
            assert found.left / wall.left_volume == pytest.approx(asked["mass"], abs=0.01)
            assert found.transmurality == pytest.approx(asked["transmurality"], abs=0.03)

    def test_what_does_not_go_together_is_an_error_that_says_what_does(self, heart):
        with pytest.raises(InputError, match=r"needs 180% of its wall.*at least 4.%"):
            Infarct.sample(heart, 0, mass=0.45, transmurality=0.25)
        with pytest.raises(InputError, match=r"the LCX's territory .* ask for at most"):
            Infarct.sample(heart, 0, place=Territory(Artery.LCX), mass=0.45, transmurality=1.0)
        with pytest.raises(InputError, match="less than one element of this mesh"):
            Infarct.sample(heart, 0, mass=0.02, transmurality=0.05)

    @pytest.mark.parametrize(
        "wish",
        [
            {"mass": 0.0},
            {"mass": (0.4, 0.1)},
            {"transmurality": 1.2},
            {"right": 1.0},
            {"place": ()},
        ],
    )
    def test_wishes_out_of_range_are_errors(self, heart, wish):
        with pytest.raises(InputError):
            Infarct.sample(heart, 0, **wish)


class TestPlace:
    @pytest.mark.parametrize("artery", Artery)
    def test_a_territory_holds_most_of_its_infarct(self, heart, artery):
        shares = []
        for seed in SEEDS:
            place = Territory(artery, Dominance.RIGHT)
            infarct = Infarct.sample(heart, seed, place=place, mass=0.1, transmurality=0.8)
            zones, segments = infarct.elements(heart), Wall.of(heart).segments
            volumes = np.where(zones == Zone.SCAR, heart.element_volumes, 0)
            shares.append(volumes[np.isin(segments, artery.value)].sum() / volumes.sum())
        assert np.mean(shares) > 0.75

    def test_dominance_moves_the_inferior_wall(self, heart):
        inferior = {}
        for dominance in (Dominance.RIGHT, Dominance.LEFT):
            place = Territory(Artery.LCX, dominance)
            area = place.area(Wall.of(heart), np.random.default_rng(0))
            inferior[dominance] = np.isin(
                heart.segments[Wall.of(heart).feet[area.columns]], (4, 10)
            ).sum()
        assert inferior[Dominance.LEFT] > 10 * max(1, inferior[Dominance.RIGHT])

    def test_a_distal_occlusion_leaves_the_lower_part(self, heart, wall):
        whole, part = (
            Territory(Artery.LAD, extent=extent).area(wall, np.random.default_rng(0)).columns
            for extent in (1.0, 0.4)
        )
        height = heart.coordinates.apicobasal[wall.feet]
        assert (whole >= part).all()
        assert height[part].max() < height[whole & ~part].min() + 1e-9

    def test_segments_are_kept(self, heart, wall):
        infarct = Infarct.sample(heart, 1, place=Segments((4, 5, 10, 11)), mass=0.1)
        feet = heart.segments[wall.feet[scar(infarct)[wall.feet]]]
        assert np.isin(feet, (4, 5, 10, 11)).all()

    def test_a_centre_is_where_it_is_deepest(self, heart, wall):
        infarct = Infarct.sample(heart, 2, place=Centre(0.5, 0.3), mass=0.04, transmurality=0.8)
        own = scar(infarct) & (wall.depth > 0.5)
        centre = wall.middles[wall.column_at(0.5, 0.3)]
        assert np.linalg.norm(heart.points[own].mean(axis=0) - centre) < 15

    def test_several_places_share_the_mass(self, heart, wall):
        places = (Centre(0.5, 0.3), Centre(0.5, 0.8))
        infarct = Infarct.sample(heart, 3, place=places, mass=0.1, transmurality=0.8)
        found = infarct.describe(heart)
        assert found.pieces == 2
        assert found.scar == pytest.approx(0.1, abs=0.01)

    def test_the_right_ventricle_only_where_asked(self, heart, wall, samples):
        right = wall.right_tetrahedra
        for infarct in samples:
            assert not infarct.elements(heart)[right].any()
        reaching = Infarct.sample(heart, 4, place=Territory(Artery.RCA), mass=0.1, right=0.15)
        assert extent_of(scar(reaching), wall).right / wall.right_volume == pytest.approx(
            0.15, abs=0.03
        )


class TestShape:
    def test_the_endocardium_is_always_at_least_as_involved(self, heart, wall, samples):
        for infarct in samples:
            dead = infarct.elements(heart) == Zone.SCAR
            depth = wall.depth[heart.tetrahedra].mean(axis=1)
            for number in range(1, 18):
                own = wall.segments == number
                shares = [
                    wall.volumes[own & half & dead].sum() / wall.volumes[own & half].sum()
                    for half in (depth < 0.5, depth >= 0.5)
                ]
                assert shares[0] >= shares[1] - 0.01

    def test_in_a_column_nothing_dies_above_what_lives(self, wall, samples):
        for infarct in samples:
            dead = scar(infarct)
            deepest = np.zeros(len(wall.feet))
            np.maximum.at(deepest, wall.columns[dead], wall.depth[dead])
            survives = ~dead & (wall.depth < deepest[wall.columns])
            # What touches the right ventricle never dies where that is not to be reached.
            assert not (survives & wall.within_left).any()

    def test_a_border_zone_lies_around_scar(self, heart, wall, samples):
        for infarct in samples:
            near = touched(wall, scar(infarct))
            around = np.unique(heart.tetrahedra[near])
            beyond = np.setdiff1d(around, np.flatnonzero(infarct.zones != Zone.HEALTHY))
            # All around but where the right ventricle begins.
            assert not wall.within_left[beyond].any()

    def test_the_same_seed_gives_the_same_bits(self, heart, samples):
        again = Infarct.sample(heart, 3)
        assert again.content == samples[3].content
        assert again.content != samples[4].content

    def test_seeds_are_checked(self, heart):
        with pytest.raises(InputError, match="seed is -1"):
            Infarct.sample(heart, -1)

    def test_no_living_node_is_cut_off(self, heart, samples):
        for infarct in samples:
            living = ~touched(Wall.of(heart), scar(infarct))
            reached = np.zeros(len(heart.points), bool)
            reached[heart.tetrahedra[living].ravel()] = True
            np.testing.assert_array_equal(reached, ~scar(infarct))


class TestDescription:
    def test_none_is_empty(self, heart):
        found = Infarct.none(heart).describe(heart)
        assert (found.scar, found.border, found.pieces, found.compactness) == (0, 0, 0, 0)

    def test_shares_add_up(self, heart, wall, samples):
        for infarct in samples:
            found = infarct.describe(heart)
            shares = np.array([found.segments_scar[n] for n in range(1, 18)])
            total = shares @ wall.segment_volumes[1:] / wall.left_volume
            assert total == pytest.approx(found.scar)
            assert found.scar_grams == pytest.approx(found.scar * wall.left_grams)
            assert 0 < found.compactness < 1

    def test_zones_of_another_heart_are_refused(self, heart):
        with pytest.raises(InputError, match="4 nodes and the heart"):
            Infarct(np.zeros(4)).describe(heart)

    def test_zones_are_checked(self):
        with pytest.raises(InputError, match=r"expected 0 .healthy."):
            Infarct(np.array([0, 3]))


def test_anywhere_is_the_default(heart, samples):
    assert Infarct.sample(heart, 2, place=Anywhere()).content == samples[2].content
