"""A forge: makes ledgers, good ones and ones that no client would write.

It signs and links like the ledger does, and checks nothing: whatever a test wants to be wrong can
be made wrong and then be signed, linked and covered by a head all the same.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, cast

import psycopg
from sqlalchemy import make_url

from ledger.authority import Document, IdentityEntry, KeyEntry, Revocation, document_text
from ledger.authority import signed_bytes as signed_document
from ledger.checkpoint import COSIGNATURE, Checkpoint, VerifierKey, parse_note
from ledger.cosignature import cosign, line_bytes
from ledger.encoding import decode, digest, encode, to_base64
from ledger.entry import ZEROS, leaf_hash
from ledger.keys import fingerprint
from ledger.merkle import root as merkle_root
from ledger.records import AnyRecord, record_bytes
from ledger.signing import MemoryKey, sign_checkpoint
from ledger.store import Store
from ledger.submission import Submission, signed_text, submission_root
from verifier.trust import Trust

ORIGIN = "shop.example/ledger"
SERVICE = "spiffe://shop.example/desk"
ROLES = {
    "steward": ("steward", "commander"),
    "agent": ("agent",),
    "importer": ("importer",),
    "author": ("author",),
    "activator": ("activator", "approver"),
    "lead": ("refunds-lead",),
    "reviewer": ("reviewer", "eraser"),
}
OWNERS = {"activator": "Ada", "lead": "Lin", "eraser": "Dora"}


def identity(name: str) -> str:
    """Return the identity with this short name."""
    return f"spiffe://shop.example/{name}"


def key_of(name: str) -> MemoryKey:
    """Return the key that belongs to a name, always the same."""
    return MemoryKey.from_seed(digest(name.encode()).encode()[:32])


def witness_of(name: str, key: str = "") -> VerifierKey:
    """Return the witness with this name, by the key of the name or another one."""
    return VerifierKey(name, key_of(key or name).public_key, COSIGNATURE)


class Forge:
    """A ledger in memory, to be saved to a file."""

    def __init__(self, roles: dict[str, tuple[str, ...]] | None = None) -> None:
        self.roles = ROLES if roles is None else roles
        self.headers: list[bytes] = []
        self.records: list[bytes] = []
        self.notes: list[tuple[int, bytes]] = []
        self.cosignatures: list[tuple[int, str, str, int, bytes]] = []
        self.second = 0
        self._numbers: dict[tuple[str, str], tuple[int, str]] = {}
        self._nonce = 0
        self.genesis = ""
        genesis = self.make(
            "genesis",
            "steward",
            origin=ORIGIN,
            seed="00" * 32,
            roots=[key_of("root").public_key.hex()],
            threshold=1,
        )
        self.genesis = digest(genesis)
        self.document = self.first_document()
        self.submit("steward", genesis, self.authority(self.document))

    # ------------------------------------------------------------------------- records

    def make(self, kind: str, name: str, **fields: object) -> bytes:
        """Return the bytes of a record, whatever is in it."""
        self._nonce += 1
        own = {"v": 1, "kind": kind, "nonce": f"{self._nonce:032x}", "by": identity(name)}
        return encode({**own, **fields})

    def first_document(self, **changes: object) -> Document:
        """Return authority document number 1."""
        names = [*self.roles, "head"]
        fields: dict[str, Any] = {
            "number": 1,
            "previous": ZEROS,
            "identities": tuple(
                IdentityEntry(
                    id=identity(name),
                    owner=OWNERS.get(name, "Mara"),
                    roles=self.roles.get(name, ()),
                )
                for name in names
            ),
            "keys": tuple(
                KeyEntry(
                    key=key_of(name).public_key.hex(),
                    identity=identity(name),
                    use="head" if name == "head" else "write",
                )
                for name in names
            ),
            "revoked": (),
        }
        return Document.model_validate({**fields, **changes})

    def next_document(self, *, revoke: str, since: int | None = None) -> Document:
        """Return the document that follows, without one of the keys."""
        gone = key_of(revoke).public_key
        return self.document.model_copy(
            update={
                "number": self.document.number + 1,
                "previous": digest(document_text(self.document).encode()),
                "keys": tuple(key for key in self.document.keys if key.key != gone.hex()),
                "revoked": (Revocation(key=fingerprint(gone), compromised_since=since),),
            }
        )

    def authority(self, document: Document, signer: str = "root") -> bytes:
        """Return an authority record with a document that somebody signed."""
        text = document_text(document)
        key = key_of(signer)
        signature = to_base64(key.sign(signed_document(text)))
        return self.make(
            "authority",
            "steward",
            document=text,
            signatures=[{"key": key.public_key.hex(), "signature": signature}],
        )

    # --------------------------------------------------------------------- submissions

    def submit(
        self,
        name: str,
        *records: bytes | AnyRecord,
        key: MemoryKey | None = None,
        at: str | None = None,
        stream: str = "00" * 16,
        header: dict[str, Any] | None = None,
        **signed: object,
    ) -> list[str]:
        """Add records as one submission, and return their digests.

        Args:
            name: Who signs.
            records: The records.
            key: Another key than theirs.
            at: `recorded_at`; default: a second after the submission before.
            stream: The stream.
            header: Members of the first header to be other than they should.
            signed: Fields of the signed text to be other than they should.
        """
        raws = [raw if isinstance(raw, bytes) else record_bytes(raw) for raw in records]
        digests = [digest(raw) for raw in raws]
        signer = key or key_of(name)
        self.second += 1
        recorded = at or f"2026-03-01T09:{self.second // 60:02}:{self.second % 60:02}.000000Z"
        submission = self._submission(signer, stream, digests, signed)
        text = signed_text(submission)
        self._numbers[submission.key, stream] = (submission.number + 1, digest(text))
        opening: dict[str, Any] = {
            "previous": submission.previous,
            "seen": {"size": submission.seen_size, "leaf": submission.seen_leaf},
            "exact": submission.exact,
            "root": submission.root,
            "signature": to_base64(signer.sign(text)),
            **(header or {}),
        }
        for position, (raw, record) in enumerate(zip(raws, digests, strict=True)):
            fields: dict[str, Any] = {
                "v": 1,
                "index": len(self.headers),
                "prev": self.leaves()[-1].hex() if self.headers else ZEROS,
                "recorded_at": recorded,
                "record": record,
                "key": submission.key,
                "stream": stream,
                "number": submission.number,
                "position": position,
                "count": submission.count,
            }
            self.headers.append(encode({**fields, **(opening if position == 0 else {})}))
            self.records.append(raw)
        return digests

    def _submission(
        self, signer: MemoryKey, stream: str, digests: Sequence[str], signed: dict[str, object]
    ) -> Submission:
        key = fingerprint(signer.public_key)
        number, previous = self._numbers.get((key, stream), (0, ZEROS))
        fields: dict[str, Any] = {
            "genesis": self.genesis,
            "key": key,
            "stream": stream,
            "number": number,
            "previous": previous,
            "seen_size": len(self.headers),
            "seen_leaf": self.leaves()[-1].hex() if self.headers else ZEROS,
            "exact": False,
            "count": len(digests),
            "root": submission_root(digests),
        }
        return Submission(**{**fields, **cast("dict[str, Any]", signed)})

    def relink(self, start: int = 1) -> None:
        """Link the headers again from `start` on, as whoever rewrites a ledger would."""
        for index in range(max(start, 1), len(self.headers)):
            header = decode(self.headers[index])
            header["prev"] = leaf_hash(self.headers[index - 1]).hex()
            header["index"] = index
            self.headers[index] = encode(header)

    # ------------------------------------------------------------------- heads and files

    def leaves(self) -> list[bytes]:
        """Return the leaf hashes."""
        return [leaf_hash(header) for header in self.headers]

    def sign_head(self, signer: str = "head", size: int | None = None) -> bytes:
        """Sign the head, and keep it."""
        size = len(self.headers) if size is None else size
        checkpoint = Checkpoint(ORIGIN, size, merkle_root(self.leaves()[:size]))
        note = sign_checkpoint(checkpoint, key_of(signer))
        self.notes.append((size, note))
        return note

    def cosign(self, name: str, at: int, *, key: str = "", size: int = -1) -> bytes:
        """Have a witness sign one of the heads (default: the last), and keep its line."""
        size, note = self.notes[size] if size < 0 else (size, dict(self.notes)[size])
        witness = witness_of(name, key)
        line = cosign(parse_note(note).text, witness, key_of(key or name).sign, at)
        raw = line_bytes(line)
        self.cosignatures.append((size, name, line.key_id.hex(), at, raw))
        return raw

    def trust(self, checkpoint: bytes = b"", **changes: object) -> Trust:
        """Return a trust file's content for this ledger."""
        fields: dict[str, Any] = {
            "genesis": self.genesis,
            "origin": ORIGIN,
            "checkpoint": checkpoint.decode(),
        }
        return Trust(**{**fields, **cast("dict[str, Any]", changes)})

    def save(self, path: Path) -> Path:
        """Write the ledger to a file, around the store's guards."""
        Store.create(path).close()
        with closing(sqlite3.connect(path)) as connection, connection:
            connection.executemany("INSERT INTO entries VALUES (?, ?)", self._numbered())
            connection.executemany(
                "INSERT INTO records VALUES (?, ?)", list(enumerate(self.records))
            )
            connection.executemany("INSERT INTO checkpoints VALUES (?, ?)", self.notes)
            connection.executemany(
                "INSERT INTO cosignatures VALUES (?, ?, ?, ?, ?)", self.cosignatures
            )
        return path

    def fill(self, url: str, statements: Sequence[tuple[str, Sequence[object]]] = ()) -> None:
        """Write the ledger to a database, around its guards; one that is there already goes.

        Args:
            url: Of a database with the tables of a store.
            statements: What is done to the tables afterwards; a value's place is written `?`.
        """
        plain = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
        tables: dict[str, Sequence[Sequence[object]]] = {
            "entries": list(enumerate(self.headers)),
            "records": list(enumerate(self.records)),
            "checkpoints": self.notes,
            "cosignatures": self.cosignatures,
            "sealed": [],
            "subjects": [],
        }
        with psycopg.connect(plain) as connection, connection.cursor() as cursor:
            cursor.execute("SET session_replication_role = replica")
            for table, rows in tables.items():
                places = ", ".join(["%s"] * (5 if table == "cosignatures" else 2))
                cursor.execute(f"DELETE FROM {table}".encode())  # noqa: S608
                cursor.executemany(f"INSERT INTO {table} VALUES ({places})".encode(), rows)  # noqa: S608
            for statement, values in statements:
                cursor.execute(statement.replace("?", "%s").encode(), tuple(values))

    def _numbered(self) -> Iterator[tuple[int, bytes]]:
        return iter(list(enumerate(self.headers)))


CONTRACT = """\
contract: desk
version: VERSION
identity:
  service: spiffe://shop.example/desk
  owner: Mara
  permissions: []
scope:
  modes: [read, execute]
  approve:
    - {id: large, for: pay, when: params.amount > 100, role: refunds-lead, says: Needs a lead.}
policy:
  document: {name: desk policy, version: "1"}
tools:
  look: {mode: read}
  pay: {mode: execute, irreversible: money is gone}
facts:
  looked: {seen: true, from: outcome of look, where: outcome.status == "ok"}
rules:
  - {id: looked, for: pay, unless: facts.looked, says: Look first., cites: P1}
  - {id: small, for: pay, when: params.amount > 1000, says: Never this much.}
"""


def contract_text(version: str = "1.0.0") -> str:
    """Return the text of the desk's contract."""
    return CONTRACT.replace("VERSION", version)


class Desk(Forge):
    """A forge whose ledger has a contract in force, and agents that work under it."""

    def __init__(
        self, *, imported: bool = False, roles: dict[str, tuple[str, ...]] | None = None
    ) -> None:
        super().__init__(roles)
        self.who = "importer" if imported else "agent"
        self.publish(imported=imported)

    def publish(
        self, version: str = "1.0.0", *, imported: bool = False, text: str | None = None
    ) -> None:
        """Publish and activate a version, with another text where one is given."""
        text = contract_text(version) if text is None else text
        of = {"service": SERVICE, "version": version, "digest": digest(text.encode())}
        self.submit("author", self.make("contract", "author", text=text, **of))
        marked = {"imported": True} if imported else {}
        minute, second = divmod(self.second + 1, 60)
        effective = f"2026-03-01T09:{minute:02}:{second:02}.000000Z"
        self.submit(
            "activator",
            self.make(
                "activation",
                "activator",
                effective_at=effective,
                approved_by=[identity("activator")],
                **of,
                **marked,
            ),
        )

    def open_run(self, **fields: object) -> str:
        """Open a run, and return its digest."""
        if self.who == "importer":
            source = {"source": "a.jsonl", "digest": "11" * 32, "line": 1, "clock": "none"}
            fields = {"import": source, "ref": "run-1", **fields}
        made = self.make("run", self.who, phase="opened", service=SERVICE, **fields)
        return self.submit(self.who, made)[0]

    def act(self, run: str, tool: str, params: dict[str, Any], **fields: object) -> str:
        """Record an action, and return its digest."""
        made = self.make("action", self.who, run=run, tool=tool, params=params, **fields)
        return self.submit(self.who, made, exact=True)[0]

    def end(self, run: str, action: str, status: str = "ok", **fields: object) -> str:
        """Record an action's outcome."""
        made = self.make("outcome", self.who, run=run, action=action, status=status, **fields)
        return self.submit(self.who, made)[0]

    def close_run(self, run: str, **fields: object) -> str:
        """Close a run."""
        said = {"outcome": "done", **fields}
        made = self.make("run", self.who, phase="closed", run=run, **said)
        return self.submit(self.who, made)[0]

    def paid(self, amount: int = 5, *, look: bool = True, **fields: object) -> str:
        """Play a run in which something is paid, and return the payment's digest."""
        run = self.open_run()
        if look:
            self.end(run, self.act(run, "look", {}))
        action = self.act(run, "pay", {"amount": amount}, **fields)
        self.end(run, action)
        self.close_run(run)
        return action
