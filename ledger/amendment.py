"""The next authority document, made from the last one by single changes; and changes in words.

Source: docs/spec/ledger-format.md, *Authority*.
"""

from collections.abc import Sequence
from typing import Any

from ledger.authority import Document, document_text, parse_document
from ledger.encoding import decode, digest, encode
from ledger.errors import AuthorityError
from ledger.keys import fingerprint, parse_public_key

# As many digits of a fingerprint as name a key to a person.
MIN_PREFIX = 8

Plain = dict[str, Any]


class Amendment:
    """What is to be changed. A document is complete, so that what is not named stays."""

    def __init__(self, before: Document) -> None:
        self._before = before
        plain = decode(document_text(before).encode())
        self._identities: dict[str, Plain] = {one["id"]: one for one in plain["identities"]}
        self._keys: dict[str, Plain] = {
            fingerprint(bytes.fromhex(one["key"])): one for one in plain["keys"]
        }
        self._revoked: dict[str, Plain] = {one["key"]: one for one in plain["revoked"]}
        self._roots: Plain = {}

    def add_identity(self, identity: str, owner: str, roles: Sequence[str]) -> None:
        """Name an identity, its owner and its roles; one that is there gets these instead."""
        stated = {"id": identity, "owner": owner, "roles": list(roles)}
        self._identities[identity] = {**self._identities.get(identity, {}), **stated}

    def remove(self, identity: str) -> None:
        """Take an identity out, with its keys.

        Raises:
            AuthorityError: There is no such identity.
        """
        self._known(identity)
        del self._identities[identity]
        self._keys = {key: one for key, one in self._keys.items() if one["identity"] != identity}

    def delegate(self, identity: str, by: str, since: str, until: str) -> None:
        """Let an identity act for somebody, from one time until another.

        Raises:
            AuthorityError: There is no such identity.
        """
        self._known(identity)["delegated"] = {"by": by, "since": since, "until": until}

    def add_key(self, identity: str, public_key: str, use: str) -> None:
        """Give an identity one more key.

        Raises:
            AuthorityError: There is no such identity, or the key is there already.
            KeyFormatError: It is refused as a key.
        """
        self._known(identity)
        self._add_key({"identity": identity, "key": public_key, "use": use})

    def rotate(self, old: str, public_key: str) -> None:
        """Put another key in the place of the one with this fingerprint.

        Raises:
            AuthorityError: There is no such key, or the other one is there already.
            KeyFormatError: The other one is refused as a key.
        """
        self._add_key({**self._keys.pop(self._named(old)), "key": public_key})

    def revoke(self, key: str, compromised_since: int | None) -> None:
        """Refuse a key (by fingerprint) from now on, and doubt what it wrote since an entry.

        A key that is no longer listed can be revoked too: by its whole fingerprint.
        """
        name = key if len(key) == 2 * 32 and key not in self._keys else self._named(key)
        self._keys.pop(name, None)
        since = {} if compromised_since is None else {"compromised_since": compromised_since}
        self._revoked[name] = {**self._revoked.get(name, {}), "key": name, **since}

    def rule(self, roots: Sequence[str], threshold: int | None) -> None:
        """Say who signs the documents after this one. What is empty stays."""
        if roots:
            self._roots["roots"] = sorted(set(roots))
        if threshold is not None:
            self._roots["threshold"] = threshold

    def document(self) -> Document:
        """Return the next document.

        Raises:
            AuthorityError: Something in it is not as it has to be, or nothing was changed.
        """
        plain: Plain = {
            "v": 1,
            "number": self._before.number + 1,
            "previous": digest(document_text(self._before).encode()),
            "identities": list(self._identities.values()),
            "keys": list(self._keys.values()),
            "revoked": list(self._revoked.values()),
            **self._roots,
        }
        found = parse_document(encode(plain).decode())
        if not changes(self._before, found):
            raise AuthorityError("nothing is changed", code="authority.amendment")
        return found

    def _known(self, identity: str) -> Plain:
        try:
            return self._identities[identity]
        except KeyError as error:
            raise AuthorityError(
                f"there is no identity {identity}", code="authority.amendment"
            ) from error

    def _named(self, key: str) -> str:
        found = [name for name in self._keys if len(key) >= MIN_PREFIX and name.startswith(key)]
        if len(found) != 1:
            raise AuthorityError(
                f"{len(found)} keys have a fingerprint that begins with {key!r}, and it has to "
                f"be one (at least {MIN_PREFIX} digits)",
                code="authority.amendment",
            )
        return found[0]

    def _add_key(self, entry: Plain) -> None:
        name = fingerprint(parse_public_key(entry["key"]))
        if name in self._keys:
            raise AuthorityError(f"the key {name} is there already", code="authority.amendment")
        self._keys[name] = entry


def changes(before: Document | None, after: Document) -> list[str]:
    """Say in words what a document changes, one line for each; of the first one all that it says.

    Everything in it that comes from others stands as it is: who prints it makes it harmless.
    """
    return [
        *_identities(before, after),
        *_keys(before, after),
        *_revoked(before, after),
        *_roots(after),
    ]


def _identities(before: Document | None, after: Document) -> list[str]:
    old = {one.id: one for one in before.identities} if before else {}
    new = {one.id: one for one in after.identities}
    lines = [f"removes the identity {name}" for name in old if name not in new]
    for name, one in new.items():
        was = old.get(name)
        if was == one:
            continue
        lines.append(f"{'changes' if was else 'adds'} the identity {name}")
        told = one.model_dump(by_alias=True)
        known = was.model_dump(by_alias=True) if was else {}
        lines += [
            f"  {field}: {_shown(told.get(field))}"
            + (f" (was: {_shown(known.get(field))})" if was else "")
            for field in ("owner", "roles", "permissions", "delegated")
            if told.get(field) != known.get(field)
        ]
    return lines


def _shown(value: object) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, dict):
        return ", ".join(f"{name} {one}" for name, one in value.items())  # pyright: ignore[reportUnknownVariableType]
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value)) or "none"  # pyright: ignore[reportUnknownArgumentType]
    return str(value)


def _keys(before: Document | None, after: Document) -> list[str]:
    old = {one.key: one for one in before.keys} if before else {}
    new = {one.key: one for one in after.keys}
    gone = [one for key, one in old.items() if new.get(key) != one]
    come = [one for key, one in new.items() if old.get(key) != one]
    return [
        f"{verb} the key {fingerprint(bytes.fromhex(one.key))} of {one.identity} "
        f"({'signs heads' if one.use == 'head' else 'writes'})"
        for verb, listed in (("takes out", gone), ("adds", come))
        for one in listed
    ]


def _revoked(before: Document | None, after: Document) -> list[str]:
    old = {one.key: one for one in before.revoked} if before else {}
    new = {one.key: one for one in after.revoked}
    lines = [f"no longer lists the key {key} as revoked" for key in old if key not in new]
    for key, one in new.items():
        if old.get(key) != one:
            since = one.compromised_since
            doubt = "" if since is None else f"; what it wrote from entry {since} on is in doubt"
            lines.append(f"revokes the key {key}{doubt}")
    return lines


def _roots(after: Document) -> list[str]:
    lines: list[str] = []
    if after.roots is not None:
        lines.append(f"the documents after it are signed by others: {len(after.roots)} root keys")
        lines += [f"  {fingerprint(bytes.fromhex(root))}" for root in after.roots]
    if after.threshold is not None:
        lines.append(f"the documents after it need {after.threshold} root signatures")
    return lines
