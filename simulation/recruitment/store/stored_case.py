"""One case of a cohort, read when it is asked for."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Int

from twin.meshes.heart import Heart
from twin.simulation.ecg import ECG, standard_ecg
from twin.simulation.recruitment.store.store import Store

if TYPE_CHECKING:
    from twin.simulation.infarct import Infarct
    from twin.simulation.recruitment.people.patient import Patient


@dataclass(frozen=True, eq=False)
class StoredCase:
    """Where a case lies: a row of a shard of a store, on an anatomy."""

    store: Store
    shard: int
    row: int
    anatomy: int

    @property
    def number(self) -> int:
        """In the cohort it was made in."""
        return int(self._columns["case"][self.row])

    @property
    def seed(self) -> int:
        return int(self._columns["seed"][self.row])

    @property
    def healthy(self) -> bool:
        return bool(self._columns["healthy"][self.row])

    @cached_property
    def draws(self) -> Mapping[str, float | str]:
        """The parameters that were drawn; NaN where the case has no such thing."""
        return self._row_of("draws")

    @cached_property
    def summary(self) -> Mapping[str, float | str]:
        """What became of it: masses, extents, and the ECG's measures."""
        return self._row_of("summary")

    @cached_property
    def zones(self) -> Int[np.ndarray, " points"]:
        """`Zone` of each node of the heart."""
        return self.raw("zones")

    def raw(self, name: str) -> np.ndarray:
        """`zones`, `ecg` or `clean` as they are stored."""
        return self.store.read(self.shard, lambda shard: shard.rows[name].read(self.row))

    @property
    def window(self) -> tuple[float, float]:
        """Rate in Hz, and start in ms."""
        return self.store.read(self.shard, lambda shard: (shard.rate, shard.start))

    @cached_property
    def ecg(self) -> ECG:
        """Twelve leads, as recorded."""
        return self._ecg("ecg")

    @cached_property
    def clean(self) -> ECG:
        """The same beat without noise, filters and misjudged onset."""
        return self._ecg("clean")

    @property
    def infarct(self) -> "Infarct":
        from twin.simulation.infarct import Infarct

        acute = bool(self.draws.get("acute", 0.0) == 1.0)
        return Infarct(self.zones, acute=acute, provenance=self._origin)

    @property
    def heart(self) -> Heart:
        return self.store.heart(self.anatomy)

    @property
    def patient(self) -> "Patient":
        """Heart, lead field, and what the heart does in health."""
        return self.store.patient(self.anatomy)

    @property
    def _columns(self) -> Mapping[str, np.ndarray]:
        return self.store.read(self.shard, lambda shard: shard.columns)[""]

    def _row_of(self, kind: str) -> Mapping[str, float | str]:
        columns = self.store.read(self.shard, lambda shard: shard.columns)[kind]
        return {name: values[self.row].item() for name, values in columns.items()}

    def _ecg(self, name: str) -> ECG:
        signals = self.store.read(self.shard, lambda shard: shard.signals(name, self.row))
        rate, _ = self.window
        leads = self.store.read(self.shard, lambda shard: shard.leads)
        return standard_ecg(signals, rate, leads, provenance=self._origin)

    @property
    def _origin(self) -> Mapping[str, object]:
        return {"cohort": str(self.store.folder), "case": self.number, "seed": self.seed}

    def __repr__(self) -> str:
        what = "healthy" if self.healthy else "infarct"
        return f"StoredCase({self.number}, {what}, anatomy {self.anatomy})"
