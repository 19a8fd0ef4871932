"""What if, undo, and was it worth it: asked of a verified ledger.

This package is empty so far. The timeline, the what-if comparison, the rollback
plan and the value report arrive with the issues that describe them; until then
nothing here can be imported, and nothing else in Writ depends on it.
"""

__all__: list[str] = []
