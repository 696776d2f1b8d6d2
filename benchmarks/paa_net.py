"""Teach PAA-Net on a cohort's training part:

python -m twin.benchmarks.paa_net COHORT --kind mended --epochs 20 -o FOLDER

Called again after any interruption it goes on where it was.
"""

from pathlib import Path
from typing import Annotated

import torch
import typer

from twin.inverse.protocol.paa_signals import Kind
from twin.inverse.protocol.paa_training import Schedule, train
from twin.inverse.protocol.part import Part
from twin.inverse.protocol.protocol import SEED, SHARES
from twin.simulation.cohort import Cohort


def main(
    cohort: Path,
    output: Annotated[Path, typer.Option("-o", "--output")],
    kind: Kind = Kind.MENDED,
    epochs: int = 20,
    rate: float = 1e-3,
    points: Annotated[int, typer.Option(help="read of each heart")] = 4096,
    decoded: Annotated[int, typer.Option(help="of these, answered for in each step")] = 512,
    seed: int = 0,
    threads: int = 1,
) -> None:
    torch.set_num_threads(threads)
    schedule = Schedule(kind, seed, epochs, points, decoded, rate=rate)
    own = Cohort.open(cohort).split(SHARES, SEED)[0]
    part = Part.of(own, placed=False)
    print(f"{len(part):,} cases of {len(part.anatomies)} hearts", flush=True)

    def report(said: dict[str, float]) -> None:
        print(
            f"epoch {said['epoch']:.0f}: loss {said['loss']:.4f}, {said['processor_seconds']} s",
            flush=True,
        )

    train(schedule, part, output, report)
    print("done", flush=True)


if __name__ == "__main__":
    typer.run(main)
