"""`twin demo`."""


def demo() -> None:
    """."""
