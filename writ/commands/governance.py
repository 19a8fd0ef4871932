"""`writ contract publish`, `activate` and `services`: which contracts bind whom, and from when."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from writ.commands.contract import FileArgument, JsonOption, as_json_text
from writ.commands.init import KeysOption
from writ.commands.keys import LedgerArgument
from writ.commands.reading import contract_text, published_text, shared_text
from writ.commands.speaking import AsOption, KeyOption, YesOption, confirm, opened_keys
from writ.commands.times import moment
from writ.errors import CommandError, UsageError
from writ.output import data, message

if TYPE_CHECKING:
    from contracts.model import Contract
    from contracts.versions import Activation
    from writ.governing import Governed, Published, Speaker, Wanted

_DIGEST = re.compile(r"[0-9a-f]{64}")


def publish(
    ledger: LedgerArgument,
    file: FileArgument,
    name: AsOption = "",
    key: KeyOption = None,
    keys: KeysOption = None,
    yes: YesOption = False,
) -> None:
    """Publish a version of a contract in the ledger, as an author. It binds nobody yet.

    Shows what it changes against the version in force, and asks. Without --as and --key it is the
    identity called `author`. Refused: a version that was published with another text, an identity
    that is no author. Exits 0 when it is published, also if it was before; 4 where it is refused.
    """
    from contracts import load_contract
    from writ.governing import Governed, publication, speaking
    from writ.governing import publish as publish_it

    text = published_text(file)
    contract = load_contract(text, file.as_posix())
    _lint(file)
    with speaking(
        opened_keys(ledger, keys, "contract.keys"), _name(name, key, "author"), key
    ) as speaker:
        governed = Governed(speaker.store)
        record = publication(speaker, contract, text)
        before = governed.published.get((contract.service, contract.version))
        if before is not None and before.record.digest == contract.digest:
            data(f"{contract.name} {contract.version} is published: entry {before.index}\n")
            return
        _check(speaker, governed, record)
        _show(governed, contract, _in_force_now(governed, contract.service))
        confirm(f"Publish {contract.name} {contract.version}?", yes=yes, code="contract.confirm")
        index = publish_it(speaker, record)
    data(f"{contract.name} {contract.version} is published: entry {index}\n")
    message("writ: it binds nobody until it is activated: writ contract activate")


def activate(
    ledger: LedgerArgument,
    service: Annotated[
        str, typer.Option("--service", metavar="ID", help="Its identity, or the last part of it.")
    ],
    version: Annotated[str, typer.Option("--version", metavar="V", help="A published version.")],
    effective_at: Annotated[
        str,
        typer.Option("--effective-at", metavar="TIME", help="RFC 3339; else as soon as can be."),
    ] = "",
    name: AsOption = "",
    key: KeyOption = None,
    keys: KeysOption = None,
    yes: YesOption = False,
) -> None:
    """Let a published version bind its service from a time on, as an activator.

    Shows what changes against the version that it takes over from, and asks. Without --as and --key
    it is the identity called `activator`. Refused: a version that was not published, a time that
    has passed, the service itself, and whoever answers for the version's author. There is no
    taking back: to go back, activate the version before. Exits 0 when it is activated, also if it
    is in force already; 4 where it is refused.
    """
    from writ.governing import Governed, Wanted, named_service, replaced, speaking
    from writ.governing import activate as activate_it

    at = moment(effective_at, "activation.time") if effective_at else None
    with speaking(
        opened_keys(ledger, keys, "contract.keys"), _name(name, key, "activator"), key
    ) as speaker:
        governed = Governed(speaker.store)
        full = named_service(governed, service)
        wanted = Wanted(_published(governed, full, version), at)
        head, _ = speaker.store.head()
        now = speaker.now(head)
        wanted.refuse_past(now)
        shown = replaced(governed, wanted, now)
        if shown is not None and shown.version == version and not _later(governed, shown, wanted):
            data(f"{version} of {full} is in force from {_said(shown)} on: entry {shown.index}\n")
            return
        _check(speaker, governed, wanted.record(speaker, now))
        _show_activation(governed, wanted, shown)
        confirm(f"Activate {version} of {full}?", yes=yes, code="contract.confirm")
        index, record = activate_it(speaker, wanted, shown)
    data(f"{version} of {full} is in force from {record.effective_at} on: entry {index}\n")


def services(
    ledger: LedgerArgument,
    policy: Annotated[
        str,
        typer.Option("--policy", metavar="DIGEST|FILE", help="Under this policy document only."),
    ] = "",
    as_json: JsonOption = False,
) -> None:
    """List the services that have a contract, what is in force, and the policy it is under.

    With --policy only what that document's change affects: versions that name its digest. It says
    what the ledger says: `writ verify` checks that.
    """
    from ledger.store import Store
    from writ.governing import Governed

    wanted = _policy(policy) if policy else ""
    with Store.open(ledger) as store:
        governed = Governed(store)
    found = [
        line
        for (_, _), one in sorted(governed.published.items(), key=lambda pair: pair[1].index)
        if (line := _version_line(governed, one)) and wanted in {"", line["policy_digest"]}
    ]
    if as_json:
        data(as_json_text({"schema": "writ/contract-services/v1", "versions": found}))
        return
    data(_services_text(found) or "no version is under this policy document\n")


# ------------------------------------------------------------------------------- rules


def _name(name: str, key: Path | None, usual: str) -> str:
    return name or ("" if key else usual)


def _lint(file: Path) -> None:
    from contracts.linting import lint as lint_contract
    from contracts.remarks import Severity

    found = lint_contract(contract_text(file), file.as_posix(), shared_text)
    wrong = [one for one in found if one.severity is Severity.ERROR]
    for one in wrong:
        message(str(one))
    message(f"writ: lint: {len(wrong)} errors, {len(found) - len(wrong)} other remarks")


def _check(speaker: "Speaker", governed: "Governed", record: object) -> None:
    """Refuse before anybody is asked; the same is asked again while the ledger is locked."""
    from ledger.clock import format_time
    from ledger.records import Activation, ContractText

    head, _ = speaker.store.head()
    if isinstance(record, ContractText | Activation):
        governed.refuse(record, speaker.key, head, format_time(speaker.now(head)))


def _published(governed: "Governed", service: str, version: str) -> "Published":
    found = governed.published.get((service, version))
    if found is None:
        known = [one for named, one in governed.published if named == service]
        raise CommandError(
            "contract.unknown",
            f"version {version} of {service} was not published",
            do=f"Published are: {', '.join(known)}.",
        )
    return found


def _later(governed: "Governed", shown: "Activation", wanted: "Wanted") -> bool:
    """Return whether a version in force is asked for again, to last beyond what follows it."""
    if wanted.effective_at is None:
        return False
    from contracts.instants import micros
    from ledger.clock import format_time

    at = micros(format_time(wanted.effective_at)) or 0
    others = governed.versions.after(wanted.published.record.service, shown.effective_at)
    return any(one.effective_at <= at for one in others)


def _policy(given: str) -> str:
    from ledger.encoding import digest

    if _DIGEST.fullmatch(given):
        return given
    path = Path(given)
    if not path.is_file():
        raise UsageError(
            "policy.digest",
            f"{given}: is neither a digest nor a file",
            do="Give 64 hex digits, or the policy document itself.",
        )
    return digest(path.read_bytes())


# ------------------------------------------------------------------------------- words


def _in_force_now(governed: "Governed", service: str) -> "Activation | None":
    from contracts.instants import micros
    from ledger.clock import format_time, system_clock

    return governed.versions.at(service, micros(format_time(system_clock())) or 0)


def _show(governed: "Governed", contract: "Contract", shown: "Activation | None") -> None:
    from contracts.diff_words import diff_text
    from contracts.diffing import diff

    if shown is None:
        message(f"writ: no version of {contract.service} is in force that it would replace")
        return
    before = governed.published[contract.service, shown.version].contract()
    if before is None:
        message(f"writ: {shown.version}, which is in force, cannot be read here: no comparison")
        return
    data(diff_text(diff(before, contract)))


def _show_activation(governed: "Governed", wanted: "Wanted", shown: "Activation | None") -> None:
    contract = wanted.published.contract()
    if contract is None:
        raise CommandError(
            "contract.invalid",
            f"entry {wanted.published.index}: its contract cannot be read by this version of Writ",
        )
    _show(governed, contract, shown)
    if wanted.effective_at is None:
        return
    from contracts.instants import micros
    from ledger.clock import format_time

    at = micros(format_time(wanted.effective_at)) or 0
    for one in governed.versions.after(contract.service, at)[:1]:
        message(f"writ: it lasts until {_said(one)}, when {one.version} comes into force")


def _said(activation: "Activation") -> str:
    from contracts.instants import moment, written

    return written(moment(activation.effective_at))


def _version_line(governed: "Governed", one: "Published") -> dict[str, object]:
    record = one.record
    contract = one.contract()
    policy: Mapping[str, str] = contract.policy if contract else {}
    now = _in_force_now(governed, record.service)
    later = [
        each
        for each in governed.versions.after(record.service, _now_micros())
        if each.version == record.version
    ]
    state, since = "published", ""
    if now is not None and now.version == record.version:
        state, since = "in force", _said(now)
    elif later:
        state, since = "scheduled", _said(later[0])
    elif any(
        each.version == record.version for each in governed.versions.activations(record.service)
    ):
        state = "past"
    return {
        "service": record.service,
        "version": record.version,
        "digest": record.digest,
        "index": one.index,
        "state": state,
        "since": since,
        "policy": f"{policy.get('name', '')} {policy.get('version', '')}".strip(),
        "policy_digest": policy.get("digest", ""),
    }


def _now_micros() -> int:
    from contracts.instants import micros
    from ledger.clock import format_time, system_clock

    return micros(format_time(system_clock())) or 0


def _services_text(found: list[dict[str, object]]) -> str:
    lines: list[str] = []
    for service in dict.fromkeys(line["service"] for line in found):
        lines.append(f"{service}")
        for line in found:
            if line["service"] == service:
                since = f" from {line['since']}" if line["since"] else ""
                under = f"; policy {line['policy']}" if line["policy"] else ""
                digest = f" {str(line['policy_digest'])[:12]}…" if line["policy_digest"] else ""
                lines.append(
                    f"  {line['version']:<10} {line['state']}{since}{under}{digest}"
                    f" (entry {line['index']})"
                )
    return "\n".join(lines) + "\n" if lines else ""
