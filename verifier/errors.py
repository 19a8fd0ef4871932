"""What keeps a verification from starting; what it finds is a finding, not an error."""


class VerifierError(Exception):
    """Base of every error of this package.

    Attributes:
        code: Stable name of what went wrong, `subject.what`.
    """

    code = "verifier"

    def __init__(self, message: str, *, code: str = "") -> None:
        super().__init__(message)
        self.code = code or type(self).code


class TrustError(VerifierError):
    """The trust file cannot be used."""

    code = "trust.malformed"


class SourceError(VerifierError):
    """What should be verified cannot be opened, or is no ledger."""

    code = "source.unreadable"


class StateError(VerifierError):
    """What an auditor kept of earlier verifications cannot be used."""

    code = "state.damaged"


class NotVerifiedError(VerifierError):
    """The ledger does not hold, so nothing may be built on it."""

    code = "ledger.not-verified"


class UnusualError(Exception):
    """This is not what a sound ledger ordinarily holds: only the exact reading can judge it."""


class EnginesDifferError(VerifierError):
    """Columns and counters say different things of one record: nothing of it can be reported."""

    code = "engines.differ"

    def __init__(self, index: int, rule: str, columns: str, counters: str) -> None:
        super().__init__(
            f"entry {index}, {rule}: {columns} by column, {counters} on counters; this is an error "
            "of Writ, please report it; `--engine rows` verifies on counters alone"
        )
