"""The page that goes along with a bundle: what it is, and how to check it without this tool."""

_README = """\
# A ledger to carry away

This bundle holds {size:,} entries of one ledger: the header of every one of them, and {records}.
Nothing in it is to be believed because it is in it: get the trust file of this ledger from somebody
who does not depend on whoever gave you the bundle. It names the genesis record,

    {genesis}

and, best, a checkpoint and witnesses. If it names another genesis, this is not that ledger.

## With Writ

    writ verify BUNDLE --trust TRUST.json

0: it holds, and no rule is broken · 1: broken or violated · 3: that cannot be decided, also because
of what is withheld · 4: this is no bundle, or a file in it was changed.

## Without it

`manifest.json` has the SHA-256 of every file. `entries.parquet` has one row an entry: `idx`,
`header` and `record` (empty where it is withheld), each the very bytes of the ledger.
`checkpoints.parquet` has the signed heads: `size`, `note`. Any Parquet reader opens them; with
DuckDB and OpenSSL:

1. Each record is the one that its header names. This must give 0:

       duckdb -c "SELECT count(*) FROM 'entries.parquet' WHERE record IS NOT NULL
         AND sha256(record) <> json_extract_string(decode(header), '$.record')"

2. Each header names the one before by its leaf hash, SHA-256(0x00 || header), and stands in its
   place. This must give 0:

       duckdb -c "SELECT count(*) FROM (SELECT idx, decode(header) AS h,
         lag(sha256(from_hex('00') || header)) OVER (ORDER BY idx) AS leaf FROM 'entries.parquet')
         WHERE json_extract_string(h, '$.prev') <> coalesce(leaf, repeat('0', 64))
         OR CAST(json_extract(h, '$.index') AS BIGINT) <> idx"

3. The genesis record is the one that the trust file names. This must give the digest above:

       duckdb -c "SELECT sha256(record) FROM 'entries.parquet' WHERE idx = 0"

4. The root over the leaf hashes of the first `size` entries is the one in the checkpoint (its third
   line, base64). The tree is that of RFC 6962, section 2.1: a node is
   SHA-256(0x01 || left || right), and of n leaves the left part are as many as the largest power
   of two below n.

5. The checkpoint's text, up to and including the newline before its empty line, was signed by a
   head key: the base64 after the name is 4 bytes that name the key, then 64 bytes of Ed25519.

       openssl pkeyutl -verify -pubin -inkey KEY.pem -rawin -in TEXT -sigfile SIGNATURE

   The head keys stand in the `document` of the records of kind `authority`, each signed by root
   keys that the genesis record names, over `writ/authority/v1`, a newline, and the document.

6. At position 0 of a submission the header has what its writer signed; what the text is, line by
   line, and all else that there is to check, is in the ledger format (`docs/spec/ledger-format.md`
   of Writ), section *Submission*.
{tiles}
## What is withheld

{withheld}
"""

_TILES = """
7. `tiles/` is the tree under the checkpoint of {head:,} entries as files of the C2SP tlog-tiles
   layout (https://c2sp.org/tlog-tiles), over the headers: any tool for such logs reads it.
"""

_WHOLE = "Nothing: every record is here."
_PART = """\
{count:,} records. Of each there is the header: its digest, place, time and its writer's key. A
withheld record may be of any run, and of any kind that its key may write; what hangs on it is
undecidable, and never taken for absent. Every record of governance is here (genesis, authority,
contracts, activations, switches, erasures).
"""


def readme(genesis: str, size: int, withheld: int, head: int, *, tiled: bool) -> str:
    """Return the page for a bundle.

    Args:
        genesis: Digest of the genesis record.
        size: How many entries it has headers of.
        withheld: How many records it holds back.
        head: Size of its newest checkpoint; 0 for none.
        tiled: Whether tiles go along.
    """
    return _README.format(
        genesis=genesis,
        size=size,
        records="every record" if not withheld else f"{size - withheld:,} records",
        tiles=_TILES.format(head=head) if tiled else "",
        withheld=_WHOLE if not withheld else _PART.format(count=withheld),
    )
