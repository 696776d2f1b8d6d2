"""What an examination found: faults named, counted, located, with what repairs them."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, TypeVar

import numpy as np


class Severity(StrEnum):
    """An error stands in the way of building a heart; a warning does not."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True)
class Finding:
    """One kind of fault, found `count` times among `total` of a mesh's `parts`.

    `first` locates the first one: the number of the point or element, or the node numbers of an
    edge or face; `place` is where that is, in mm. `remedy` says what repairs it, or, once it is
    mended, what was done.
    """

    name: str
    count: int
    total: int
    parts: str
    first: tuple[int, ...]
    place: tuple[float, ...]
    severity: Severity
    meaning: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.severity}: {self.name}: {self.amount}. {self.meaning} {self.remedy}"

    @property
    def amount(self) -> str:
        """How many there are and where the first one is."""
        amount = f"{self.count:,} of {self.total:,} {self.parts}"
        first = "-".join(f"{number:,}" for number in self.first)
        where = ", ".join(f"{coordinate:.1f}" for coordinate in self.place)
        known = [first] if first else []
        known += [f"at ({where}) mm"] if where else []
        return f"{amount} (first: {' '.join(known)})" if known else amount


Mesh = TypeVar("Mesh")


@dataclass(frozen=True)
class Fault(Generic[Mesh]):
    """A kind of fault and how to find it.

    `find` gives the numbers of the faulty parts, or rows of node numbers where the parts have no
    numbers of their own (edges, faces). Once a `gate` is shut only other gates can be examined.
    `{repair}` in a remedy stands for the command that repairs.
    """

    name: str
    parts: str
    find: Callable[[Mesh], np.ndarray]
    meaning: str | Callable[[Mesh], str]
    remedy: str
    severity: Severity = Severity.ERROR
    gate: bool = False


def examine(mesh, faults: Iterable[Fault], file: str) -> list[Finding]:
    """The findings in the order of `faults`, as far as the gates let one look.

    `mesh` answers `locate(parts, first)` with a place and `total(parts)` with their number.
    """
    findings: list[Finding] = []
    shut = False
    for fault in faults:
        if shut and not fault.gate:
            break
        found = fault.find(mesh)
        if len(found) == 0:
            continue
        first = tuple(int(number) for number in np.atleast_1d(found[0]))
        findings.append(
            Finding(
                name=fault.name,
                count=len(found),
                total=mesh.total(fault.parts),
                parts=fault.parts,
                first=first,
                place=tuple(float(value) for value in mesh.locate(fault.parts, first)),
                severity=fault.severity,
                meaning=fault.meaning if isinstance(fault.meaning, str) else fault.meaning(mesh),
                remedy=fault.remedy.format(repair=f"`twin mesh repair {file}`", file=file),
            )
        )
        shut = shut or fault.gate
    return findings
