"""How long-running work tells its caller how far it is; the library itself never prints."""

from collections.abc import Callable

Progress = Callable[[str, float], None]
"""Called with the name of the stage in progress and its fraction done, 0 to 1."""


def silent(stage: str, fraction: float) -> None:
    """The default: nobody is watching."""
