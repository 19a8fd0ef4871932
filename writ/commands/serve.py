"""`writ serve`: the guard as a service, until it is told to stop."""

import json
import signal
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Any

import typer

from writ.commands.verify import LedgerArgument, TrustOption
from writ.errors import CommandError, UsageError
from writ.output import message

if TYPE_CHECKING:
    from contracts.guard import Guard
    from ledger.client import LedgerClient
    from ledger.founding import Founded
    from ledger.store import Store
    from writ.service.serving import Config
    from writ.service.tokens import Tokens

_LAST_PORT = 65_535
_AT_ONCE = 1_024
_GRACE = 30


def serve(  # noqa: PLR0913, PLR0917  (each is a flag of the command)
    ledger: LedgerArgument,
    name: Annotated[
        str,
        typer.Option(
            "--as", metavar="NAME", help="The agent that it records as: short name, or in full."
        ),
    ],
    service: Annotated[
        list[str] | None,
        typer.Option("--service", metavar="ID", help="Guard this one; default: all with contract."),
    ] = None,
    commander: Annotated[
        str | None,
        typer.Option("--commander", metavar="NAME", help="Who pulls the switch at containment."),
    ] = None,
    listen: Annotated[str, typer.Option("--listen", metavar="HOST:PORT")] = "127.0.0.1:8470",
    host: Annotated[
        list[str] | None,
        typer.Option(
            "--name",
            metavar="HOST[:PORT]",
            help="How callers reach it; default: as it listens.",
        ),
    ] = None,
    keys: Annotated[
        Path | None,
        typer.Option("--keys", metavar="DIR", help="Folder of the keys; else beside the ledger."),
    ] = None,
    rate: Annotated[
        float, typer.Option("--rate", min=0.1, help="Requests a second of one identity.")
    ] = 200.0,
    trust: TrustOption = None,
    oidc_jwks: Annotated[
        Path | None, typer.Option("--oidc-jwks", metavar="FILE", help="Keys of an issuer.")
    ] = None,
    oidc_issuer: Annotated[str, typer.Option("--oidc-issuer", metavar="NAME")] = "",
    oidc_audience: Annotated[str, typer.Option("--oidc-audience", metavar="NAME")] = "",
) -> None:
    """Decide and record for whoever asks over HTTP, with a key that the ledger's authority names.

    At SIGTERM or SIGINT it takes nothing more, ends what waits, and signs a last head. Where the
    head's key is not in the folder of keys, somebody else signs heads.
    """
    _refuse_without_libraries()
    at = _address(listen)
    tokens = _tokens(oidc_jwks, oidc_issuer, oidc_audience)
    if keys is None and "://" in ledger:
        raise UsageError("serve.keys", "a ledger at a URL has its keys elsewhere: --keys DIR")
    with _config(ledger, keys, name, tuple(service or ()), commander) as config:
        limits = replace(config.limits, a_second=rate, at_once=max(1, int(2 * rate)))
        names = frozenset(one.lower() for one in host or _names(*at))
        _run(replace(config, limits=limits, names=names, tokens=tokens, trust=trust), at[0], at[1])


def _refuse_without_libraries() -> None:
    try:
        import fastapi
        import jwt
        import prometheus_client
        import uvicorn
    except ImportError as error:
        raise CommandError(
            "serve.missing",
            f"the service's libraries are not installed: {error.name}",
            do="Install writ[service].",
        ) from error
    _ = fastapi, jwt, prometheus_client, uvicorn


def _address(listen: str) -> tuple[str, int]:
    host, _, port = listen.rpartition(":")
    if not (port.isascii() and port.isdigit()) or not host or int(port) > _LAST_PORT:
        raise UsageError("serve.listen", f"--listen: {listen!r} is not HOST:PORT")
    return host.strip("[]"), int(port)


def _names(host: str, port: int) -> list[str]:
    """Return what requests may be signed for: where it listens. Port 0 is known only later."""
    if not port or host in {"0.0.0.0", "::"}:  # noqa: S104 - compared, and not listened at
        return []
    shown = f"[{host}]" if ":" in host else host
    return [f"{shown}:{port}", f"localhost:{port}"]


def _tokens(keys: Path | None, issuer: str, audience: str) -> "Tokens | None":
    from writ.service.tokens import Tokens

    if keys is None and not issuer and not audience:
        return None
    if keys is None or not issuer or not audience:
        raise UsageError(
            "serve.oidc", "tokens need all three: --oidc-jwks, --oidc-issuer and --oidc-audience"
        )
    try:
        return Tokens(json.loads(keys.read_bytes()), issuer, audience)
    except ValueError as error:
        raise UsageError("serve.oidc", f"{keys}: {error}") from error


@contextmanager
def _config(
    ledger: str,
    keys: Path | None,
    name: str,
    services: tuple[str, ...],
    commander: str | None,
) -> "Generator[Config]":
    """Open the ledger, and make a guard for each service."""
    from ledger.founding import open_founded
    from ledger.store import Store
    from writ.asking import passphrase
    from writ.service.serving import Config

    founded = open_founded(ledger, keys, passphrase)
    with Store.open(ledger, writable=True) as store:
        wanted = _services(store, services)
        above = None if commander is None else _client(store, founded, commander)
        clients = {one: _client(store, founded, name) for one in wanted}
        guards = {one: _guard(store, one, client, above) for one, client in clients.items()}
        ending = [*clients.values(), *([above] if above else [])]
        by = next(iter(clients.values())).by
        _refuse_no_agent(store, by)
        yield Config(store, by, guards, ending, _keeper(store, founded, name))


def _refuse_no_agent(store: "Store", by: str) -> None:
    from ledger.admission import read_authority

    entry = read_authority(store).documents[-1].identities.get(by)
    if entry is None or "agent" not in entry.roles:
        raise CommandError("serve.role", f"{by} may not record actions: it has not the role agent")


def _services(store: "Store", named: tuple[str, ...]) -> tuple[str, ...]:
    from writ.governing import Governed, named_service

    governed = Governed(store)
    found = tuple(named_service(governed, one) for one in named) or governed.services()
    if not found:
        raise CommandError(
            "serve.services",
            "no service has a contract in this ledger",
            do="Publish one and activate it: writ contract publish.",
        )
    return found


def _client(store: "Store", founded: "Founded", name: str, **more: Any) -> "LedgerClient":  # noqa: ANN401 - those of the client
    from ledger.client import LedgerClient

    # The key of an identity lies under its short name.
    short = name.rpartition("/")[2] if name in founded.identities.values() else name
    if short not in founded.identities:
        raise CommandError("ledger.identity", f"the ledger has no identity called {name}")
    return LedgerClient(store, founded.key(short), founded.identities[short], **more)


def _guard(
    store: "Store", service: str, client: "LedgerClient", commander: "LedgerClient | None"
) -> "Guard":
    from contracts.guard import Guard

    return Guard(client, store, service, commander=commander)


def _keeper(store: "Store", founded: "Founded", name: str) -> "LedgerClient | None":
    """Return what signs heads, where the head's key lies here."""
    from ledger.founding import key_path

    if not key_path(founded.keys_dir, "head").exists():
        message("writ: the head's key is not here: heads are signed by somebody else")
        return None
    return _client(store, founded, name, head_signer=founded.head_signer(), checkpoint_every=0)


def _run(config: "Config", host: str, port: int) -> None:
    import uvicorn

    from writ.service.app import create_app

    app = create_app(config)
    for service in config.guards:
        message(f"writ: guards {service}")
    settings: Mapping[str, Any] = {
        "host": host,
        "port": port,
        "log_config": _LOGGING,
        "access_log": False,
        "server_header": False,
        "limit_concurrency": _AT_ONCE,
        "timeout_graceful_shutdown": _GRACE,
    }
    server = uvicorn.Server(uvicorn.Config(app, **settings))
    # Told to stop it ends well: the server raises the signal once more when all is done.
    before = signal.signal(signal.SIGTERM, _nothing)
    try:
        server.run()
    finally:
        signal.signal(signal.SIGTERM, before)


def _nothing(number: int, frame: FrameType | None) -> None:
    """Take a signal."""


_LOGGING: Mapping[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"plain": {"format": "%(message)s"}, "named": {"format": "writ: %(message)s"}},
    "handlers": {
        "requests": {"class": "logging.StreamHandler", "formatter": "plain"},
        "said": {"class": "logging.StreamHandler", "formatter": "named"},
    },
    "loggers": {
        "writ.service.requests": {"handlers": ["requests"], "level": "INFO", "propagate": False},
        "writ": {"handlers": ["said"], "level": "INFO"},
        "uvicorn": {"handlers": ["said"], "level": "INFO"},
    },
}
