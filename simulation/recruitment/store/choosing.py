"""Cases by their places, or by what the table says of them."""

import operator
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Bool, Int

from twin.meshes.errors import InputError

if TYPE_CHECKING:
    from twin.simulation.cohort import Cohort

COMPARISONS = {
    "<=": operator.le,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    ">": operator.gt,
}
CONDITION = re.compile(r"\s*(\w+)\s*(<=|>=|==|!=|<|>)\s*(\S+)\s*")


def chosen_cases(
    cohort: "Cohort", places: str | None, conditions: Sequence[str]
) -> Int[np.ndarray, " cases"]:
    """Those at `places` ("0-99,200"; all if None) for which every condition holds."""
    chosen = np.arange(len(cohort)) if places is None else _places(places, len(cohort))
    columns = cohort.table() if conditions else {}
    for condition in conditions:
        chosen = chosen[_holds(condition, columns)[chosen]]
    if not len(chosen):
        raise InputError(f"no case of {len(cohort):,} is chosen; ask for less")
    return chosen


def _places(text: str, count: int) -> Int[np.ndarray, " cases"]:
    chosen: list[int] = []
    for part in text.split(","):
        first, _, last = part.strip().partition("-")
        if not first.isdigit() or not (last or first).isdigit():
            raise InputError(f"cases '{part}': expected places such as 0-99,200")
        chosen += range(int(first), int(last or first) + 1)
        if chosen[-1:] and chosen[-1] >= count:
            raise InputError(f"cases '{part}': the cohort has 0 to {count - 1}")
    return np.array(chosen, np.int64)


def _holds(condition: str, columns: dict[str, np.ndarray]) -> Bool[np.ndarray, " cases"]:
    found = CONDITION.fullmatch(condition)
    if not found:
        raise InputError(f"condition '{condition}': expected a column and a value, as healthy==0")
    name, comparison, value = found.groups()
    if name not in columns:
        raise InputError(f"there is no column '{name}'; there are: {', '.join(columns)}")
    column = columns[name]
    try:
        wanted = value if column.dtype.kind == "U" else float(value)
    except ValueError:
        raise InputError(f"condition '{condition}': {name} is a number") from None
    return COMPARISONS[comparison](column, wanted)
