"""The picture of docs/monodomain.md: `python -m twin.benchmarks.monodomain_pictures FOLDER`."""

import sys
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.tri import Triangulation

from twin.benchmarks.monodomain_reentry import atrium, spiral
from twin.simulation.reaction_diffusion.observers import Frames, Probes
from twin.simulation.reaction_diffusion.stimulus import Stimulus

TIMES = (0, 200, 500, 800)


def draw(folder: Path) -> None:
    """A spiral on the atrial shell, seen from its roof, and the potential of one node."""
    shell = atrium()
    model, start = spiral(shell)
    probe = Probes.near(shell, np.array([[24.0, 0.0, 0.0]]))
    run = model.run(
        Stimulus.none(model.nodes), 800.0, start=start, observers=[Frames(100.0), probe]
    )
    figure = plt.figure(figsize=(11, 5))
    x, y, _ = shell.points.T
    top = shell.triangles[shell.points[shell.triangles].mean(axis=1)[:, 2] > 0]
    for k, time in enumerate(TIMES):
        axes = figure.add_subplot(2, len(TIMES), k + 1, aspect="equal")
        values = run.samples["frames"][time // 100]
        drawn = axes.tripcolor(
            Triangulation(x, y, top), values, vmin=-85, vmax=30, shading="gouraud"
        )
        axes.set_title(f"{time} ms")
        axes.set_axis_off()
    figure.colorbar(drawn, ax=figure.axes, label="mV", shrink=0.7)
    axes = figure.add_subplot(2, 1, 2)
    axes.plot(run.times, run.samples["probes"][:, 0])
    axes.set(xlabel="ms", ylabel="mV at one node")
    figure.savefig(folder / "monodomain_spiral.png", dpi=80)


if __name__ == "__main__":
    draw(Path(sys.argv[1]))
