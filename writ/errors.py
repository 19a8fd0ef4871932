"""What the command line says when it cannot do what it was asked: code, what, where, what to do."""

from verifier.report import ExitCode


class CommandError(Exception):
    """A command cannot go on.

    Attributes:
        code: Stable name, `subject.what`.
        do: What the reader can do about it; may be empty.
        exit_code: What the process answers.
    """

    def __init__(
        self, code: str, what: str, *, do: str = "", exit_code: ExitCode = ExitCode.UNREADABLE
    ) -> None:
        super().__init__(what)
        self.code = code
        self.do = do
        self.exit_code = exit_code


class UsageError(CommandError):
    """The command was asked for something that it does not do."""

    def __init__(self, code: str, what: str, *, do: str = "") -> None:
        super().__init__(code, what, do=do, exit_code=ExitCode.USAGE)
