"""What the command line shows while it works, and how it prints what it found."""

import json
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Timer

import typer

from twin.meshes.progress import Progress

PATIENCE_SECONDS = 2.0


def say(text: str, **style) -> None:
    typer.secho(text, **style)


def say_json(value: object) -> None:
    typer.echo(json.dumps(value, indent=1, default=str))


class Interruption:
    """Remembers Ctrl-C: raised within a callback of a library, the exception may be lost there."""

    def __init__(self) -> None:
        self.asked = False

    @contextmanager
    def noticed(self) -> Iterator[None]:
        previous = signal.signal(signal.SIGINT, self._notice)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, previous)

    def recall(self) -> None:
        if self.asked:
            raise KeyboardInterrupt

    def _notice(self, *_) -> None:
        self.asked = True
        raise KeyboardInterrupt


@contextmanager
def watched(speed: bool = True) -> Iterator[Progress]:
    """A progress bar on standard error that appears once the work has taken two seconds.

    Without `speed` where the stage's own words tell the rate and the time left.
    """
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        TaskProgressColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )
    from rich.progress import Progress as Bar

    bar = Bar(
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(show_speed=speed),
        TimeElapsedColumn(),
        *([TimeRemainingColumn()] if speed else []),
        console=Console(file=sys.stderr),
        transient=True,
    )
    task = bar.add_task("", total=1.0)
    # By the clock, because the longest stage may be the first, and report nothing in between.
    patience = Timer(PATIENCE_SECONDS, bar.start)
    patience.daemon = True
    patience.start()

    def report(stage: str, fraction: float) -> None:
        interruption.recall()
        bar.update(task, description=stage, completed=min(fraction, 1.0))

    interruption = Interruption()
    try:
        with interruption.noticed():
            yield report
    finally:
        patience.cancel()
        patience.join()
        if bar.live.is_started:
            bar.stop()
