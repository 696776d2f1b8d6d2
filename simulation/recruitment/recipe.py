"""What a cohort is made of: one TOML file that says what varies, and how much."""

import json
import tomllib
from collections.abc import Mapping
from functools import cached_property
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, PrivateAttr, ValidationError, model_validator
from pydantic import PositiveFloat as Positive

from twin.meshes.errors import InputError
from twin.meshes.files import file_hash
from twin.simulation.recruitment.spread import Spread, Varied, constant
from twin.simulation.settings import Section, explain
from twin.simulation.toml import read_toml

NAMES = ("paper", "hard", "paper_coarse", "hard_coarse")
"""Of the recipes that come with the package."""

PLACES = 17
"""Cases of a heart by the published recipe: eight places, each twice, and health."""

Share = Annotated[float, Field(ge=0, le=1)]
LeadFieldMethod = Literal["boundary_elements", "infinite_medium"]


class Patients(Section):
    """Whose hearts they are: of the healthy population, women and men; or those of `files`, one
    patient after the other, which any format that `Heart.read` knows may hold. An `even` mesh is
    not finer in thin walls, so that it can have few nodes."""

    files: list[str] = Field(default=[])
    nodes: int = Field(default=60_000, ge=1_000, le=1_000_000)
    even: bool = False
    lead_field: LeadFieldMethod = "boundary_elements"
    build: Varied = constant(1.0)
    torso_conductivity: Varied = constant(0.2)
    lungs_conductivity: Varied = constant(0.05)
    blood_conductivity: Varied = constant(0.6)


class Conduction(Section):
    """Factors of the healthy mean's speeds, and what becomes of the Purkinje tree's junctions."""

    speed: Varied = constant(1.0)
    cross_fibre: Varied = constant(1.0)
    tree: Varied = constant(1.0)
    junctions: Varied = constant(1.0)
    junction_delay: Varied = constant(0.0)


class Repolarisation(Section):
    """Factors of the healthy mean's action potential duration and, each apart, of its gradients."""

    duration: Varied = constant(1.0)
    gradients: Varied = constant(1.0)


class Infarcts(Section):
    """Which infarcts, and how their tissue works.

    `places` are the sixteen of the published recipe, one after the other, and then a healthy
    heart, drawn anew as often as a heart has cases; `anywhere` draws every one.
    """

    where: Literal["places", "anywhere"] = "anywhere"
    healthy: Share = 0.1
    second: Share = 0.0
    right: Share = 0.0
    right_mass: Varied = Spread(low=0.05, high=0.3)
    acute: Share = 0.0
    mass: Varied = Spread(low=0.02, high=0.45)
    transmurality: Varied = Spread(low=0.25, high=1.0)
    core: Literal["blocked", "passive", "slow"] = "blocked"
    core_speed: Varied = constant(0.1)
    border_width: Varied = Spread(low=1.0, high=5.0)
    border_speed: Varied = constant(0.5)
    chronic_duration: Varied = constant(1.3)
    acute_duration: Varied = constant(0.5)


class Recording(Section):
    """How the ECG was taken."""

    start: float = -40.0
    end: float = 660.0
    rate: Positive = 500.0
    electrode_shift: Varied = constant(0.0)
    common_shift: Varied = constant(0.0)
    conductivity: Varied = constant(1.0)
    cells_along: Varied = constant(1.0)
    cells_across: Varied = constant(1.0)
    onset_jitter: Varied = constant(0.0)
    gain: Varied = constant(1.0)
    noise: Varied | None = None
    low_pass: list[Positive] = Field(default=[])
    notch: Share = 0.0
    mains: list[Positive] = Field(default=[50.0, 60.0])

    @model_validator(mode="after")
    def _window(self) -> "Recording":
        if self.start > -20 or self.end < 400 or self.end - self.start > 2000:
            raise ValueError(
                f"the window from {self.start:g} to {self.end:g} ms; expected a start of -20 or "
                "before, an end of 400 or later, and 2,000 ms at most"
            )
        if 1000 % self.rate or (self.end - self.start) * self.rate % 1000:
            raise ValueError(
                f"a rate of {self.rate:g} Hz; expected 1,000 Hz or a whole part of it, such as "
                "500, and a window of whole samples"
            )
        if any(cutoff >= 500 for cutoff in self.low_pass):
            raise ValueError(f"low_pass {self.low_pass}: expected below 500 Hz")
        return self


class Recipe(Section):
    """A cohort's recipe; docs/cohort.md explains every line."""

    name: Annotated[str, Field(min_length=1, max_length=80)]
    version: Annotated[int, Field(ge=1)]
    purpose: str = ""
    hearts: Annotated[int, Field(ge=1, le=1_000_000)] = 200
    cases_per_heart: Annotated[int, Field(ge=1, le=100_000)] = 50
    patients: Patients = Patients()
    conduction: Conduction = Conduction()
    repolarisation: Repolarisation = Repolarisation()
    infarcts: Infarcts = Infarcts()
    recording: Recording = Recording()
    _text: str = PrivateAttr("")
    _folder: Path = PrivateAttr(Path())

    @model_validator(mode="after")
    def _places(self) -> "Recipe":
        if self.infarcts.where == "places" and self.cases_per_heart % PLACES:
            raise ValueError(
                f"cases_per_heart is {self.cases_per_heart}; where the infarcts are the published "
                f"places it is {PLACES}, sixteen and a healthy heart, or a multiple of that"
            )
        return self

    @property
    def cases(self) -> int:
        """How many there are where nobody asks for another number."""
        return self.hearts * self.cases_per_heart

    @staticmethod
    def read(source: str | Path) -> "Recipe":
        """From a TOML file, or one of the recipes that come with the package, by name."""
        path = shipped(str(source)) if str(source) in NAMES else Path(source)
        if not path.is_file():
            raise InputError(
                f"{source}: there is no such recipe; expected a TOML file, or "
                f"{' or '.join(repr(name) for name in NAMES)} (`twin cohort recipe hard` writes "
                "one to change)"
            )
        text = path.read_text(encoding="utf-8-sig")
        return Recipe._checked(read_toml(path), text, str(source), path.absolute().parent)

    @staticmethod
    def of_text(text: str, folder: str | Path = ".") -> "Recipe":
        """From TOML that a cohort kept, whose recipe lay in `folder`."""
        return Recipe._checked(tomllib.loads(text), text, "the cohort's recipe", Path(folder))

    @staticmethod
    def _checked(values: dict[str, object], text: str, source: str, folder: Path) -> "Recipe":
        values = _upon_base(values, source)
        try:
            recipe = Recipe.model_validate(values)
        except ValidationError as error:
            raise InputError(f"{source}: {explain(error, 'docs/cohort.md lists them')}") from None
        recipe._text, recipe._folder = text, folder
        for file in recipe.files:
            if not file.exists():
                raise InputError(f"{source}: patients.files: there is no {file}")
        return recipe

    @property
    def folder(self) -> Path:
        """Of the file it was read from, where the names of other files in it begin."""
        return self._folder

    @property
    def files(self) -> list[Path]:
        """Hearts of the patients, where they are not sampled."""
        return [self._folder / name for name in self.patients.files]

    @property
    def text(self) -> str:
        """The TOML it was read from."""
        return self._text

    @cached_property
    def content(self) -> str:
        """SHA-256 of what it says, whatever its comments and layout, and of the files it names."""
        said = self.model_dump()
        said["patients"]["files"] = [file_hash(file) for file in self.files if file.is_file()]
        return sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def _upon_base(values: Mapping[str, Any], source: str) -> dict[str, Any]:
    """What a recipe says in the place of what the shipped recipe that it names as `base` says."""
    said = dict(values)
    name = said.pop("base", None)
    if name is None:
        return said
    if name not in NAMES:
        known = " or ".join(repr(n) for n in NAMES)
        raise InputError(f"{source}: base {name!r}; expected a recipe of the package: {known}")
    upon = _upon_base(read_toml(shipped(name)), name)
    return _laid_over(upon, said)


def _laid_over(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Tables key by key; a number that varies, and all else, as a whole."""
    merged = dict(below) | dict(above)
    for key, table in above.items():
        if isinstance(table, dict) and isinstance(below.get(key), dict) and not _spread(table):
            merged[key] = _laid_over(below[key], table)
    return merged


def _spread(table: Mapping[str, Any]) -> bool:
    return bool(table.keys() & {"low", "mean"})


def shipped(name: str) -> Path:
    """The file of a recipe that comes with the package."""
    return Path(str(files("twin.simulation.recruitment").joinpath("recipes", f"{name}.toml")))
