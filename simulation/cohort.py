"""A virtual cohort: many cases of heart, infarct and ECG in a folder, read when asked for."""

from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

import numpy as np
from jaxtyping import Int

from twin.meshes.errors import InputError
from twin.meshes.progress import Progress, silent
from twin.simulation.recruitment.plan import CASES_PER_SHARD, Plan
from twin.simulation.recruitment.store.batch import Batch, read_batch
from twin.simulation.recruitment.store.checking import Fault, faults_of
from twin.simulation.recruitment.store.splitting import parts_by_patient
from twin.simulation.recruitment.store.store import Store
from twin.simulation.recruitment.store.stored_case import StoredCase
from twin.simulation.recruitment.store.table import table_of

if TYPE_CHECKING:
    import pandas
    import pyarrow
    import torch.utils.data

    from twin.simulation.recruitment.recipe import Recipe

Cases = Int[np.ndarray, "cases 4"]


class Cohort(Sequence[StoredCase]):
    """Cases in the order of their numbers. `cohort[3].ecg`, `.infarct`, `.heart`, `.draws`,
    `.summary` are read from disk at that moment; a cohort itself is small, however many it has.

    Also a part of a folder (`subset`, `split`) or several together (`merge`); `write` makes one of
    these a folder of its own. Each row of `cases` is: store, shard, row, anatomy.
    """

    def __init__(self, stores: Sequence[Store], cases: Cases) -> None:
        self.stores, self.cases = tuple(stores), cases

    @staticmethod
    def open(folder: str | Path) -> "Cohort":
        """What of it has been made: a run need not have finished."""
        store = Store(Path(folder).absolute())
        first = np.zeros((len(store.rows), 1), np.int64)
        return Cohort([store], np.hstack([first, store.rows]))

    @staticmethod
    def make(
        recipe: "str | Path | Recipe",
        count: int | None = None,
        folder: str | Path = "cohort",
        *,
        seed: int = 0,
        workers: int | None = None,
        cluster: str | None = None,
        options: Mapping[str, Any] | None = None,
        cases_per_shard: int = CASES_PER_SHARD,
        progress: Progress = silent,
    ) -> "Cohort":
        """`count` cases of `recipe` (a file, a name, or read), by one worker process a core, or
        `cluster`: "slurm", "dask". Called again after whatever interruption it makes what is
        missing; the finished cohort is the same bits. A file holds `cases_per_shard`: what a
        killed worker loses."""
        from twin.simulation.recruitment.crowds.crowd import crowd_of
        from twin.simulation.recruitment.crowds.making import make_cohort
        from twin.simulation.recruitment.recipe import Recipe

        read = recipe if isinstance(recipe, Recipe) else Recipe.read(recipe)
        plan = Plan(read, read.cases if count is None else count, seed, cases_per_shard)
        make_cohort(plan, Path(folder), workers, crowd_of(cluster, options or {}), progress)
        return Cohort.open(folder)

    @staticmethod
    def merge(*cohorts: "Cohort") -> "Cohort":
        """All cases of one after the other."""
        if not cohorts:
            raise InputError("no cohort to merge; name at least one")
        firsts = np.cumsum([0, *(len(cohort.stores) for cohort in cohorts)])
        shift = [1, 0, 0, 0]
        cases = [
            c.cases + first * np.array(shift) for c, first in zip(cohorts, firsts, strict=False)
        ]
        return Cohort([store for c in cohorts for store in c.stores], np.vstack(cases))

    def subset(self, cases: "Sequence[int] | slice | np.ndarray") -> "Cohort":
        """Only these, by their place here, or by a mask, in the order given."""
        chosen = np.arange(len(self))[np.asarray(cases) if not isinstance(cases, slice) else cases]
        if len(np.unique(chosen)) != len(chosen):
            raise InputError("a case is named twice; name each once")
        return Cohort(self.stores, self.cases[chosen])

    def split(
        self, shares: Sequence[float] = (0.7, 0.15, 0.15), seed: int = 0
    ) -> tuple["Cohort", ...]:
        """Parts that share no patient, of about these shares of the patients."""
        parts = parts_by_patient(self.patients, shares, seed)
        return tuple(self.subset(part) for part in parts)

    def write(self, folder: str | Path, progress: Progress = silent) -> "Cohort":
        """As a folder of its own, its cases numbered anew."""
        from twin.simulation.recruitment.store.copying import write_cohort

        write_cohort(self, Path(folder).absolute(), progress)
        return Cohort.open(folder)

    def batch(self, cases: "Sequence[int] | np.ndarray") -> Batch:
        """Several at once, in the order given; the fastest way to read."""
        return read_batch(self.stores, self.cases[np.asarray(cases, dtype=np.int64)])

    @property
    def patients(self) -> Int[np.ndarray, " cases"]:
        """A number for each case's heart: the same heart has the same in whichever cohort."""
        known = [{e.anatomy: e.patient for e in store.of_kind("anatomy")} for store in self.stores]
        return np.array([known[s][a] for s, a in self.cases[:, [0, 3]].tolist()], np.int64)

    @property
    def failures(self) -> Mapping[int, str]:
        """Planned cases that could not be made, by number, with the reason (of a single folder)."""
        return {c: why for e in self.stores[0].of_kind("shard") for c, why in e.failures.items()}

    def table(self) -> dict[str, np.ndarray]:
        """A column each: case, seed, patient, healthy, what was measured, and `drawn_` what was
        drawn."""
        return table_of(self)

    def frame(self) -> "pandas.DataFrame":
        """`table` for pandas."""
        return _needed("pandas").DataFrame(self.table())

    def arrow(self) -> "pyarrow.Table":
        """`table` for Arrow."""
        return _needed("pyarrow").table(self.table())

    def torch_dataset(self, **options) -> "torch.utils.data.Dataset":
        """For a torch `DataLoader`; see `torch_cases.TorchCases`."""
        from twin.simulation.recruitment.store.torch_cases import TorchCases

        return TorchCases(self, **options)

    def export(self, case: int, folder: str | Path) -> None:
        """One case as files that other programs open; see `exporting.export_case`."""
        from twin.simulation.recruitment.store.exporting import export_case

        export_case(self[case], Path(folder))

    def check(self, progress: Progress = silent) -> list[Fault]:
        """What is missing, damaged or not as it was written; empty if all is well."""
        return [fault for store in self.stores for fault in faults_of(store, progress)]

    @overload
    def __getitem__(self, index: int) -> StoredCase: ...
    @overload
    def __getitem__(self, index: slice) -> "Cohort": ...
    def __getitem__(self, index: int | slice) -> "StoredCase | Cohort":
        if isinstance(index, slice):
            return self.subset(index)
        if not -len(self) <= index < len(self):
            raise IndexError(f"case {index} of {len(self):,}")
        store, shard, row, anatomy = self.cases[index].tolist()
        return StoredCase(self.stores[store], shard, row, anatomy)

    def __len__(self) -> int:
        return len(self.cases)

    def __iter__(self) -> Iterator[StoredCase]:
        return (self[index] for index in range(len(self)))

    def __repr__(self) -> str:
        folders = ", ".join(str(store.folder) for store in self.stores)
        patients = len(np.unique(self.cases[:, [0, 3]], axis=0))
        return f"Cohort({len(self):,} cases of {patients:,} patients, {folders})"


def _needed(name: str) -> Any:
    try:
        return import_module(name)
    except ImportError:
        raise InputError(
            f"{name} is not installed: pip install 'twin[tables]'; `table()` and `twin cohort "
            "table` do without"
        ) from None
