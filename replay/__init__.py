"""What did it cost, was it worth it, and what changed: asked of a verified ledger.

`replay.history` reads a ledger as acts and runs; `replay.value` says what they cost and were worth,
`replay.change` what was otherwise after a model, a prompt or a contract changed. The timeline, the
what-if comparison and the rollback plan arrive with the issues that describe them.
"""

__all__: list[str] = []
