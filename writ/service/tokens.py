"""People who come with a token of their identity provider: who they are, by its signature.

They may read and have verified, and nothing else: what is recorded is signed by keys of the ledger.
Source: OpenID Connect Core 1.0, section 3.1.3.7; RFC 8725.
"""

from typing import Any, Final, cast

import jwt

from writ.service.problems import ProblemError

# One algorithm for each kind of key: a token does not choose how it is checked.
_ALGORITHMS: Final = {"RSA": "RS256", "EC": "ES256"}
_NEEDED: Final = ("exp", "iss", "aud", "email")
_LEEWAY: Final = 30


class Tokens:
    """Reads tokens of one issuer.

    Args:
        keys: Its key set, as JSON.
        issuer: Its name.
        audience: Whom its tokens have to be for.

    Raises:
        ValueError: There is no key for RS256 or ES256 in the set.
    """

    def __init__(self, keys: dict[str, Any], issuer: str, audience: str) -> None:
        try:
            found = jwt.PyJWKSet.from_dict(keys).keys
        except (jwt.PyJWTError, AttributeError, TypeError) as error:
            raise ValueError(f"not a key set: {error}") from error
        self._keys = {str(one.key_id or ""): one for one in found if one.key_type in _ALGORITHMS}
        if not self._keys:
            raise ValueError("the key set has no key for RS256 or ES256")
        self._issuer = issuer
        self._audience = audience

    def email(self, token: str) -> str:
        """Return whose token it is.

        Raises:
            ProblemError: It is not one of the issuer's for this audience, or has expired.
        """
        try:
            key = self._keys[str(jwt.get_unverified_header(token).get("kid", ""))]
            claims = jwt.decode(
                token,
                key.key,
                algorithms=[_ALGORITHMS[str(key.key_type)]],
                issuer=self._issuer,
                audience=self._audience,
                leeway=_LEEWAY,
                options={"require": list(_NEEDED)},
            )
        except (jwt.PyJWTError, KeyError, ValueError) as error:
            raise refused("the token is none of the issuer's for this service, or ended") from error
        email = cast("object", claims["email"])
        if not isinstance(email, str) or claims.get("email_verified") is False:
            raise refused("the token names no e-mail address that was verified")
        return email


def refused(what: str) -> ProblemError:
    """Return the problem of a token that is not taken."""
    return ProblemError(
        401, "request.token", what, "Get a new token.", {"WWW-Authenticate": "Bearer"}
    )
