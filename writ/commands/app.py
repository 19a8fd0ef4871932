"""`writ app`: the review app, on this machine and for whoever sits at it."""

import importlib.util
import socket
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from verifier.report import ExitCode
from writ.commands.init import KeysOption
from writ.commands.speaking import AsOption, KeyOption, opened_keys
from writ.commands.verify import LedgerArgument, TrustOption, trust_of
from writ.errors import CommandError, UsageError
from writ.output import data
from writ.report_writing import without_password
from writ.settings import current

HOST: Final = "127.0.0.1"
PORT: Final = 8501
# How many ports after the first are tried where none was asked for.
TRIED: Final = 50

# Nothing leaves this machine, nothing is watched or written, and no error shows code: in this
# order, what Streamlit listens on, what it tells others, what it shows, and how it looks.
OPTIONS: Final[dict[str, Any]] = {
    "server.address": HOST,
    # Else a page elsewhere, whose name is made to lead to this machine, could read and act here.
    "server.allowedHosts": [HOST, "localhost"],
    "server.fileWatcherType": "none",
    "server.runOnSave": False,
    "server.allowRunOnSave": False,
    "server.showEmailPrompt": False,
    "server.enableStaticServing": False,
    "server.maxUploadSize": 1,
    "browser.gatherUsageStats": False,
    # No page elsewhere that has this one in a frame may steer it by messages; by default some may.
    "client.allowedOrigins": [],
    "client.showErrorDetails": "none",
    "client.showErrorLinks": False,
    "client.toolbarMode": "minimal",
    "logger.level": "warning",
    "logger.hideWelcomeMessage": True,
    "runner.magicEnabled": False,
    "secrets.files": [],
    "theme.font": "sans-serif",
    "theme.headingFont": "sans-serif",
    "theme.codeFont": "monospace",
    "theme.headingFontSizes": ["1.75rem", "1.3rem", "1.05rem", "1rem", "1rem", "1rem"],
    "theme.headingFontWeights": [650, 600, 600, 600, 600, 600],
    "theme.codeFontSize": "0.82rem",
    "theme.baseRadius": "0.4rem",
    "theme.showWidgetBorder": True,
    "theme.light.codeTextColor": "#2b3a52",
    "theme.dark.codeTextColor": "#c8d3e6",
    "theme.light.primaryColor": "#1f5fbf",
    "theme.light.backgroundColor": "#ffffff",
    "theme.light.secondaryBackgroundColor": "#f3f5f8",
    "theme.light.textColor": "#1b2330",
    "theme.light.linkColor": "#1f5fbf",
    "theme.light.borderColor": "#d5dbe4",
    "theme.dark.primaryColor": "#7db0ff",
    "theme.dark.backgroundColor": "#12161d",
    "theme.dark.secondaryBackgroundColor": "#1b212b",
    "theme.dark.textColor": "#e6eaf1",
    "theme.dark.linkColor": "#8fbcff",
    "theme.dark.borderColor": "#333c4a",
}


def app(  # noqa: PLR0913, PLR0917  (one parameter for each option)
    ledger: LedgerArgument,
    trust: TrustOption = None,
    port: Annotated[
        int | None,
        typer.Option("--port", metavar="N", min=1, max=65535, help=f"A port [{PORT}, or after]."),
    ] = None,
    views: Annotated[
        Path | None,
        typer.Option(
            "--views", metavar="FILE", help="Saved views for the inbox (TOML); read only."
        ),
    ] = None,
    show: Annotated[bool, typer.Option("--open", help="Open it in the browser.")] = False,
    name: AsOption = "",
    key: KeyOption = None,
    keys: KeysOption = None,
    auth: Annotated[
        Path | None,
        typer.Option(
            "--auth", metavar="FILE", help="People sign in: a secrets file (TOML) with [auth]."
        ),
    ] = None,
) -> None:
    """Look at a ledger's findings and runs in a browser, on this machine only.

    Whoever can open 127.0.0.1 here can read the ledger: the app asks for no password. With --as
    they also review findings in that identity's name, signed with its key. With --auth nobody sees
    anything before they have signed in with the provider that the file names, and a reviewer of the
    ledger acts with their own key, if it lies in the folder of keys. Ctrl-C ends it.
    """
    _installed()
    pinned = trust_of(trust, current())
    trusted = current().get("trust", None if trust is None else str(trust)).value
    _readable(ledger)
    _usable(views)
    host = _hand_over(ledger, name, key, keys, auth)
    chosen = _free_port(port)
    data(f"{without_password(ledger)}: http://{HOST}:{chosen}\n")
    data("Ctrl-C ends it.\n")
    arguments = [
        _absolute(ledger),
        str(Path(trusted).absolute()) if pinned is not None else "",
        str(views.absolute()) if views is not None else "",
    ]
    secrets = {"secrets.files": [str(auth.absolute())]} if auth is not None else {}
    hosts = {"server.allowedHosts": [*OPTIONS["server.allowedHosts"], *filter(None, [host])]}
    options = {**OPTIONS, **secrets, **hosts, "server.port": chosen, "server.headless": not show}
    _serve(arguments, options)
    raise typer.Exit(int(ExitCode.HOLDS))


def _hand_over(
    ledger: str, name: str, key: Path | None, keys: Path | None, auth: Path | None
) -> str:
    """Give the app what it acts with, read and asked for before a browser is sent there.

    Returns:
        Under which host people come, where they sign in; else empty.

    Raises:
        UsageError: People sign in, and somebody is named all the same.
        CommandError: There is no such identity, or the file of --auth will not do.
        LedgerError: A key cannot be read.
    """
    from dashboards import acting
    from writ.reviewing import check_auth, desk_of, desk_of_all

    named, host = bool(name) or key is not None, ""
    if auth is not None:
        if named:
            raise UsageError("app.as", "with --auth everybody acts as who they sign in as: no --as")
        host = check_auth(auth)
        desk = desk_of_all(ledger, keys)
    elif named:
        desk = desk_of(opened_keys(ledger, keys, "app.keys"), name, key)
    else:
        desk = acting.Desk(ledger)
    acting.begin(desk)
    return host


def _installed() -> None:
    """Say what is missing before anything is asked of it.

    Raises:
        CommandError: What the app needs is not installed.
    """
    missing = [name for name in ("streamlit", "altair") if importlib.util.find_spec(name) is None]
    if missing:
        raise CommandError(
            "app.not-installed",
            f"the review app needs {' and '.join(missing)}, which are not installed",
            do="In a clone, `make app` sets it up. Elsewhere install the extra writ[app].",
        )


def _readable(ledger: str) -> None:
    """Look for the ledger before a browser is sent there.

    Raises:
        SourceError: There is none, or it cannot be opened.
    """
    from verifier.load import open_source

    open_source(ledger).close()


def _usable(views: Path | None) -> None:
    """Look into the file of saved views before a browser is sent there.

    Raises:
        ViewsError: It cannot be read, or something in it is not as it is meant.
    """
    if views is not None:
        from dashboards.saved import read_views

        read_views(str(views))


def _absolute(ledger: str) -> str:
    """Return a name that means the same from another folder; a URL does already."""
    return ledger if "://" in ledger else str(Path(ledger).absolute())


def _free_port(asked: int | None) -> int:
    """Return the port to listen on.

    Raises:
        CommandError: The one that was asked for is taken, or there is none.
    """
    tried = [asked] if asked is not None else list(range(PORT, PORT + TRIED))
    for port in tried:
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            # As the server does: a port that was closed a moment ago can be taken again.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
            return port
    ports = f"port {asked} is" if asked is not None else f"ports {tried[0]} to {tried[-1]} are"
    raise CommandError(
        "app.port-taken",
        f"{ports} taken or not allowed on {HOST}",
        do="Name another one with --port.",
    )


def _serve(arguments: list[str], options: dict[str, Any]) -> None:
    """Run Streamlit in this process until it is told to stop.

    Options go to it directly: it reads no file of ours, and writes none.
    """
    from streamlit.web import bootstrap

    import dashboards

    flags = {name.replace(".", "_"): value for name, value in options.items()}
    script = str(Path(dashboards.__file__).with_name("app.py"))
    bootstrap.load_config_options(flags)
    bootstrap.run(script, is_hello=False, args=arguments, flag_options=flags)
