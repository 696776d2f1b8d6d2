"""What the command line shows while it works, and how it prints what it found."""

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import typer

from twin.meshes.progress import Progress

PATIENCE_SECONDS = 2.0


def say(text: str, **style) -> None:
    typer.secho(text, **style)


def say_json(value: object) -> None:
    typer.echo(json.dumps(value, indent=1, default=str))


@contextmanager
def watched() -> Iterator[Progress]:
    """A progress bar on standard error that appears once the work has taken two seconds."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        TaskProgressColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )
    from rich.progress import Progress as Bar

    started = time.monotonic()
    bar = Bar(
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(show_speed=True),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=Console(file=sys.stderr),
        transient=True,
    )
    task = bar.add_task("", total=1.0)
    shown = False

    def report(stage: str, fraction: float) -> None:
        nonlocal shown
        if not shown and time.monotonic() - started > PATIENCE_SECONDS:
            bar.start()
            shown = True
        bar.update(task, description=stage, completed=min(fraction, 1.0))

    try:
        yield report
    finally:
        if shown:
            bar.stop()
