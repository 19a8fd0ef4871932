"""What keeps a second source from being read: what, where, and what to do."""

from verifier.errors import VerifierError


class AgainstError(VerifierError):
    """A file that should be compared with a ledger cannot be used."""

    code = "against.unreadable"


def refused(code: str, place: str, what: str) -> AgainstError:
    """Return the error for a file.

    Args:
        code: What follows `against.`.
        place: The file, and the line or row in it.
        what: What is wrong, and what to do.
    """
    return AgainstError(f"{place}: {what}", code=f"against.{code}")
