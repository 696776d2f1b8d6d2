"""`twin train`: from a cohort to a network that `twin infer` uses."""

from pathlib import Path
from typing import Annotated

import typer

from twin.command_line.console import say, watched


def train(
    recipe: Annotated[str, typer.Argument(help="A TOML file, or 'hard' or 'paper'.")],
    cohort: Annotated[Path, typer.Option(help="A folder that `twin cohort` made.")],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="The model's folder; continued if begun.")
    ] = Path("model"),
    device: Annotated[str | None, typer.Option(help="cpu or cuda; else what there is.")] = None,
    threads: Annotated[int | None, typer.Option(help="Of the processor; else all.")] = None,
) -> None:
    """Teach a network on a cohort; after an interruption the same command goes on."""
    import torch

    from twin.inverse.training.recipe import TrainingRecipe
    from twin.inverse.training.train import CURVES
    from twin.inverse.training.train import train as teach
    from twin.simulation.cohort import Cohort

    if threads:
        torch.set_num_threads(threads)
    read = TrainingRecipe.read(recipe)
    with watched(speed=False) as progress:
        model = teach(read, Cohort.open(cohort), output, device, progress)
    judged = model.card["judged"]
    say(f"{output}: taught on {model.card['taught_cases']:,} cases of")
    say(f"  {model.card['taught_hearts']} hearts; on others: {judged}")
    say(f"  {output / CURVES}: how it went; use it with `twin infer --model {output}`")
