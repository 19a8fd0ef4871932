"""The guard as a service: one process that decides and records for whoever asks over HTTP.

`writ serve LEDGER` starts it; `writ.remote` is its client. Source: docs/reference/service.md.
"""
