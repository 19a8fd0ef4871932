"""What goes wrong on purpose, so that each rule is broken at least once under each version.

`refunds` are departures of one refund; `acts`, `cost` and `recovery` are runs of their own; in
`decisions` the gate itself is broken; in `coverage` something is missing. Each says what must be
found for it.
"""
