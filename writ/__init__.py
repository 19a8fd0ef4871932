"""The composition: the command line, the service, the demonstration."""

__all__: list[str] = []
