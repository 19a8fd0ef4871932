"""Records, entries and checkpoints: what happened, and the proof of it."""

__all__: list[str] = []
