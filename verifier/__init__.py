"""Integrity of a ledger, and the re-decision of every action in it."""

__all__: list[str] = []
