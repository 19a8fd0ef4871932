"""A second source beside the ledger: what another one saw, compared with what is recorded.

A source is a file: recorded conversations, an export of traces, or a tool's own log. It is read
into calls (`sources`), each is paired with at most one recorded action (`matching`), and what is
left over or differs is found (`finding`). `reconciliation` is the door. How to use it:
docs/how-to/reconcile.md.
"""

__all__: list[str] = []
