import subprocess
import sys
from dataclasses import astuple

import numpy as np
import pytest

from twin.meshes.anatomy import population
from twin.meshes.anatomy.population import (
    CENTROID,
    CORRELATIONS,
    DEVIATIONS,
    MEANS,
    Remodelling,
    Sex,
    sample_anatomy,
    sample_subject,
)
from twin.meshes.anatomy.sizes import MYOCARDIAL_DENSITY, heart_centroid, integrate_volumes
from twin.meshes.errors import InputError
from twin.meshes.heart import Heart
from twin.meshes.measurement import measure_heart

PRINT_BITS = (
    "from twin.meshes.anatomy.population import sample_anatomy; import numpy as np;"
    "solid = sample_anatomy(7).solid; low, high = solid.bounds;"
    "points = np.random.default_rng(0).uniform(low, high, (1000, 3));"
    "from twin.meshes.files import content_hash; print(content_hash(solid.distance(points)))"
)


@pytest.fixture(scope="module")
def subjects():
    return [sample_subject(seed) for seed in range(6)]


def test_the_same_seed_gives_the_same_bits_in_two_processes():
    runs = [
        subprocess.run(
            [sys.executable, "-c", PRINT_BITS], capture_output=True, text=True, check=True
        )
        for _ in range(2)
    ]
    assert len(runs[0].stdout) == 65
    assert runs[0].stdout == runs[1].stdout


def test_volumes_and_mass_are_the_drawn_ones(subjects):
    for subject in subjects:
        whole, left, right = integrate_volumes(subject.anatomy, 2.0)
        sizes = subject.sizes
        assert left == pytest.approx(sizes.lv_volume, rel=0.01)
        assert right == pytest.approx(sizes.rv_volume, rel=0.01)
        assert (whole - left) * MYOCARDIAL_DENSITY == pytest.approx(sizes.lv_mass, rel=0.01)


@pytest.mark.parametrize("sex", list(Sex))
def test_draws_have_the_published_distribution(sex):
    random = np.random.default_rng(0)
    draws = np.array([astuple(population._draw_sizes(random, sex)) for _ in range(4000)])
    assert draws.mean(axis=0) == pytest.approx(MEANS[sex].vector, rel=0.01)
    assert draws.std(axis=0) == pytest.approx(DEVIATIONS[sex].vector, rel=0.06)
    assert np.corrcoef(draws.T) == pytest.approx(CORRELATIONS, abs=0.06)


def test_the_walls_thickness_follows_as_published(subjects):
    for sex, published in ((Sex.FEMALE, 5.3), (Sex.MALE, 6.3)):
        sizes = MEANS[sex]
        anatomy = population.fit_anatomy(subjects[0].anatomy, sizes)
        assert anatomy.wall_thickness == pytest.approx(published, rel=0.08)


def test_the_right_wall_is_three_to_four_millimetres(subjects):
    assert all(2.9 < subject.sizes.rv_wall_thickness < 4.1 for subject in subjects)


def test_hearts_lie_as_published():
    random = np.random.default_rng(1)
    forms = [population._draw_form(random) for _ in range(600)]
    apex = -np.array([form.rotation[:, 2] for form in forms])
    frontal = np.degrees(np.arctan2(apex[:, 0], -apex[:, 2]))
    assert frontal.mean() == pytest.approx(38, abs=1)
    assert frontal.std() == pytest.approx(8, rel=0.15)
    assert apex.mean(axis=0) == pytest.approx([0.5, -0.5, -0.7], abs=0.06)
    places = np.array([form.centre for form in forms])
    assert places.mean(axis=0) == pytest.approx(CENTROID, abs=2)
    assert np.sqrt(((places - CENTROID) ** 2).sum(axis=1).mean()) == pytest.approx(20, rel=0.15)
    for form in forms[:20]:
        assert form.rotation.T @ form.rotation == pytest.approx(np.eye(3), abs=1e-12)
        assert np.linalg.det(form.rotation) == pytest.approx(1)


def test_the_centroid_is_where_it_was_drawn(subjects):
    anatomy = subjects[0].anatomy
    random = np.random.default_rng(0)
    random.integers(2)
    population._draw_sizes(random, subjects[0].sex)
    drawn = population._draw_form(random).centre
    centroid = anatomy.solid.to_body(heart_centroid(anatomy)[:, None])[0]
    assert centroid == pytest.approx(drawn, abs=1e-9)


def test_the_right_ventricle_lies_right_and_in_front(subjects):
    for subject in subjects:
        assert subject.anatomy.rotation[0, 0] < -0.4
        assert subject.anatomy.rotation[1, 0] < -0.3
        assert subject.anatomy.rotation[2, 1] > 0.3, "the outflow tract is above"


def test_sex_is_drawn_or_given(subjects):
    assert {subject.sex for subject in subjects} == set(Sex)
    woman, man = (sample_subject(1, sex=sex) for sex in ("female", "male"))
    assert woman.sex is Sex.FEMALE
    assert man.sizes.lv_volume > woman.sizes.lv_volume
    assert np.array_equal(man.anatomy.rotation, woman.anatomy.rotation)


def test_hypertrophy_thickens_around_the_same_cavity():
    well, ill = sample_anatomy(0), sample_anatomy(0, hypertrophy=1.6)
    before, after = integrate_volumes(well), integrate_volumes(ill)
    assert after[1:] == pytest.approx(before[1:], rel=0.005)
    assert ill.wall_thickness == pytest.approx(1.6 * well.wall_thickness, rel=0.01)


def test_dilation_enlarges_and_rounds_the_left_ventricle():
    well, ill = sample_anatomy(0), sample_anatomy(0, dilation=1.8)
    before, after = integrate_volumes(well), integrate_volumes(ill)
    assert after[1] == pytest.approx(1.8 * before[1], rel=0.005)
    assert after[2] == pytest.approx(before[2], rel=0.005)
    assert ill.length / ill.outer_diameter < 0.92 * well.length / well.outer_diameter


def test_overload_enlarges_the_right_ventricle_and_flattens_the_septum():
    well, ill = sample_anatomy(0), sample_anatomy(0, rv_overload=2.0)
    before, after = integrate_volumes(well), integrate_volumes(ill)
    assert after[2] == pytest.approx(2 * before[2], rel=0.005)
    assert after[:2] == pytest.approx(before[:2], rel=0.005)
    assert ill.septal_flattening > 0.2
    assert ill.rv_wall_thickness == pytest.approx(1.5 * well.rv_wall_thickness)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"seed": -1}, "seed is -1"),
        ({"seed": 1.5}, "whole number"),
        ({"seed": 0, "sex": "m"}, "expected 'female' or 'male'"),
        ({"seed": 0, "hypertrophy": 0.5}, "hypertrophy is 0.5"),
        ({"seed": 0, "dilation": float("nan")}, "dilation is nan"),
    ],
)
def test_wrong_settings_are_named(settings, words):
    with pytest.raises(InputError, match=words):
        sample_subject(**settings)


def test_what_cannot_be_fitted_is_refused(monkeypatch):
    monkeypatch.setattr(population, "fit_anatomy", lambda form, sizes: None)
    with pytest.raises(InputError, match="ask for less remodelling"):
        sample_subject(0)


def test_healthy_remodelling_changes_nothing(subjects):
    subject = subjects[0]
    assert Remodelling().applied(subject.anatomy, subject.sizes) is subject.anatomy


def test_a_sampled_heart_is_complete_and_says_where_it_is_from():
    heart = Heart.sample(2, sex="female", spacing=4.0)
    assert heart.provenance["origin"] == "population"
    assert heart.provenance["seed"] == 2
    assert heart.provenance["sex"] == "female"
    sizes = heart.provenance["sizes"]
    measured = measure_heart(heart)
    assert measured.lv_volume == pytest.approx(sizes["lv_volume"], rel=0.03)
    assert measured.rv_volume == pytest.approx(sizes["rv_volume"], rel=0.05)
    assert measured.lv_mass == pytest.approx(sizes["lv_mass"], rel=0.10)
    assert measured.rv_wall_thickness == pytest.approx(sizes["rv_wall_thickness"], rel=0.05)
    assert measured.length_to_diameter == pytest.approx(sizes["length_to_diameter"], rel=0.06)
