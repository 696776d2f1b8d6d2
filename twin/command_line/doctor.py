"""`twin doctor`."""


def doctor() -> None:
    """."""
