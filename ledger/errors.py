"""What can go wrong with a ledger: one base, and a leaf for each broken promise.

A leaf's `code` is stable and may be matched on; its message says what is wrong, where, and what
to do. Misuse of an interface is a `ValueError` and has no code.
"""


class LedgerError(Exception):
    """Base of every error of this package.

    Attributes:
        code: Stable name of what went wrong, `subject.what`.
        index: The entry that it happened at, if it happened at one.
    """

    code = "ledger"

    def __init__(self, message: str, *, code: str = "", index: int | None = None) -> None:
        super().__init__(message)
        self.code = code or type(self).code
        self.index = index


# ------------------------------------------------------------------------------- bytes


class EncodingError(LedgerError):
    """The bytes are not strict JSON, or the value has no strict JSON.

    Attributes:
        offset: Byte at which the text first differs from its strict writing, where that is known.
    """

    code = "encoding.not-strict"

    def __init__(self, message: str, *, code: str = "", offset: int | None = None) -> None:
        super().__init__(message, code=code)
        self.offset = offset


class RecordError(LedgerError):
    """Strict JSON, but not a record: unknown kind or field, or a field with the wrong form."""

    code = "record.malformed"


class HeaderError(LedgerError):
    """Strict JSON, but not an entry's header."""

    code = "header.malformed"


class SubmissionError(LedgerError):
    """The text is not a submission's signed text."""

    code = "submission.malformed"


class NoteError(LedgerError):
    """The text is not a signed note, or not one that holds a checkpoint of this ledger."""

    code = "checkpoint.malformed"


class ProofFormatError(LedgerError):
    """The text is not a record proof."""

    code = "proof.malformed"


# ------------------------------------------------------------------------------- trust


class KeyFormatError(LedgerError):
    """These bytes are refused as a public key: wrong length or encoding, or of small order."""

    code = "key.refused"


class InvalidSignatureError(LedgerError):
    """The signature was not made by this key over these bytes."""

    code = "signature.invalid"


class MerkleProofError(LedgerError):
    """An inclusion or consistency proof does not lead to the root."""

    code = "merkle.proof"


class AuthorityError(LedgerError):
    """An authority document is malformed, out of sequence, or not signed by enough root keys."""

    code = "authority.refused"


class SealedFormatError(LedgerError):
    """A path, a box or a disclosure is not written as one, or a value cannot be sealed."""

    code = "seal.malformed"


class UnsealedError(LedgerError):
    """A value cannot be had: another key, another place, or not what was committed to."""

    code = "seal.mismatch"


class UnprovenRecordError(LedgerError):
    """A record proof is well formed, but does not prove its record under this trust."""

    code = "proof.refused"


# ------------------------------------------------------------------------------- store


class StoreError(LedgerError):
    """The store cannot be opened, or is not one of ours."""

    code = "store.unusable"


class UnreadableEntryError(StoreError):
    """The store cannot give back the entry at `index`: page, cell or type are damaged."""

    code = "store.unreadable"


class MissingEntryError(StoreError):
    """There is no entry at `index`, though there are entries after it."""

    code = "store.missing"


class StrayRowError(StoreError):
    """The store holds a row at `index` that belongs to no entry."""

    code = "store.stray"


class BundleError(StoreError):
    """A bundle cannot be opened, is not one, or its files are not those that its manifest names."""

    code = "bundle.unusable"


# -------------------------------------------------------------------------------- writing


class RefusedError(LedgerError):
    """Base of what an append can be refused for: nothing was written."""

    code = "append.refused"


class StaleHeadError(RefusedError):
    """The ledger has grown since the head that an exact submission was made on."""

    code = "append.stale"


class ForeignHeadError(RefusedError):
    """The writer has seen a history that is not this ledger's."""

    code = "append.foreign"


class NumberingError(RefusedError):
    """The submission's number or link does not follow its stream, or was used for another text."""

    code = "append.numbering"


class NotEntitledError(RefusedError):
    """The key may not speak for this identity, or not with this kind of record."""

    code = "append.not-entitled"


class SealedRefusedError(RefusedError):
    """What a record has sealed and what was handed in with it are not the same values."""

    code = "append.sealed"


class ErasureRefusedError(RefusedError):
    """The erasure names no sealed value, or its writer may not erase this one."""

    code = "append.erasure"


class ClockError(RefusedError):
    """The ledger's clock went back by more than can be clamped."""

    code = "append.clock"


class InconsistentHeadError(RefusedError):
    """The store's history is not a continuation of the last head that was signed."""

    code = "head.inconsistent"


class SpoolError(LedgerError):
    """Records that were to wait on this machine cannot be written or read there."""

    code = "spool.unusable"


class SpoolRefusedError(LedgerError):
    """What must not wait: it was decided on the ledger as it was, or is no record to be kept."""

    code = "spool.refused"


class ReceiptError(LedgerError):
    """Receipts cannot be kept in this file, or it does not hold any."""

    code = "receipts.unusable"


class QueueFullError(LedgerError):
    """The queue before the ledger holds as much as it may, and waiting for room took too long."""

    code = "queue.full"


class KeyFileError(LedgerError):
    """A private key's file is missing, unreadable, of another kind, or open to other users."""

    code = "key.file"
