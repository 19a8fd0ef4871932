"""A contract's text from a file, and of the shared policies that it extends."""

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


def shared_text(name: str) -> bytes:
    """Return the text of a shared policy: its path is relative as the contract's is."""
    return Path(name).read_bytes()


def published_text(path: Path) -> str:
    """Return a contract's text with every shared policy that it extends.

    Raises:
        CommandError: The file cannot be read, or is not UTF-8.
        ContractErrors: It is no contract, or names shared policies that are not there.
    """
    from contracts.reading import closed_text, parse_contract

    return closed_text(parse_contract(contract_text(path), path.as_posix(), shared_text))
