"""Everything about one simulated heartbeat that is not the heart, as one file that can be edited.

The defaults are those of `Physiology.healthy` and of the nouns that the sections make.
"""

from dataclasses import astuple, replace
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from jaxtyping import Float
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic import NonNegativeFloat as Least
from pydantic import PositiveFloat as Positive

from twin.meshes.anatomy.population import Sex
from twin.meshes.errors import InputError
from twin.meshes.files import whole_file
from twin.meshes.torso import Conductivities
from twin.simulation.lead_weights import Intracellular
from twin.simulation.physiology import Physiology
from twin.simulation.purkinje import PurkinjeRule
from twin.simulation.repolarisation import DurationGradients
from twin.simulation.tissue import FastEndocardium
from twin.simulation.toml import read_toml, toml_of

HEALTHY = Physiology.healthy()
TREE, DURATIONS = HEALTHY.purkinje, HEALTHY.durations
LAYER, BODY = FastEndocardium(), Conductivities()
ALONG, ACROSS = astuple(Intracellular())
MOST_SAMPLES = 100_000


def setting(default: object, meaning: str = "", **limits: float) -> Any:
    """A setting with its unit or meaning, which is written beside it."""
    return Field(default=default, description=meaning or None, **limits)  # type: ignore[call-overload]


Wall = Literal["left", "septum", "right"]


class Section(BaseModel):
    """A part of the settings: no unknown names, no other types, no NaN."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class Body(Section):
    """The torso: the template, unless files are named."""

    skin: str = setting("", "file of the patient's skin; empty for the template")
    electrodes: str = setting("", "file of electrodes; empty for average places")
    lungs: list[str] = setting([], "files of the patient's lungs")
    unit: str = setting("", "of those files (um, mm, cm, m), if they leave it open")
    sex: Literal["", "female", "male"] = setting("", "of the template; empty for mean")
    height: Least = setting(0.0, "mm, of the template's body; 0 for the mean")
    torso_conductivity: Positive = setting(BODY.torso, "S/m")
    lungs_conductivity: Positive = setting(BODY.lungs, "S/m")
    blood_conductivity: Positive = setting(BODY.blood, "S/m")

    @property
    def conductivities(self) -> Conductivities:
        return Conductivities(
            self.torso_conductivity, self.lungs_conductivity, self.blood_conductivity
        )

    def beside(self, settings: Path) -> "Body":
        """Files that were named as seen from the file of settings, in full."""

        def full(name: str) -> str:
            return name and str(settings.parent / name)

        changed = {"skin": full(self.skin), "electrodes": full(self.electrodes)}
        return self.model_copy(update={**changed, "lungs": [full(lung) for lung in self.lungs]})

    @property
    def template_sex(self) -> Sex | None:
        return Sex(self.sex) if self.sex else None


class Conduction(Section):
    """Speeds of the front in the myocardium."""

    fibre: Positive = setting(HEALTHY.speeds[0], "mm/ms along the fibres")
    sheet: Positive = setting(HEALTHY.speeds[1], "mm/ms across them within the sheets")
    normal: Positive = setting(HEALTHY.speeds[2], "mm/ms across the sheets")


class FastLayer(Section):
    """A layer along the endocardia that a dense network makes fast: instead of a Purkinje tree."""

    present: bool = False
    thickness: Positive = setting(LAYER.thickness, "mm")
    dense: Positive = setting(LAYER.dense, "mm/ms")
    sparse: Positive = setting(LAYER.sparse, "mm/ms")
    left_height: float = setting(LAYER.left_height, "apicobasal, dense below it")
    right_height: float = setting(LAYER.right_height, "apicobasal, dense below it")
    top: float = setting(LAYER.top, "apicobasal, no layer above it")

    @property
    def layer(self) -> FastEndocardium | None:
        given = self.model_dump(exclude={"present"})
        return FastEndocardium(**given) if self.present else None


class Tree(Section):
    """The Purkinje tree, through which the beat comes from the bundle of His at 0 ms."""

    present: bool = True
    block: Literal["none", "left", "right"] = setting("none", "bundle branch cut")
    speed: Positive = setting(TREE.speed, "mm/ms along bundle branches and fascicles")
    network_speed_left: Positive = setting(TREE.network_speed[0], "mm/ms below them")
    network_speed_right: Positive = setting(TREE.network_speed[1], "mm/ms below them")
    spacing: Positive = setting(TREE.spacing, "mm between junctions with the heart")
    reach_left: float = setting(TREE.reach[0], "apicobasal height it spreads to")
    reach_right: float = setting(TREE.reach[1], "apicobasal height it spreads to")
    insulated_left: float = setting(TREE.insulated[0], "apicobasal height, no branch above it")
    insulated_right: float = setting(TREE.insulated[1], "apicobasal height, no branch above it")
    irregularity: Least = setting(TREE.irregularity, "how much branches wind")
    balance: float = setting(TREE.balance, "0 nearest branch, 1 shortest way", ge=0, le=1)
    seed: int = setting(HEALTHY.tree_seed, "another seed, another tree", ge=0)

    @property
    def rule(self) -> PurkinjeRule:
        return replace(
            TREE,
            speed=self.speed,
            network_speed=(self.network_speed_left, self.network_speed_right),
            spacing=self.spacing,
            reach=(self.reach_left, self.reach_right),
            insulated=(self.insulated_left, self.insulated_right),
            irregularity=self.irregularity,
            balance=self.balance,
        )


class Source(Section):
    """Where a front starts besides the tree, and when: one of node, place and site."""

    time: float = setting(0.0, "ms")
    node: Annotated[int, Field(ge=0)] | None = setting(None, "number in the mesh")
    place: Annotated[list[float], Field(min_length=3, max_length=3)] | None = setting(
        None, "x, y, z in mm, in the wall"
    )
    wall: Wall | None = setting(
        None, "endocardium: left, or right on the septum or on the free wall"
    )
    apicobasal: float | None = setting(None, ge=0, le=1)
    rotational: float | None = setting(None, ge=0, le=1)

    @property
    def site(self) -> tuple[Wall, float, float]:
        """Wall, height and angle of a source that is neither a node nor a place."""
        assert self.wall is not None
        assert self.apicobasal is not None
        assert self.rotational is not None
        return self.wall, self.apicobasal, self.rotational

    @model_validator(mode="after")
    def _one_of_three(self) -> "Source":
        site = (self.wall, self.apicobasal, self.rotational)
        given = [self.node is not None, self.place is not None, any(s is not None for s in site)]
        if sum(given) != 1 or (given[2] and None in site):
            raise ValueError(
                "a source is a node, or a place, or a wall with apicobasal and rotational"
            )
        return self


class Repolarisation(Section):
    """Action potential durations (APD90): a mean and five differences."""

    mean: Positive = setting(DURATIONS.mean, "ms")
    apicobasal: float = setting(DURATIONS.apicobasal, "ms, base minus apex")
    transmural: float = setting(DURATIONS.transmural, "ms, endocardium minus epicardium")
    interventricular: float = setting(DURATIONS.interventricular, "ms, left minus right")
    anteroposterior: float = setting(DURATIONS.anteroposterior, "ms, front minus back")
    septolateral: float = setting(DURATIONS.septolateral, "ms, septum minus left free wall")
    electrotonic_length: Least = setting(HEALTHY.coupling, "mm, evens out neighbours")

    @property
    def gradients(self) -> DurationGradients:
        return replace(DURATIONS, **self.model_dump(exclude={"electrotonic_length"}))


class Leads(Section):
    """The twelve leads and what they see of the heart."""

    lead_field: Literal["boundary_elements", "finite_elements", "infinite_medium"] = (
        "boundary_elements"
    )
    finest: float = setting(1.5, "mm, of finite elements", ge=0.8, le=20)
    conductivity_along: Least = setting(ALONG, "S/m in the cells, along fibres")
    conductivity_across: Least = setting(ACROSS, "S/m in the cells, across fibres")
    start: float = setting(-40.0, "ms before the bundle of His or the first source")
    end: float = setting(560.0, "ms")
    rate: float = setting(1000.0, "Hz", ge=50, le=10_000)

    @model_validator(mode="after")
    def _window(self) -> "Leads":
        if not 50 <= self.end - self.start <= MOST_SAMPLES:
            raise ValueError(
                f"the window from {self.start:g} to {self.end:g} ms is not 50 ms long, or over "
                f"{MOST_SAMPLES:,}"
            )
        return self

    @property
    def cells(self) -> Intracellular:
        return Intracellular(self.conductivity_along, self.conductivity_across)


class Potentials(Section):
    """Transmembrane potentials over time, for ParaView."""

    write: bool = True
    step: Positive = setting(5.0, "ms")
    start: float = setting(0.0, "ms")
    end: float = setting(500.0, "ms")

    @model_validator(mode="after")
    def _window(self) -> "Potentials":
        if not 0 <= (self.end - self.start) / self.step <= MOST_SAMPLES:
            raise ValueError(
                f"from {self.start:g} to {self.end:g} ms in steps of {self.step:g} ms are not "
                f"0 to {MOST_SAMPLES:,} steps"
            )
        return self

    @property
    def times(self) -> Float[np.ndarray, " times"]:
        """ms."""
        count = int(np.floor((self.end - self.start) / self.step + 1e-9)) + 1
        return self.start + self.step * np.arange(count)


class Settings(Section):
    """One heartbeat's settings; lengths mm, times ms, speeds mm/ms, conductivities S/m."""

    torso: Body = Body()
    conduction: Conduction = Conduction()
    endocardium: FastLayer = FastLayer()
    purkinje: Tree = Tree()
    repolarisation: Repolarisation = Repolarisation()
    ecg: Leads = Leads()
    potentials: Potentials = Potentials()
    sources: list[Source] = setting([], "in place of the bundle of His")

    @staticmethod
    def read(path: str | Path) -> "Settings":
        """From a TOML file; what it leaves out has its default."""
        values = read_toml(path)
        try:
            settings = Settings.model_validate(values)
        except ValidationError as error:
            listed = "`twin simulate --write-settings` lists them"
            raise InputError(f"{path}: {explain(error, listed)}") from None
        return settings.model_copy(update={"torso": settings.torso.beside(Path(path).absolute())})

    def write(self, path: str | Path) -> None:
        """As TOML, every setting with its unit beside it."""
        with whole_file(path) as part:
            part.write_text(self.text)

    @property
    def text(self) -> str:
        """As TOML."""
        return toml_of(self)

    @property
    def physiology(self) -> Physiology:
        speeds = (self.conduction.fibre, self.conduction.sheet, self.conduction.normal)
        return Physiology(
            speeds=speeds,
            purkinje=self.purkinje.rule,
            tree_seed=self.purkinje.seed,
            durations=self.repolarisation.gradients,
            coupling=self.repolarisation.electrotonic_length,
        )


def explain(error: ValidationError, listed: str) -> str:
    """The first fault by its place, what was found there, and what was expected; `listed` says
    where all settings are."""
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"])
    said = {
        "extra_forbidden": f"there is no such setting; {listed}",
        "value_error": str(first.get("ctx", {}).get("error", "")),
    }.get(first["type"], f"{first['msg'][:1].lower()}{first['msg'][1:]}")
    found = "" if first["type"] == "value_error" else f" is {_short(first['input'])};"
    more = len(error.errors()) - 1
    return f"{place}{found} {said}" + (f" (and {more} more faults)" if more else "")


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) < 60 else f"{text[:57]}..."


SITES: tuple[tuple[Wall, float, float], ...] = (
    ("left", 0.50, 0.83),
    ("left", 0.50, 0.63),
    ("left", 0.45, 0.05),
    ("left", 0.45, 0.33),
    ("septum", 0.40, 0.83),
    ("right", 0.35, 0.75),
    ("right", 0.45, 0.85),
)
"""Where the healthy left (four) and right (three) endocardium are activated first: mid-septal,
anterior and posterior paraseptal, lateral; right septal and free wall (docs/simulate.md)."""

EARLY_SITES = tuple(
    Source(wall=wall, apicobasal=height, rotational=angle) for wall, height, angle in SITES
)
