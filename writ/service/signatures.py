"""Requests that are signed by keys of the ledger: a small profile of HTTP Message Signatures.

Every request is signed over its method, host, path, query and body, with a nonce and a time that it
ends at. What is not written exactly so is refused: there is one way to sign, and one to check.
Source: RFC 9421 (signatures), RFC 9530 (Content-Digest); docs/reference/service.md.
"""

import re
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Final, Protocol

from ledger.errors import LedgerError
from ledger.keys import verify_signature

COVERED: Final = '("@method" "@authority" "@path" "@query" "content-digest")'
MOST_VALID: Final = 120
"""Seconds that a signature may be valid for, at most."""
SKEW: Final = 30
"""Seconds that the clocks of both sides may be apart."""

_PARAMETERS: Final = re.compile(
    re.escape(COVERED) + r";created=(?P<created>\d{1,12});expires=(?P<expires>\d{1,12})"
    r';nonce="(?P<nonce>[0-9a-f]{32})";keyid="(?P<keyid>[0-9a-f]{64})";alg="ed25519"'
)
_LABEL: Final = "writ="
_DIGEST: Final = re.compile(r"sha-256=:(?P<digest>[A-Za-z0-9+/]{43}=):")
_SIGNATURE: Final = re.compile(r"writ=:(?P<signature>[A-Za-z0-9+/]{86}==):")


class Signs(Protocol):
    """A private key."""

    def sign(self, message: bytes) -> bytes:
        """Sign."""
        ...


class SignatureRefusedError(Exception):
    """A request is not signed, or not as it must be.

    Attributes:
        code: Stable name of what is wrong, such as `request.expired`.
    """

    def __init__(self, code: str, what: str) -> None:
        self.code = code
        super().__init__(what)


@dataclass(frozen=True, slots=True)
class Asked:
    """A request, as it is signed.

    Attributes:
        method: In capitals.
        authority: Host and port, in small letters.
        path: As it was sent, with a slash first.
        query: What stands behind the question mark; empty where there is none.
        body: Its bytes.
    """

    method: str
    authority: str
    path: str
    query: str
    body: bytes

    @property
    def digest(self) -> str:
        """The value of its `Content-Digest`."""
        return f"sha-256=:{b64encode(sha256(self.body).digest()).decode()}:"

    def base(self, parameters: str) -> bytes:
        """Return what is signed."""
        return (
            f'"@method": {self.method}\n'
            f'"@authority": {self.authority}\n'
            f'"@path": {self.path}\n'
            f'"@query": ?{self.query}\n'
            f'"content-digest": {self.digest}\n'
            f'"@signature-params": {parameters}'
        ).encode()


@dataclass(frozen=True, slots=True)
class Signed:
    """What a request says of its signature: nothing of it is checked yet but its form.

    Attributes:
        keyid: Fingerprint of the key.
        created: When it was made, in seconds since 1970.
        expires: When it ends.
        nonce: Names the request: 32 hex digits.
        parameters: All of that, as it was written.
        signature: The signature.
    """

    keyid: str
    created: int
    expires: int
    nonce: str
    parameters: str
    signature: bytes


def signed_headers(asked: Asked, key: Signs, keyid: str, nonce: str, now: int) -> dict[str, str]:
    """Return the headers that sign a request.

    Args:
        asked: The request.
        key: Signs.
        keyid: Its fingerprint.
        nonce: 32 hex digits that were used for no other request.
        now: Seconds since 1970.
    """
    parameters = (
        f"{COVERED};created={now};expires={now + MOST_VALID // 2}"
        f';nonce="{nonce}";keyid="{keyid}";alg="ed25519"'
    )
    signature = b64encode(key.sign(asked.base(parameters))).decode()
    return {
        "content-digest": asked.digest,
        "signature-input": f"{_LABEL}{parameters}",
        "signature": f"{_LABEL}:{signature}:",
    }


def read_signature(headers: Mapping[str, str]) -> Signed:
    """Read what a request says of its signature.

    Raises:
        SignatureRefusedError: There is none (`request.unsigned`), or it is of another form
            (`request.signature-form`).
    """
    said = headers.get("signature-input", ""), headers.get("signature", "")
    if not all(said):
        raise SignatureRefusedError(
            "request.unsigned", "sign the request: headers Signature-Input and Signature"
        )
    parameters = _PARAMETERS.fullmatch(said[0].removeprefix(_LABEL))
    signature = _SIGNATURE.fullmatch(said[1])
    if parameters is None or signature is None:
        raise SignatureRefusedError(
            "request.signature-form", f"sign it as {_LABEL}{COVERED};created=…, with alg ed25519"
        )
    return Signed(
        parameters["keyid"],
        int(parameters["created"]),
        int(parameters["expires"]),
        parameters["nonce"],
        parameters[0],
        b64decode(signature["signature"]),
    )


def check_signature(
    asked: Asked, signed: Signed, public_key: bytes, content_digest: str, now: int
) -> None:
    """Check a request's signature and times. Whether its nonce is new, others know.

    Raises:
        SignatureRefusedError: It has expired, or is of a time to come (`request.expired`), is valid
            for too long, its body is another (`request.digest`), or the signature does not hold
            (`request.signature`).
    """
    if not signed.created - SKEW <= now < min(signed.expires, signed.created + MOST_VALID) + SKEW:
        raise SignatureRefusedError(
            "request.expired", "its time has passed or not come: set the clock right, sign anew"
        )
    if _DIGEST.fullmatch(content_digest) is None or content_digest != asked.digest:
        raise SignatureRefusedError("request.digest", "Content-Digest is not that of the body")
    try:
        verify_signature(public_key, asked.base(signed.parameters), signed.signature)
    except LedgerError as error:
        raise SignatureRefusedError(
            "request.signature", "the signature does not hold for this request"
        ) from error
