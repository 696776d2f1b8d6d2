"""How a quantity varies from patient to patient or from case to case, as a recipe says it."""

from typing import Annotated, Any

import numpy as np
from pydantic import BeforeValidator, model_validator

from twin.simulation.settings import Section

FARTHEST = 2.5
"""Standard deviations; a normal spread without bounds ends there."""


class Spread(Section):
    """`{low, high}` is even between them; `{mean, sd}` is normal, and `low` and `high` cut it off;
    a single number does not vary."""

    mean: float | None = None
    sd: float = 0.0
    low: float | None = None
    high: float | None = None

    @model_validator(mode="after")
    def _complete(self) -> "Spread":
        if self.mean is None and (self.low is None or self.high is None or self.sd):
            raise ValueError("a spread is a number, or {low, high}, or {mean, sd}")
        if self.sd < 0:
            raise ValueError(f"the sd is {self.sd:g}, expected 0 or more")
        if self.least > self.most:
            raise ValueError(f"low {self.least:g} is above high {self.most:g}")
        return self

    @property
    def least(self) -> float:
        if self.low is not None:
            return self.low
        return (self.mean or 0.0) - FARTHEST * self.sd

    @property
    def most(self) -> float:
        if self.high is not None:
            return self.high
        return (self.mean or 0.0) + FARTHEST * self.sd

    def draw(self, random: np.random.Generator) -> float:
        """One value; every spread takes one number from `random`, so that a spread that is changed
        leaves the draws after it as they were."""
        position = random.standard_normal()
        if self.mean is not None:
            return float(np.clip(self.mean + self.sd * position, self.least, self.most))
        share = _normal_rank(position)
        return self.least + (self.most - self.least) * share


def _normal_rank(position: float) -> float:
    """Share of a standard normal population below `position`."""
    from scipy.special import ndtr

    return float(ndtr(position))


def _of_number(value: Any) -> Any:
    return {"mean": float(value)} if isinstance(value, int | float) else value


Varied = Annotated[Spread, BeforeValidator(_of_number)]
"""A spread, which TOML may give as a number."""


def constant(value: float) -> Spread:
    return Spread(mean=value)
