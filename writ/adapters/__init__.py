"""Adapters: how the tool calls of a framework come before a guard.

An adapter turns each call of its framework into `GuardedRun.propose` and what follows from that: it
decides nothing, and keeps nothing that the ledger does not have. It needs of a guard only that it
opens runs, so that one in this process and one behind the service do equally. Each lives in a
module of its own and needs an extra of its own; nothing else imports it.
"""
