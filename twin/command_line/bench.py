"""`twin bench`."""


def bench() -> None:
    """."""
