"""Settings: flags, then `WRIT_*`, then `writ.toml`, and where each came from."""

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from writ.errors import UsageError

FILE = "writ.toml"


@dataclass(frozen=True, slots=True)
class Known:
    """A setting that exists: its built-in value and what it does."""

    default: str
    meaning: str


KNOWN: Mapping[str, Known] = {
    "trust": Known("", "trust file for `verify`, `findings` and `show`"),
    "format": Known("text", "format of `verify`: text, json, jsonl, sarif, junit, ocsf or html"),
    "in_full": Known(
        "5", "findings of one rule that text and junit tell in full (html: 50, unless set)"
    ),
    "owner": Known("owner (not named)", "the person who answers for a new ledger's identities"),
    "approver": Known("approver (not named)", "another person, who activates its contracts"),
}


@dataclass(frozen=True, slots=True)
class Setting:
    """A setting's value and where it came from."""

    name: str
    value: str
    origin: str


class Settings:
    """The settings of one invocation.

    Args:
        environment: The process's environment.
        folder: Where `writ.toml` is looked for.

    Raises:
        UsageError: `writ.toml` is not TOML, or holds a setting that does not exist.
    """

    def __init__(self, environment: Mapping[str, str], folder: Path) -> None:
        self._environment = environment
        self._file = folder / FILE
        self._from_file = _read(self._file)

    def get(self, name: str, flag: str | None = None) -> Setting:
        """Return a setting, given what its flag said (None: the flag was not given)."""
        if flag is not None:
            return Setting(name, flag, "flag")
        variable = f"WRIT_{name.upper()}"
        if variable in self._environment:
            return Setting(name, self._environment[variable], variable)
        if name in self._from_file:
            return Setting(name, self._from_file[name], str(self._file))
        return Setting(name, KNOWN[name].default, "built in")

    def number(self, name: str, flag: int | None = None) -> int:
        """Return a setting that is a number.

        Raises:
            UsageError: It is not one.
        """
        setting = self.get(name, None if flag is None else str(flag))
        if not setting.value.isdecimal():
            raise UsageError(
                "settings.number",
                f"{setting.origin}: {name} is {setting.value!r}, and has to be a number",
            )
        return int(setting.value)

    def all(self) -> tuple[Setting, ...]:
        """Return every setting, as it is without flags."""
        return tuple(self.get(name) for name in KNOWN)


def current() -> Settings:
    """Return the settings of this process, in its working directory."""
    return Settings(os.environ, Path.cwd())


def _read(path: Path) -> Mapping[str, str]:
    if not path.is_file():
        return {}
    try:
        parsed = tomllib.loads(path.read_text("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError("settings.file", f"{path}: not TOML: {error}") from error
    for name in parsed:
        if name not in KNOWN:
            raise UsageError(
                "settings.unknown",
                f"{path}: there is no setting {name!r}",
                do=f"The settings are: {', '.join(KNOWN)}.",
            )
    return {name: str(value) for name, value in parsed.items()}


def writ_version() -> str:
    """Return the version of this installation."""
    try:
        return metadata.version("writ")
    except metadata.PackageNotFoundError:
        return "not installed (run from its folder)"
