"""`writ demo`."""


def demo() -> None:
    """Run the demonstration."""
