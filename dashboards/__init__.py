"""The incident review app: findings, runs and evidence for a person to go through.

This package is empty so far. The app arrives with the issues that describe its
pages; until then the reports of the command line show the same findings.
"""

__all__: list[str] = []
