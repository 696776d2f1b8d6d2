"""Tables of text: with or without a header, leads in columns or in rows.

Ours: comment lines `# rate 500 Hz` and `# unit mV`, then a header `time_ms,I,II,...` and one row a
sample. The layouts of other groups are told by the file's name.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from twin.meshes.errors import InputError
from twin.meshes.files import whole_file
from twin.simulation.ecg import ECG
from twin.simulation.leads import INDEPENDENT, STANDARD, is_known
from twin.simulation.recording.files.recording import MOST_LEADS, Format, Recording

MOST_BYTES = 2**28

_TIME = re.compile(r"^(time|t|timestamp)[\s_(\[/]*(ms|s|sec|seconds|milliseconds)?[)\]]?$", re.I)
_INDEX = re.compile(r"^(|sample|index|#|nr|no|n|unnamed.*)$", re.I)
_BRACKETED = re.compile(r"^(.+?)\s*[(\[]\s*([^\s)\]]+)\s*[)\]]$")
# V alone is no suffix: aV would be a lead called a, in volts.
_SUFFIXED = re.compile(r"^(.+?)\s*[/_]\s*(mV|uV|[µμ]V|nV)$", re.I)
_DECLARED = re.compile(r"(rate|unit)\W+(\S+)", re.I)


@dataclass(frozen=True)
class _Layout:
    """How another group writes its tables: leads, rate in Hz, and columns that are no samples."""

    pattern: re.Pattern
    said: str
    rate: float | None
    skipped_columns: int = 0


_LAYOUTS = (
    _Layout(re.compile(r"_full_ecg_UKB_raw_8leads\.csv$", re.I), "Li, UK Biobank", None, 1),
    _Layout(re.compile(r"_simulated_ECG_\w+\.csv$", re.I), "Li, simulated", 1000.0),
    _Layout(re.compile(r"_clinical_(full|qrs)_ecg\.csv$", re.I), "Oxford", 1000.0),
)


def read(path: Path) -> Recording:
    """The table's leads in whatever unit they are in."""
    declared, header, table = _read_table(path)
    layout = next((known for known in _LAYOUTS if known.pattern.search(path.name)), None)
    if header is not None:
        recording = _with_header(header, table)
    else:
        recording = _without_header(table, layout)
    rate = _declared_rate(declared) or recording.rate
    units = [declared["unit"]] * len(recording.signals) if "unit" in declared else recording.units
    return replace(recording, rate=rate, units=units, provenance={"format": "CSV"})


def write(ecg: ECG, path: Path) -> None:
    """One row a sample; seven digits of mV."""
    head = f"rate {ecg.rate:.12g} Hz\nunit mV\n"
    names = ",".join(("time_ms", *ecg.leads))
    table = np.column_stack([ecg.times, ecg.signals.T])
    formats = ["%.10g"] + ["%.7g"] * len(ecg.leads)
    with whole_file(path) as part, open(part, "w", encoding="utf-8") as file:
        file.writelines(f"# {line}\n" for line in head.splitlines())
        np.savetxt(file, table, fmt=formats, delimiter=",", header=names, comments="")


def _read_table(path: Path) -> tuple[dict[str, str], list[str] | None, np.ndarray]:
    """What comments declare, the header's names, and the numbers; an empty field is NaN."""
    if (size := path.stat().st_size) > MOST_BYTES:
        raise InputError(f"{size:,} bytes of text; expected under {MOST_BYTES:,}")
    content = path.read_bytes()
    if b"\0" in content[:4096]:
        raise InputError("this is not a table of text")
    text = content.decode("utf-8-sig", "replace")
    numbered = [(i, line.strip()) for i, line in enumerate(text.splitlines(), 1) if line.strip()]
    comments = [line for _, line in numbered if line.startswith("#")]
    rows = [(i, line) for i, line in numbered if not line.startswith("#")]
    if not rows:
        raise InputError("the table is empty")
    declared = {m[1].lower(): m[2] for line in comments for m in _DECLARED.finditer(line)}
    fields = _splitter([line for _, line in rows[:2]])
    first = fields(rows[0][1])
    if all(_is_number(field) for field in first):
        return declared, None, _numbers(rows, fields)
    if len(rows) > 1 and len(first) > 1 and all(_is_number(field) for field in first[1:]):
        return declared, *_named_rows(rows, fields)
    return declared, first, _numbers(rows[1:], fields)


def _splitter(lines: Sequence[str]) -> Callable[[str], list[str]]:
    """How a line falls into fields. Between semicolons a comma is a decimal point."""
    line = lines[0]
    if ";" in line:
        return lambda text: [field.strip().replace(",", ".") for field in text.split(";")]
    for separator in (",", "\t"):
        if separator in line:
            return lambda text: [field.strip().strip('"') for field in text.split(separator)]
    alike = len({len(line.split()) for line in lines}) == 1
    return str.split if alike else lambda text: [text.strip()]


def _numbers(rows: Sequence[tuple[int, str]], fields: Callable[[str], list[str]]) -> np.ndarray:
    if not rows:
        raise InputError("the table has a header and no rows")
    width, table = len(fields(rows[0][1])), []
    for number, line in rows:
        words = fields(line)
        if len(words) != width:
            raise InputError(f"line {number} has {len(words)} fields, expected {width}")
        try:
            table.append([float(word) if word else np.nan for word in words])
        except ValueError as error:
            wrong = next(word for word in words if not _is_number(word))
            raise InputError(f"line {number}: {wrong[:40]!r} is not a number") from error
    return np.array(table)


def _named_rows(
    rows: Sequence[tuple[int, str]], fields: Callable[[str], list[str]]
) -> tuple[list[str], np.ndarray]:
    """Each line is a lead that begins with its name; turned so that leads are columns."""
    names = [fields(line)[0] for _, line in rows]
    rest = [(number, " ".join(w or "nan" for w in fields(line)[1:])) for number, line in rows]
    return names, _numbers(rest, str.split).T


def _is_number(text: str) -> bool:
    try:
        float(text or "nan")
    except ValueError:
        return False
    return True


def _with_header(header: list[str], table: np.ndarray) -> Recording:
    if len(header) != table.shape[1]:
        raise InputError(f"{len(header)} names in the header over {table.shape[1]} columns")
    rate, names, units, columns = None, [], [], []
    for name, column in zip(header, table.T, strict=True):
        if timed := _TIME.match(name):
            rate = _rate_of(column, timed[2])
        elif not _INDEX.match(name):
            lead, unit = _split_unit(name)
            names.append(lead)
            units.append(unit)
            columns.append(column)
    if not 1 <= len(columns) <= MOST_LEADS:
        raise InputError(f"{len(columns)} leads in the table; expected 1 to {MOST_LEADS}")
    return Recording(np.array(columns), names, rate, units if any(units) else None)


def _split_unit(name: str) -> tuple[str, str | None]:
    match = _BRACKETED.match(name) or _SUFFIXED.match(name)
    return (match[1], match[2]) if match and is_known(match[1]) else (name, None)


def _rate_of(times: np.ndarray, unit: str | None) -> float:
    """Hz, from equal steps of time."""
    steps = np.diff(times)
    step = float(np.median(steps)) if len(steps) else 0.0
    if not np.isfinite(times).all() or step <= 0 or np.abs(steps - step).max() > 0.05 * step:
        raise InputError("the time column does not rise in equal steps; resample to a fixed rate")
    step = float(times[-1] - times[0]) / len(steps)
    # Without a unit: an ECG's sampling interval is 0.5-10 ms, never 0.5-10 s.
    milliseconds = unit.lower().startswith("m") if unit else step >= 0.1
    return float(f"{(1000 if milliseconds else 1) / step:.7g}")


def _declared_rate(declared: dict[str, str]) -> float | None:
    if "rate" not in declared:
        return None
    try:
        return float(declared["rate"])
    except ValueError as error:
        raise InputError(f"the comment says rate {declared['rate']!r}; expected Hz") from error


def _without_header(table: np.ndarray, layout: _Layout | None) -> Recording:
    if layout:
        table = table[:, layout.skipped_columns :]
    table, remarks = _drop_index(table)
    signals = table if table.shape[0] <= table.shape[1] else table.T
    if len(signals) == 1:
        signals, remarks = _unfold(signals[0], layout), (*remarks, "one row: lead after lead")
    signals = signals[:, np.isfinite(signals).any(axis=0)]
    names: Sequence[str] | None = {8: INDEPENDENT, 12: STANDARD}.get(len(signals))
    if layout and len(signals) != len(INDEPENDENT):
        raise InputError(f"{len(signals)} leads in the layout {layout.said}; expected 8")
    if len(signals) > MOST_LEADS:
        raise InputError(f"a table of {table.shape[0]:,} by {table.shape[1]:,} is no ECG")
    if names:
        remarks = (*remarks, f"no lead names in the file: taken as {' '.join(names)}")
    if layout and layout.rate:
        remarks = (*remarks, f"{layout.rate:g} Hz, as in the layout {layout.said}")
    return Recording(signals, names, layout.rate if layout else None, None, remarks)


def _drop_index(table: np.ndarray) -> tuple[np.ndarray, tuple[str, ...]]:
    """Without a first column or row that only counts."""
    for axis, said in ((0, "column"), (1, "row")):
        line = table[:, 0] if axis == 0 else table[0]
        if len(line) > 10 and np.array_equal(np.diff(line[1:]), np.ones(len(line) - 2)):
            rest = table[:, 1:] if axis == 0 else table[1:]
            if rest.size:
                return rest, (f"the first {said} only counts and was left out",)
    return table, ()


def _unfold(row: np.ndarray, layout: _Layout | None) -> np.ndarray:
    for leads in (len(INDEPENDENT), len(STANDARD)):
        if len(row) % leads == 0 and len(row) >= 50 * leads and (layout is None or leads == 8):
            return row.reshape(leads, -1)
    raise InputError(f"one row of {len(row):,} numbers is not 8 or 12 leads one after another")


FORMAT = Format("CSV", (".csv", ".txt", ".tsv"), lambda start: False, read, write)
