"""A contract's text from a file."""

from pathlib import Path

from writ.errors import CommandError


def contract_text(path: Path) -> str:
    """Return a contract's text.

    Raises:
        CommandError: The file cannot be read, or is not UTF-8.
    """
    try:
        # Bytes and not text: the digest is over what is there, line ends included.
        return path.read_bytes().decode("utf-8")
    except OSError as error:
        raise CommandError("contract.unreadable", f"{path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise CommandError(
            "contract.encoding", f"{path}: byte {error.start} is not UTF-8", do="Save it as UTF-8."
        ) from error
