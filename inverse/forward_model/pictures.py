"""Pictures of how well forward models answer."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from twin.inverse.forward_model.examples import Example
from twin.inverse.forward_model.trial import Answer, Scores, interval
from twin.meshes.files import whole_file
from twin.simulation.atria.takes import INTERVAL
from twin.simulation.leads import STANDARD

SHOWN = ("sinus", "reentry", "fibrillation")
WIDE = (11.0, 13.0)
COLOURS = ("black", "tab:red", "tab:blue")


def plot_scores(rows: Mapping[str, Scores], path: Path) -> None:
    """R2 of each row over all recordings with its 95 % interval, and of each rhythm apart."""
    figure = Figure(figsize=(8.5, 0.6 + 0.42 * len(rows)), layout="constrained")
    axes = figure.subplots()
    height = np.arange(len(rows))
    found = [interval(one.of_subjects().mean(axis=1)) for one in rows.values()]
    mean, low, high = np.array(found).T
    axes.hlines(height, low, high, color="black", linewidth=5, alpha=0.35)
    axes.plot(mean, height, "o", color="black", label="all")
    for mark, label in (("|", "beats"), ("x", "reentry"), ("^", "fibrillation")):
        values = [_of_rhythm(one, label) for one in rows.values()]
        axes.plot(values, height, mark, color="tab:red", label=label)
    axes.set_yticks(height, list(rows))
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.set_xlim(-0.1, 1.0)
    axes.set_xlabel("R2 on subjects that were not taught")
    axes.grid(axis="x", alpha=0.4)
    figure.legend(loc="outside upper center", ncols=4, fontsize=8)
    _save(figure, path)


def _of_rhythm(scores: Scores, name: str) -> float:
    """NaN where there is none."""
    rhythms = scores.beats if name == "beats" else [name]
    return float(scores.of_subjects(rhythms).mean()) if rhythms else np.nan


def plot_answers(example: Example, answers: Mapping[str, Answer], path: Path) -> None:
    """The true ECG of one subject in sinus rhythm, re-entry and fibrillation, and answers on it."""
    taken = {r.rhythm: r for r in example.recordings}
    shown = [taken[name] for name in SHOWN if name in taken]
    figure = Figure(figsize=WIDE, layout="constrained")
    axes = figure.subplots(len(STANDARD), len(shown), sharex="col", squeeze=False)
    for column, recording in enumerate(shown):
        signals: dict[str, np.ndarray] = {"true": recording.leads.numpy()}
        signals |= {name: answer(example, recording).numpy() for name, answer in answers.items()}
        axes[0, column].set_title(recording.rhythm)
        axes[-1, column].set_xlabel("ms")
        _draw(list(axes[:, column]), signals)
    for row, name in enumerate(STANDARD):
        axes[row, 0].set_ylabel(f"{name}, mV")
    axes[0, 0].legend(loc="upper right", fontsize=7)
    _save(figure, path)


def _draw(axes: Sequence, signals: Mapping[str, Float[np.ndarray, "12 times"]]) -> None:
    for colour, (name, values) in zip(COLOURS, signals.items(), strict=False):
        times = INTERVAL * np.arange(values.shape[1])
        for row, lead in enumerate(values):
            axes[row].plot(times, lead, color=colour, linewidth=0.9, label=name)


def _save(figure: Figure, path: Path) -> None:
    FigureCanvasAgg(figure)
    with whole_file(path) as part:
        figure.savefig(part, format=path.suffix[1:], dpi=110)
