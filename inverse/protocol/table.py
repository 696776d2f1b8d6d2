"""The table of a protocol: JSON for programs, Markdown for readers, bars for slides."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from twin.inverse.protocol.result import Result
from twin.inverse.scores import Interval
from twin.meshes.files import whole_file

COLUMNS = {
    "hard_scar": ("hard Dice, scar", 3),
    "hard_border": ("hard Dice, border", 3),
    "soft_scar": ("soft Dice, scar", 3),
    "soft_border": ("soft Dice, border", 3),
    "hd95": ("HD95, mm", 1),
    "centre_error": ("centre, mm", 1),
    "segment_sensitivity": ("AHA sensitivity", 3),
    "segment_specificity": ("AHA specificity", 3),
    "burden_error": ("burden error, % of LV", 1),
    "false_positive": ("false positives, healthy", 3),
    "missed": ("missed infarcts", 3),
    "coverage_burden": ("coverage, burden", 3),
    "coverage_transmurality": ("coverage, transmurality", 3),
    "coverage_segments": ("coverage, segments", 3),
    "calibration_error": ("calibration error", 3),
}
"""Figures with their headings and decimals."""

BARS = ("hard_scar", "hard_border", "soft_scar", "soft_border")

ORDER = (
    "mean map",
    "template oracle",
    "signal length",
    "geometry only",
    "PAA-Net as published",
    "PAA-Net as published, ECG shuffled",
    "PAA-Net mended",
    "PAA-Net mended, ECG shuffled",
)
"""Rivals first; others follow by name, each before its shuffled self."""

Rows = Mapping[str, Mapping[str, Interval]]


@dataclass(frozen=True, eq=False)
class Table:
    """Intervals are 95 %, over anatomies."""

    protocol: str
    cases: int
    anatomies: int
    rows: Rows

    @staticmethod
    def of(protocol: str, results: Sequence[Result]) -> "Table":
        names = [one.name for one in results]
        ordered = sorted(results, key=lambda one: (_place(one.name), names.index(one.name)))
        cases = len(results[0].figures) if results else 0
        anatomies = len(np.unique(results[0].anatomies)) if results else 0
        return Table(protocol, cases, anatomies, {one.name: one.summary() for one in ordered})

    def write(self, folder: str | Path) -> None:
        """table.json, table.md and table.png."""
        folder = Path(folder)
        with whole_file(folder / "table.json") as part:
            part.write_text(json.dumps(self.as_json(), indent=1, allow_nan=False))
        with whole_file(folder / "table.md") as part:
            part.write_text(self.markdown())
        figure = self.figure()
        with whole_file(folder / "table.png") as part:
            # Nothing in the file tells of the program, so that the same table gives the same bytes.
            figure.savefig(part, dpi=150, metadata={"Software": None})

    def as_json(self) -> dict[str, object]:
        rows = [
            {"name": name, "figures": {k: _finite(v) for k, v in figures.items()}}
            for name, figures in self.rows.items()
        ]
        head = {"protocol": self.protocol, "test_cases": self.cases}
        return {**head, "test_anatomies": self.anatomies, "interval": 0.95, "rows": rows}

    def markdown(self) -> str:
        shown = [name for name in COLUMNS if any(name in row for row in self.rows.values())]
        lines = [
            f"Protocol {self.protocol}: {self.cases:,} test cases of {self.anatomies:,} anatomies; "
            "mean [95 % interval over anatomies].",
            "",
            "| | " + " | ".join(COLUMNS[name][0] for name in shown) + " |",
            "|---" * (len(shown) + 1) + "|",
        ]
        for name, row in self.rows.items():
            cells = [_cell(row.get(figure), COLUMNS[figure][1]) for figure in shown]
            lines.append(f"| {name} | " + " | ".join(cells) + " |")
        return "\n".join(lines) + "\n"

    def figure(self) -> Figure:
        """Dice of each row as bars with their intervals."""
        figure = Figure(figsize=(11, 2 + 0.7 * len(self.rows)), layout="constrained")
        FigureCanvasAgg(figure)
        panels = figure.subplots(2, 2, sharex=True, sharey=True)
        for axes, name in zip(panels.ravel(), BARS, strict=True):
            self._draw_bars(axes, name)
        figure.suptitle(f"Protocol {self.protocol}: Dice, with 95 % intervals over anatomies")
        return figure

    def _draw_bars(self, axes, name: str) -> None:
        unknown = Interval(np.nan, np.nan, np.nan)
        found = [row.get(name, unknown) for row in self.rows.values()]
        means = np.array([one.mean for one in found])
        ends = np.array([[one.low for one in found], [one.high for one in found]])
        away = np.nan_to_num(np.abs(ends - means))
        colours = ["tab:blue" if "shuffled" not in row else "lightsteelblue" for row in self.rows]
        places = np.arange(len(found))
        axes.barh(places, np.nan_to_num(means), xerr=away, color=colours, capsize=2)
        axes.set_yticks(places, list(self.rows))
        axes.set(title=COLUMNS[name][0], xlim=(0, 1))
        axes.set_ylim(len(found) - 0.4, -0.6)
        axes.grid(axis="x", linewidth=0.4)


def _place(name: str) -> tuple[int, str]:
    return (ORDER.index(name), "") if name in ORDER else (len(ORDER), name)


def _finite(interval: Interval) -> dict[str, float | None]:
    """JSON has no NaN."""
    return {k: v if np.isfinite(v) else None for k, v in asdict(interval).items()}


def _cell(interval: Interval | None, decimals: int) -> str:
    if interval is None or not np.isfinite(interval.mean):
        return "–"
    mean, low, high = (f"{v:.{decimals}f}" for v in (interval.mean, interval.low, interval.high))
    return f"{mean} [{low}, {high}]"
