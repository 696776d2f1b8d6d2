"""One case's infarct and how its tissue works, drawn from the recipe."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from twin.meshes.heart import Heart
from twin.simulation.infarct import Infarct, Zone
from twin.simulation.infarction.border_zone import BorderZone
from twin.simulation.infarction.physiology import InfarctPhysiology
from twin.simulation.infarction.places import Anywhere
from twin.simulation.infarction.published import sample_published
from twin.simulation.recruitment.recipe import PLACES, Infarcts
from twin.simulation.recruitment.spread import Spread
from twin.simulation.tissue import Tissue


@dataclass(frozen=True, eq=False)
class Illness:
    """An infarct, or none, and what it does to conduction and repolarisation."""

    heart: Heart
    infarct: Infarct
    physiology: InfarctPhysiology
    asked: dict[str, float]

    @staticmethod
    def draw(heart: Heart, rule: Infarcts, index: int, seed: int) -> "Illness":
        """Of a heart's case number `index` and its seed."""
        random = np.random.default_rng([seed, 10])
        if rule.where == "places":
            border = BorderZone(rule.border_width.draw(random), irregularity=0.0)
            infarct, asked = _published(heart, index, seed, border)
        else:
            infarct, asked = _anywhere(heart, rule, random, seed)
        duration = rule.acute_duration if infarct.acute else rule.chronic_duration
        physiology = InfarctPhysiology(
            core=rule.core,
            core_speed=rule.core_speed.draw(random),
            border_speed=rule.border_speed.draw(random),
            border_duration=duration.draw(random),
        )
        return Illness(heart, infarct, physiology, asked)

    @property
    def dead_nodes(self) -> Bool[np.ndarray, " points"]:
        """Where the Purkinje tree is dead: in a core that does not conduct."""
        return (self.infarct.zones == Zone.SCAR) & (not self.physiology.conducts)

    def tissue(self, speeds: Float[np.ndarray, " 3"]) -> Tissue:
        """From speeds along fibre, sheet and normal in health, mm/ms."""
        return self.physiology.tissue(Tissue.healthy(self.heart, *speeds), self.infarct, self.heart)

    def durations(self, healthy: Float[np.ndarray, " points"]) -> Float[np.ndarray, " points"]:
        """ms, from those in health."""
        return self.physiology.durations(healthy, self.infarct)

    @property
    def draws(self) -> dict[str, float]:
        """By name, fit for a table."""
        return {
            **self.asked,
            "acute": float(self.infarct.acute),
            "core_speed_factor": self.physiology.core_speed,
            "border_speed_factor": self.physiology.border_speed,
            "border_duration_factor": self.physiology.border_duration,
        }

    @property
    def summary(self) -> dict[str, float]:
        """What came of it, by name: shares of mass, of the left ventricle where none is named."""
        found = self.infarct.describe(self.heart)
        segments = {f"segment_{k:02d}_scar": v for k, v in found.segments_scar.items()}
        return {
            "scar": found.scar,
            "scar_grams": found.scar_grams,
            "border": found.border,
            "right_scar": found.right_scar,
            "transmurality": found.transmurality,
            "compactness": found.compactness,
            "pieces": float(found.pieces),
            **segments,
        }


def _published(heart: Heart, index: int, seed: int, border: BorderZone):
    """Number `index` of the sixteen, or health after them."""
    number = index % PLACES
    if number == PLACES - 1:
        return Infarct.none(heart), {"place": float(number)}
    return sample_published(heart, number, seed, border), {"place": float(number)}


def _anywhere(heart: Heart, rule: Infarcts, random: np.random.Generator, seed: int):
    """A random infarct, or none."""
    healthy, second, right, acute = random.uniform(size=4)
    right_mass, width = rule.right_mass.draw(random), rule.border_width.draw(random)
    if healthy < rule.healthy:
        return Infarct.none(heart), {"infarcts": 0.0}
    places = (Anywhere(), Anywhere())[: 1 + (second < rule.second)]
    infarct = Infarct.sample(
        heart,
        seed,
        place=places,
        mass=_range(rule.mass),
        transmurality=_range(rule.transmurality),
        right=right_mass if right < rule.right else 0.0,
        acute=bool(acute < rule.acute),
        border=BorderZone(width),
    )
    asked = {
        "infarcts": float(len(places)),
        "asked_mass": infarct.provenance["mass"],
        "asked_transmurality": infarct.provenance["transmurality"],
        "asked_right": infarct.provenance["right"],
        "border_width_mm": width,
    }
    return infarct, asked


def _range(spread: Spread) -> tuple[float, float]:
    return spread.least, spread.most
