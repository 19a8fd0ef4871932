"""`writ proof`: a proof of one record to carry away, and its check without the ledger."""


def proof() -> None:
    """Make or check a proof."""
