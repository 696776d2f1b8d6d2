"""Training: what it learns from, that it can be broken anywhere, and what it leaves behind."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from twin.inverse.model import Model
from twin.inverse.training import loop
from twin.inverse.training.augmentation import Augmentation, noise_bank
from twin.inverse.training.examples import Examples
from twin.inverse.training.loop import Schooling
from twin.inverse.training.recipe import TrainingRecipe
from twin.inverse.training.train import chosen_device, train
from twin.meshes.errors import InputError

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def examples(small_cohort) -> Examples:
    return Examples.of(small_cohort)


def weights(state):
    return torch.cat([w.flatten() for w in state.network.state_dict().values()])


def test_a_broken_run_ends_with_the_same_bits(examples, small_recipe, tmp_path, monkeypatch):
    """Also where the last checkpoint was in the middle of an epoch."""
    monkeypatch.setattr(loop, "SAVED_EVERY", 0.0)
    school = Schooling(small_recipe, examples, examples, CPU)
    whole = school.run(tmp_path / "whole")

    class KilledError(Exception):
        pass

    def kill(_, share):
        if share > 0.6:
            raise KilledError

    with pytest.raises(KilledError):
        Schooling(small_recipe, examples, examples, CPU).run(tmp_path / "broken", kill)
    again = Schooling(small_recipe, examples, examples, CPU).run(tmp_path / "broken")
    assert torch.equal(weights(whole), weights(again))
    assert whole.progress.curve == again.progress.curve


def test_it_learns(examples, small_recipe, tmp_path):
    teaching = small_recipe.teaching.model_copy(update={"epochs": 12, "rate": 5e-3})
    recipe = small_recipe.model_copy(update={"teaching": teaching})
    curve = Schooling(recipe, examples, examples, CPU).run(tmp_path).progress.curve
    assert curve[-1]["taught_loss"] < 0.9 * curve[0]["taught_loss"]


def test_a_checkpoint_of_something_else_is_refused(examples, small_recipe, tmp_path):
    Schooling(small_recipe, examples, examples, CPU).run(tmp_path)
    teaching = small_recipe.teaching.model_copy(update={"seed": 1})
    other = small_recipe.model_copy(update={"teaching": teaching})
    with pytest.raises(InputError, match="another recipe or cohort"):
        Schooling(other, examples, examples, CPU).run(tmp_path)


def test_leads_are_lost_in_their_share_and_never_all(examples):
    random = np.random.default_rng(0)
    many = np.repeat(examples.ecg[:1], 400, axis=0)
    beats, present = Augmentation(0.3)(many, many, noise_bank(0, 8), random)
    assert present.any(axis=1).all()
    assert 0.22 < (~present.all(axis=1)).mean() < 0.38
    assert np.isfinite(beats).all()
    changed = np.abs(beats - many).max(axis=(1, 2)) > 0
    assert 0.4 < changed.mean() < 0.6


def test_a_model_is_read_as_it_was_written(small_model, examples):
    model = Model.read(small_model)
    again = Model.read(small_model)
    there = np.ones(8, bool)
    ground = examples.grounds[0]
    one, other = (m.read_beat(ground, examples.ecg[0], there) for m in (model, again))
    np.testing.assert_array_equal(one.belief, other.belief)
    card = json.loads((small_model / "model.json").read_text())["card"]
    assert card["taught_hearts"] == 2
    assert "research use only" in card["purpose"]
    assert (small_model / "curves.png").stat().st_size > 5000


def test_a_damaged_model_is_refused_with_its_name(small_model, tmp_path):
    for name in ("weights.safetensors", "model.json"):
        (tmp_path / name).write_bytes((small_model / name).read_bytes()[:100])
    with pytest.raises(InputError, match=r"model\.json cannot be read"):
        Model.read(tmp_path)
    (tmp_path / "model.json").write_bytes((small_model / "model.json").read_bytes())
    with pytest.raises(InputError, match="holds no weights"):
        Model.read(tmp_path)
    with pytest.raises(InputError, match="twin train"):
        Model.read(tmp_path / "nothing")


def test_too_few_patients_are_refused(small_cohort, small_recipe, tmp_path):
    with pytest.raises(InputError, match="make more hearts"):
        train(small_recipe, small_cohort[:6], tmp_path, "cpu")


def test_a_recipe_with_a_wrong_word_is_refused(tmp_path):
    path = tmp_path / "r.toml"
    path.write_text('name = "x"\n[teaching]\nepoch = 3\n')
    with pytest.raises(InputError, match="epoch"):
        TrainingRecipe.read(path)
    with pytest.raises(InputError, match="no such recipe"):
        TrainingRecipe.read("softer")


def test_a_device_that_is_not_there_is_refused():
    if torch.cuda.is_available():
        pytest.skip("there is one")
    with pytest.raises(InputError, match="CUDA"):
        chosen_device("cuda")


def test_missing_leads_do_not_matter_whatever_they_hold(small_model, examples):
    model, ground = Model.read(small_model), examples.grounds[0]
    present = np.array([True, True, False, True, True, True, True, True])
    wild = examples.ecg[0].copy()
    wild[2] = 1e3
    one = model.read_beat(ground, examples.ecg[0], present)
    other = model.read_beat(ground, wild, present)
    np.testing.assert_array_equal(one.belief, other.belief)


def test_any_mesh_density_reads_the_same_places(small_model, examples):
    """At a node that two meshes share the answer is the same."""
    model, ground = Model.read(small_model), examples.grounds[0]
    some = slice(0, 50)
    fewer = replace(
        ground,
        portrait=replace(
            ground.portrait,
            placement=replace(
                ground.portrait.placement,
                places=ground.portrait.placement.places[some],
                weights=ground.portrait.placement.weights[some],
            ),
        ),
        within=ground.within[some],
    )
    there = np.ones(8, bool)
    whole = model.read_beat(ground, examples.ecg[0], there)
    part = model.read_beat(fewer, examples.ecg[0], there)
    np.testing.assert_allclose(part.belief, whole.belief[some], atol=1e-5)
