"""What history says beyond right and wrong: step by step, what if, what could be undone, its worth.

- `replay.history` reads a verified ledger as acts and runs.
- `replay.timeline` tells them step by step.
- `replay.whatif` asks other contracts, on the facts as recorded or, by `replay.cascade`, with all
  that follows taken out.
- `replay.rollback` plans what could be taken back.
- `replay.value` says what runs cost and were worth; `replay.change` what was otherwise after a
  model, a prompt or a contract changed.

Nothing here accepts a ledger that was not verified, and nothing writes to one.
"""

__all__: list[str] = []
