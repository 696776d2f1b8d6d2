"""The table of a protocol, without a network of our own:

python -m twin.benchmarks.infarct_protocol COHORT --name H --paa FOLDER --paa FOLDER -o FOLDER

Each trained PAA-Net is a line, and those that read ECGs one more with shuffled ECGs. Rows scored
into the folder before stay in the table.
"""

import sys
from pathlib import Path
from typing import Annotated

import torch
import typer

from twin.inverse.protocol.paa_row import PAARow
from twin.inverse.protocol.paa_signals import Kind
from twin.inverse.protocol.protocol import Protocol
from twin.inverse.protocol.row import Row
from twin.simulation.cohort import Cohort


def main(
    cohort: Path,
    output: Annotated[Path, typer.Option("-o", "--output")],
    name: str = "H",
    paa: Annotated[list[Path] | None, typer.Option(help="folder of a trained PAA-Net")] = None,
    templates: bool = True,
    threads: int = 1,
) -> None:
    torch.set_num_threads(threads)
    protocol = Protocol.of(Cohort.open(cohort), name, _show)
    rows: list[Row] = protocol.templates() if templates else []
    for folder in paa or []:
        row = PAARow.read(folder, protocol.test)
        rows += [row] if row.kind is Kind.GEOMETRY else [row, protocol.shuffled(row)]
    print(protocol.run(rows, output, _show).markdown())


def _show(stage: str, fraction: float) -> None:
    print(f"\r{stage} {fraction:.0%}    ", end="\n" if fraction == 1 else "", file=sys.stderr)


if __name__ == "__main__":
    typer.run(main)
