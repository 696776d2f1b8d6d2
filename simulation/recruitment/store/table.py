"""What is known of each case in a number or a word, as columns."""

import csv
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from twin.meshes.errors import InputError
from twin.meshes.files import whole_file

if TYPE_CHECKING:
    from twin.simulation.cohort import Cohort


def table_of(cohort: "Cohort") -> dict[str, np.ndarray]:
    """A row a case, in the cohort's order; NaN and empty words where a case has no such thing."""
    patients = cohort.patients
    pieces = [_piece(cohort, patients, store, shard) for store, shard in _shards(cohort)]
    names = list(dict.fromkeys(name for piece in pieces for name in piece))
    places = np.concatenate([piece["place"] for piece in pieces]) if pieces else np.zeros(0, int)
    order = np.argsort(places)
    columns = {name: _joined([_column(piece, name) for piece in pieces]) for name in names}
    return {name: values[order] for name, values in columns.items() if name != "place"}


def write_table(cohort: "Cohort", path: str | Path) -> None:
    """As .csv, or .parquet where pyarrow is installed."""
    path = Path(path)
    if path.suffix not in (".csv", ".parquet"):
        raise InputError(f"{path}: a table is a .csv or a .parquet")
    if path.suffix == ".parquet":
        table = cohort.arrow()
        from pyarrow import parquet

        with whole_file(path) as part:
            parquet.write_table(table, part)
        return
    columns = cohort.table()
    with whole_file(path) as part, open(part, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(zip(*(values.tolist() for values in columns.values()), strict=True))


def _shards(cohort: "Cohort") -> list[tuple[int, int]]:
    return [tuple(pair) for pair in np.unique(cohort.cases[:, :2], axis=0).tolist()]


def _piece(cohort: "Cohort", patients: np.ndarray, store: int, shard: int) -> dict[str, np.ndarray]:
    """The cohort's rows of one shard, with their place in the cohort."""
    places = np.flatnonzero((cohort.cases[:, 0] == store) & (cohort.cases[:, 1] == shard))
    rows = cohort.cases[places, 2]
    kept = cohort.stores[store].read(shard, lambda opened: opened.columns)
    own = {
        "place": places,
        "case": kept[""]["case"][rows],
        "seed": kept[""]["seed"][rows],
        "patient": patients[places],
        "healthy": kept[""]["healthy"][rows].astype(bool),
    }
    summary = {name: values[rows] for name, values in kept["summary"].items()}
    drawn = {f"drawn_{name}": values[rows] for name, values in kept["draws"].items()}
    return own | summary | drawn


def _column(piece: dict[str, np.ndarray], name: str) -> np.ndarray:
    return piece[name] if name in piece else np.full(len(piece["place"]), np.nan)


def _joined(columns: list) -> np.ndarray:
    """Pieces without the column have NaN, which among words is the empty one."""
    words = any(column.dtype.kind == "U" for column in columns)
    if words:
        columns = [c if c.dtype.kind == "U" else np.full(len(c), "") for c in columns]
    return np.concatenate(columns)
