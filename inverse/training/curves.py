"""How a training went, as a picture."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from twin.meshes.files import whole_file

LOSSES = {"taught_loss": "taught", "judged_loss": "judged"}
SCORES = {"judged_scar": "scar", "judged_border": "border zone"}


def draw_curves(curve: Sequence[Mapping[str, float]], best: int, path: Path) -> None:
    """Loss, and hard Dice on hearts that it is judged by, for each epoch; the best is marked."""
    figure = Figure(figsize=(8, 3), layout="constrained")
    FigureCanvasAgg(figure)
    for axes, names, what in zip(
        figure.subplots(1, 2), (LOSSES, SCORES), ("loss", "hard Dice"), strict=True
    ):
        for name, label in names.items():
            axes.plot([row["epoch"] for row in curve], [row[name] for row in curve], label=label)
        axes.axvline(best + 1, color="0.7", lw=0.8, zorder=0)
        axes.set(xlabel="epoch", ylabel=what)
        axes.legend(frameon=False)
        axes.spines[["top", "right"]].set_visible(False)
    with whole_file(path) as part:
        figure.savefig(part, format="png", dpi=130)
