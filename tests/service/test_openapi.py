"""What OpenAPI says is what happens: whatever is asked, no failure and no status that is not named.

Requests are made up from the schema and against it, signed, and answered in this process.
"""

import secrets
from typing import Any, Final, cast

import pytest
import schemathesis
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, Phase, assume, given, settings
from schemathesis import GenerationMode

from ledger.keys import fingerprint
from ledger.signing import Signer
from tests.guard.shop import Shop
from tests.service.served import config_of
from writ.service.app import create_app
from writ.service.limits import Limits
from writ.service.signatures import Asked, signed_headers

EXAMPLES: Final = 8
HOST: Final = "testserver"
LIMITS: Final = Limits(a_second=1e6, at_once=1_000_000, unnamed=1e6)


def send(client: TestClient, case: Any, key: Signer, now: int) -> Any:  # noqa: ANN401 - untyped
    """Sign and send a case; None where it cannot be written as a request."""
    told: dict[str, Any] = case.as_transport_kwargs(base_url=f"http://{HOST}")
    told.pop("headers")
    if isinstance(told.get("data"), bytes | str):
        told["content"] = told.pop("data")
    try:
        request = client.build_request(**told)
    except (ValueError, TypeError):  # text that is no Unicode
        return None
    path, _, query = request.url.raw_path.decode().partition("?")
    asked = Asked(request.method, HOST, path, query, request.content)
    name = fingerprint(key.public_key)
    request.headers.update(signed_headers(asked, key, name, secrets.token_hex(16), now))
    return client.send(request)


def _can_be_wrong(operation: Any) -> bool:  # noqa: ANN401 - untyped
    return bool(operation.definition.raw.keys() & {"parameters", "requestBody"})


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
def test_every_status_is_documented(shop: Shop, mode: GenerationMode) -> None:
    """For each endpoint some requests: none fails, and each status is one that is documented."""
    app = create_app(config_of(shop, limits=LIMITS))
    key, now = shop.founded.key("agent"), int(shop.clock().timestamp())
    made = cast("Any", schemathesis.openapi.from_dict(app.openapi()))
    seen: dict[str, set[int]] = {}
    with TestClient(app, raise_server_exceptions=False) as client:
        for result in made.get_all_operations():
            operation: Any = result.ok()
            if mode is GenerationMode.NEGATIVE and not _can_be_wrong(operation):
                continue

            @settings(
                max_examples=EXAMPLES,
                deadline=None,
                database=None,
                derandomize=True,
                phases=[Phase.generate],
                suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
            )
            @given(operation.as_strategy(generation_mode=mode))
            def ask(case: Any) -> None:  # noqa: ANN401 - untyped
                answer = send(client, case, key, now)
                assume(answer is not None)
                documented = case.operation.definition.raw["responses"]
                assert str(answer.status_code) in documented, (case, answer.text)
                seen.setdefault(case.operation.label, set()).add(answer.status_code)

            ask()
    assert seen
    assert not any(status >= 500 for found in seen.values() for status in found), seen
    if mode is GenerationMode.POSITIVE:
        assert seen["POST /v1/runs"] & {201, 422}
        assert seen["GET /v1/head"] == {200}
