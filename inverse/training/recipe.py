"""How a network is taught: one TOML file, checked at the door."""

import tomllib
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, PositiveFloat, ValidationError

from twin.inverse.networks.infarct_net import Sizes
from twin.meshes.errors import InputError
from twin.simulation.settings import Section, explain
from twin.simulation.toml import read_toml

NAMES = ("hard", "paper")
"""Of the recipes that come with the package."""

Count = Annotated[int, Field(ge=1)]
Share = Annotated[float, Field(ge=0, le=1)]


class Network(Section):
    """Widths of `infarct_net.Sizes`."""

    width: Count = 96
    tokens: Count = 128
    rounds: Count = 2
    heads: Count = 4
    latent: Count = 32
    dropout: Share = 0.1

    @property
    def sizes(self) -> Sizes:
        return Sizes(**self.model_dump())


class Teaching(Section):
    """Steps and their size; nothing here changes what the network is."""

    epochs: Count = 16
    batch: Count = 16
    nodes: Count = 1024
    rate: PositiveFloat = 1.5e-3
    weight_decay: Share = 0.02
    warm_up: Share = 0.05
    average: Share = 0.999
    patience: Count = 6
    precision: Literal["mixed", "single"] = "mixed"
    leads_lost: Share = 0.3
    new_recordings: bool = True
    seed: int = 0


class TrainingRecipe(Section):
    """`protocol` is the cohort's recipe that it is meant for."""

    name: Annotated[str, Field(min_length=1, max_length=80)]
    version: Count = 1
    protocol: str = "hard_coarse"
    split: list[Share] = Field(default=[0.7, 0.15, 0.15], min_length=3, max_length=3)
    split_seed: int = 0
    network: Network = Network()
    teaching: Teaching = Teaching()

    @staticmethod
    def read(source: str | Path) -> "TrainingRecipe":
        """From a TOML file, or one that comes with the package, by name."""
        path = shipped(str(source)) if str(source) in NAMES else Path(source)
        if not path.is_file():
            known = " or ".join(repr(name) for name in NAMES)
            raise InputError(f"{source}: there is no such recipe; expected a TOML file, or {known}")
        try:
            return TrainingRecipe.model_validate(read_toml(path))
        except ValidationError as error:
            raise InputError(f"{source}: {explain(error, 'docs/training.md lists them')}") from None

    @staticmethod
    def of_text(text: str) -> "TrainingRecipe":
        """From TOML that a model kept."""
        return TrainingRecipe.model_validate(tomllib.loads(text))


def shipped(name: str) -> Path:
    """The file of a recipe that comes with the package."""
    return Path(str(files("twin.inverse.training").joinpath("recipes", f"{name}.toml")))
