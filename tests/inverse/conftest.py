"""A cohort of four coarse hearts, made in seconds, and a network taught on it for a moment."""

from pathlib import Path

import pytest

from twin.inverse.training.recipe import Network, Teaching, TrainingRecipe
from twin.inverse.training.train import train
from twin.meshes.anatomy.biventricular import Anatomy
from twin.meshes.build import build_heart
from twin.meshes.meshing.lattice import mesh_solid
from twin.simulation.cohort import Cohort
from twin.simulation.recruitment.recipe import Recipe, shipped

HEARTS, EACH = 4, 6


@pytest.fixture(scope="session")
def small_cohort(tmp_path_factory) -> Cohort:
    """Protocol H in an infinite medium on hearts whose walls are thick enough for few nodes."""
    folder = tmp_path_factory.mktemp("hearts")
    for k in range(HEARTS):
        thick = Anatomy(wall_thickness=12.0 + k, rv_wall_thickness=11.0)
        build_heart(mesh_solid(thick.solid, spacing=6.5)).write(folder / f"{k}.vtu")
    files = ", ".join(f'"{k}.vtu"' for k in range(HEARTS))
    text = shipped("hard").read_text(encoding="utf-8")
    text = text.replace("nodes = 60000", f"files = [{files}]\nnodes = 60000")
    text = text.replace('"boundary_elements"', '"infinite_medium"')
    text = text.replace("cases_per_heart = 50", f"cases_per_heart = {EACH}")
    recipe = Recipe.of_text(text, folder)
    return Cohort.make(recipe, HEARTS * EACH, folder / "cohort", workers=2)


@pytest.fixture(scope="session")
def small_recipe() -> TrainingRecipe:
    return TrainingRecipe(
        name="small",
        split=[0.5, 0.25, 0.25],
        network=Network(width=16, tokens=16, rounds=1, heads=2, latent=8),
        teaching=Teaching(epochs=2, batch=4, nodes=128, patience=5),
    )


@pytest.fixture(scope="session")
def small_model(small_cohort, small_recipe, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("model")
    train(small_recipe, small_cohort, folder, "cpu")
    return folder
