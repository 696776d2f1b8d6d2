"""The published places, the border zone's band, and the fields they are made with."""

import numpy as np
import pytest
from scipy.sparse.csgraph import dijkstra
from scipy.spatial import cKDTree

from twin.meshes.errors import InputError
from twin.meshes.heart import Boundary
from twin.simulation.infarct import Zone
from twin.simulation.infarction.border_zone import NARROWEST, WIDEST, BorderZone
from twin.simulation.infarction.extent import touched
from twin.simulation.infarction.published import PUBLISHED_PLACES, sample_published
from twin.simulation.infarction.random_field import random_field
from twin.simulation.infarction.wall import Wall


@pytest.fixture(scope="module")
def heart(coarse_heart):
    return coarse_heart


@pytest.fixture(scope="module")
def wall(heart):
    return Wall.of(heart)


class TestPublishedPlaces:
    def test_there_are_sixteen_with_names_of_their_own(self):
        assert len({place.label for place in PUBLISHED_PLACES}) == 16

    @pytest.mark.parametrize("number", range(16))
    def test_scar_keeps_to_its_segments_and_layer(self, heart, wall, number):
        place = PUBLISHED_PLACES[number]
        infarct = sample_published(heart, number, 0)
        scar = infarct.zones == Zone.SCAR
        assert scar.any()
        # What scar encloses belongs to it too.
        strays = scar & ~np.isin(heart.segments, place.segments)
        assert strays.sum() <= 0.02 * scar.sum()
        if place.subendocardial:
            assert (wall.depth[scar] <= 0.5).mean() > 0.98
        assert not infarct.elements(heart)[wall.right_tetrahedra].any()

    def test_a_higher_threshold_makes_less(self, heart):
        numbers = {place.label: k for k, place in enumerate(PUBLISHED_PLACES)}
        large, small = (
            np.mean(
                [
                    (sample_published(heart, numbers[label], seed).zones == Zone.SCAR).mean()
                    for seed in range(4)
                ]
            )
            for label in ("B1_large_transmural", "B1_small_transmural")
        )
        assert small < 0.6 * large

    def test_the_same_seed_gives_the_same_bits(self, heart):
        contents = [sample_published(heart, 5, seed).content for seed in (1, 1, 2)]
        assert contents[0] == contents[1] != contents[2]

    def test_there_is_no_seventeenth(self, heart):
        with pytest.raises(InputError, match="place 16: there are 16"):
            sample_published(heart, 16, 0)


@pytest.fixture(scope="module")
def ball(heart, wall):
    middle = wall.middles[wall.column_at(0.5, 0.3)]
    return np.linalg.norm(heart.points - middle, axis=1) < 10


class TestBand:
    def band(self, wall, ball, **settings):
        everywhere = np.ones(len(ball), bool)
        return BorderZone(**settings).around(ball, wall, everywhere, np.random.default_rng(0))

    def test_an_even_band_is_as_wide_as_asked(self, heart, wall, ball):
        distance = np.linalg.norm(heart.points[:, None] - heart.points[ball], axis=2).min(axis=1)
        for width in (3.0, 5.0):
            band = self.band(wall, ball, width=width, irregularity=0.0)
            edge = wall.graph.lengths.max()
            assert distance[band].max() < max(1.25 * width, edge + 1e-6)
            inside = (distance < 0.8 * width) & ~ball
            assert band[inside].mean() > 0.98

    def test_no_healthy_element_touches_scar(self, heart, wall, ball):
        band = self.band(wall, ball, width=1.0)
        beside = heart.tetrahedra[touched(wall, ball)]
        assert (ball | band)[beside].all()

    def test_an_irregular_band_varies_within_its_bounds(self, wall):
        widths = BorderZone(2.5, 0.5)._widths(wall, np.random.default_rng(0), True)
        assert widths.min() >= NARROWEST
        assert widths.max() <= WIDEST
        assert widths.std() > 0.5

    def test_it_never_jumps_across_a_cavity(self, heart, wall):
        """The right free wall stays well that is closest to the septum across the blood."""
        septum = np.flatnonzero(wall.within_left & (wall.depth > 0.95))
        septum = np.intersect1d(septum, heart.boundary_nodes(Boundary.RV_ENDOCARDIUM))
        facing = wall.feet[wall.is_right]
        along = dijkstra(wall.mesh_ways, indices=septum, min_only=True, limit=6.0)[facing]
        across, nearest = cKDTree(heart.points[septum]).query(heart.points[facing])
        place = np.argmin(np.where(np.isinf(along), across, np.inf))
        assert across[place] < 5.0
        centre = heart.points[septum[nearest[place]]]
        scar = np.linalg.norm(heart.points - centre, axis=1) < 6
        scar &= wall.within_left
        band = self.band(wall, scar, width=5.0, irregularity=0.0)
        assert band.any()
        assert not band[facing[place]]

    @pytest.mark.parametrize("settings", [{"width": 0.5}, {"width": 6.0}, {"irregularity": -1}])
    def test_settings_are_checked(self, settings):
        with pytest.raises(InputError, match="border zone"):
            BorderZone(**settings)


def test_a_field_is_standard_normal_and_correlated_as_asked():
    random = np.random.default_rng(3)
    places = np.stack([np.linspace(0, 4000, 8001), np.zeros(8001)], axis=1)
    fields = np.array([random_field(places, 10.0, random) for _ in range(20)])
    assert fields.mean() == pytest.approx(0, abs=0.05)
    assert fields.std() == pytest.approx(1, abs=0.05)
    for lag in (5.0, 10.0, 20.0):
        steps = int(lag / 0.5)
        correlation = (fields[:, steps:] * fields[:, :-steps]).mean()
        assert correlation == pytest.approx(np.exp(-(lag**2) / 200), abs=0.06)


def test_a_field_has_no_seam(wall, heart):
    """Columns on either side of rotational 0 = 1 are as alike as neighbours elsewhere."""
    c, feet = heart.coordinates, wall.feet[~wall.is_right]
    rows = np.flatnonzero((c.apicobasal[feet] > 0.45) & (c.apicobasal[feet] < 0.55))
    angle = c.rotational[feet[rows]]
    field = wall.field(14.0, np.random.default_rng(1), right=False)[rows]
    order = np.argsort(angle)
    steps = np.abs(np.diff(field[order]))
    assert abs(field[order[0]] - field[order[-1]]) <= max(steps.max(), 0.3)
