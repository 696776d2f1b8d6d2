"""Recipes of cohorts: what they say, what they refuse, and how quantities vary in them."""

import numpy as np
import pytest

from twin.meshes.errors import InputError
from twin.simulation.recruitment.recipe import NAMES, PLACES, Recipe, shipped
from twin.simulation.recruitment.spread import Spread, constant


@pytest.mark.parametrize("name", NAMES)
def test_shipped_recipes_are_read_by_name_and_as_a_copy(name, tmp_path):
    recipe = Recipe.read(name)
    copy = tmp_path / "mine.toml"
    copy.write_text("# a comment of my own\n" + shipped(name).read_text())
    assert Recipe.read(copy).content == recipe.content
    assert Recipe.of_text(recipe.text).content == recipe.content
    assert recipe.name == name


def test_a_changed_value_is_another_recipe(tmp_path):
    copy = tmp_path / "mine.toml"
    copy.write_text(shipped("hard").read_text().replace("healthy = 0.10", "healthy = 0.20"))
    assert Recipe.read(copy).content != Recipe.read("hard").content


def test_the_published_recipe_has_sixteen_infarcts_and_health_on_each_heart():
    recipe = Recipe.read("paper")
    assert recipe.cases_per_heart == PLACES == 17
    assert recipe.cases == 17 * recipe.hearts


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("healthy = 0.10", "healty = 0.10", "infarcts.healty is 0.1; there is no such setting"),
        ("healthy = 0.10", "healthy = 1.10", "infarcts.healthy"),
        ("mean = 1.0, sd = 0.08", "mean = 1.0, sd = -1.0", "the sd is -1"),
        ("low = 0.02, high = 0.45", "low = 0.5, high = 0.45", "low 0.5 is above high 0.45"),
        ("low = 0.02, high = 0.45", "low = 0.02", "a spread is a number, or"),
        ("rate = 500.0 ", "rate = 300.0 ", "expected 1,000 Hz or a whole part of it"),
        ("end = 660.0", "end = 60.0", "an end of 400 or later"),
        ("nodes = 60000", "nodes = 10", "patients.nodes"),
        ('where = "anywhere"', 'where = "places"', "or a multiple of that"),
        ("version = 1", 'version = "one"', "version"),
    ],
)
def test_faults_are_named_with_their_place(old, new, said, tmp_path):
    text = shipped("hard").read_text()
    assert old in text
    faulty = tmp_path / "faulty.toml"
    faulty.write_text(text.replace(old, new, 1))
    with pytest.raises(InputError, match=r"faulty\.toml") as caught:
        Recipe.read(faulty)
    assert said in str(caught.value)


def test_a_recipe_that_is_not_there():
    with pytest.raises(InputError, match="'paper' or 'hard'"):
        Recipe.read("harder")


def test_hearts_of_ones_own_count_by_what_is_in_them(tmp_path):
    text = 'name = "mine"\nversion = 1\n[patients]\nfiles = ["heart.vtu"]\n'
    recipe, heart = tmp_path / "mine.toml", tmp_path / "heart.vtu"
    recipe.write_text(text)
    with pytest.raises(InputError, match=r"there is no .*heart\.vtu"):
        Recipe.read(recipe)
    heart.write_text("one")
    before = Recipe.read(recipe)
    assert before.files == [heart]
    assert Recipe.of_text(before.text, before.folder).content == before.content
    heart.write_text("other")
    assert Recipe.read(recipe).content != before.content


class TestSpread:
    def test_even(self):
        random = np.random.default_rng(0)
        drawn = np.array([Spread(low=2.0, high=6.0).draw(random) for _ in range(4000)])
        assert drawn.min() >= 2
        assert drawn.max() <= 6
        assert drawn.mean() == pytest.approx(4, abs=0.06)
        assert drawn.std() == pytest.approx(4 / 12**0.5, abs=0.03)

    def test_normal_and_cut_off(self):
        random = np.random.default_rng(0)
        spread = Spread(mean=1.0, sd=0.5, low=0.4)
        drawn = np.array([spread.draw(random) for _ in range(4000)])
        assert drawn.min() == 0.4
        assert drawn.max() <= 1 + 2.5 * 0.5
        assert np.median(drawn) == pytest.approx(1, abs=0.03)

    def test_a_constant_takes_a_number_from_the_stream_too(self):
        one, other = np.random.default_rng(0), np.random.default_rng(0)
        assert constant(3.0).draw(one) == 3.0
        Spread(low=0.0, high=1.0).draw(other)
        assert one.random() == other.random()


def test_a_recipe_upon_another_says_only_what_differs(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(
        'base = "hard"\nname = "mine"\nversion = 1\n[conduction]\nspeed = {low = 0.9, high = 1.1}\n'
    )
    mine, hard = Recipe.read(path), Recipe.read("hard")
    assert mine.infarcts == hard.infarcts
    assert mine.conduction.tree == hard.conduction.tree
    # A spread is replaced as a whole: nothing of {mean, sd} is left in {low, high}.
    assert (mine.conduction.speed.mean, mine.conduction.speed.low) == (None, 0.9)
    assert mine.content != hard.content


def test_a_base_that_is_not_known_is_refused(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text('base = "easy"\nname = "mine"\nversion = 1\n')
    with pytest.raises(InputError, match="base 'easy'; expected a recipe of the package"):
        Recipe.read(path)


def test_coarse_recipes_differ_from_theirs_in_the_mesh_and_the_number_of_cases():
    for name in ("hard", "paper"):
        fine, coarse = Recipe.read(name).model_dump(), Recipe.read(f"{name}_coarse").model_dump()
        differing = {key for key in fine if fine[key] != coarse[key]}
        assert differing <= {"name", "version", "cases_per_heart", "patients"}
        patients = {k for k, v in fine["patients"].items() if coarse["patients"][k] != v}
        assert patients == {"nodes", "even"}
