"""What the property tests draw from: values, records, headers and submissions of every form."""

from collections.abc import Mapping

from hypothesis import strategies as st

from ledger.encoding import MAX_INTEGER, digest
from ledger.entry import MAX_SUBMISSION, ZEROS, Header, Seen
from ledger.submission import Submission

texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
integers = st.integers(-MAX_INTEGER, MAX_INTEGER)
naturals = st.integers(0, MAX_INTEGER)
floats = st.floats(allow_nan=False, allow_infinity=False)
scalars = st.none() | st.booleans() | integers | floats | texts
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)
objects = st.dictionaries(texts, values, max_size=4)

digests = st.binary(min_size=32, max_size=32).map(bytes.hex)
ids = st.binary(min_size=16, max_size=16).map(bytes.hex)
names = st.text(st.characters(min_codepoint=33, exclude_categories=["Cs"]), min_size=1, max_size=12)
times = st.datetimes().map(lambda moment: moment.isoformat(timespec="microseconds") + "Z")
identities = st.from_regex(r"spiffe://[a-z0-9]{1,8}(/[A-Za-z0-9_-]{1,6}){1,3}", fullmatch=True)
signatures = st.from_regex(r"[A-Za-z0-9+/]{85}[AQgw]==", fullmatch=True)


def parts(
    required: Mapping[str, st.SearchStrategy[object]],
    optional: Mapping[str, st.SearchStrategy[object]] | None = None,
) -> st.SearchStrategy[dict[str, object]]:
    """Draw the fields of a piece of a record: all that are required, any of the optional ones."""
    return st.fixed_dictionaries(dict(required), optional=dict(optional or {}))


money = parts({"currency": st.sampled_from(["EUR", "USD", "JPY"]), "micros": integers})
tokens = parts({}, {"input": naturals, "output": naturals})
policy = parts({}, {"name": names, "version": names, "digest": digests})
source = parts(
    {
        "source": names,
        "digest": digests,
        "line": st.integers(1, MAX_INTEGER),
        "clock": st.sampled_from(["claimed", "none"]),
    }
)
reason = parts(
    {
        "rule": names,
        "result": st.sampled_from(["violated", "undecidable"]),
        "effect": st.sampled_from(["allow", "warn", "approve", "escalate", "deny"]),
    }
)
decision = parts(
    {
        "effect": st.sampled_from(["allow", "approve", "escalate", "deny"]),
        "reasons": st.lists(reason, max_size=2),
    }
)
true = st.sampled_from([True])
present = values.filter(lambda value: value is not None)
contract_texts = texts.map(lambda text: {"text": text, "digest": digest(text.encode())})

KINDS: dict[str, st.SearchStrategy[dict[str, object]]] = {
    "genesis": st.lists(digests, min_size=1, max_size=3, unique=True).flatmap(
        lambda roots: parts(
            {
                "origin": names,
                "seed": digests,
                "roots": st.just(sorted(roots)),
                "threshold": st.integers(1, len(roots)),
            }
        )
    ),
    "authority": parts(
        {
            "document": texts,
            "signatures": st.lists(parts({"key": digests, "signature": signatures}), max_size=2),
        }
    ),
    "contract": st.tuples(parts({"service": names, "version": names}), contract_texts).map(
        lambda both: {**both[0], **both[1]}
    ),
    "activation": parts(
        {
            "service": names,
            "version": names,
            "digest": digests,
            "effective_at": times,
            "approved_by": st.lists(identities, max_size=2),
        },
        {"imported": true},
    ),
    "switch": parts(
        {
            "service": names,
            "state": st.sampled_from(["engaged", "released"]),
            "mode": st.sampled_from(["kill", "safe"]),
            "reason": texts,
        },
        {"selector": texts},
    ),
    "run opened": parts(
        {"phase": st.just("opened"), "service": names},
        {
            "ref": names,
            "goal": texts,
            "channel": names,
            "workflow": names,
            "domain": names,
            "requester": names,
            "parent": digests,
            "model": names,
            "grant": st.lists(names, max_size=2),
            "prompt_digest": digests,
            "tools_digest": digests,
            "policy": policy,
            "attributes": objects,
            "import": source,
        },
    ),
    "run closed": parts(
        {"phase": st.just("closed"), "run": digests, "outcome": texts}, {"value": money}
    ),
    "message": parts(
        {
            "run": digests,
            "role": st.sampled_from(["user", "assistant", "system", "human"]),
            "turn": naturals,
        },
        {"content": texts, "cost": money, "tokens": tokens, "name": names},
    ),
    "observation": parts(
        {"what": names, "source": names, "observer": identities | st.just("source")},
        {
            "ref": names,
            "run": digests,
            "action": digests,
            "observed_at": times,
            "digest": digests,
            "fields": present,
            "self_attested": true,
        },
    ),
    "action": parts(
        {"run": digests, "tool": names, "params": objects},
        {
            "mode": names,
            "target": names,
            "channel": names,
            "evidence": st.lists(digests, max_size=2),
            "idempotency_key": names,
            "contract": parts({"version": names, "digest": digests}),
            "decision": decision,
            "estimate": parts({}, {"cost": money, "value": money}),
            "resumes": digests,
            "compensates": digests,
            "turn": naturals,
            "call_id": names,
        },
    ),
    "approval": parts(
        {"action": digests, "verdict": st.sampled_from(["approve", "refuse", "withdraw"])},
        {"rule": names, "expires_at": times, "reason": texts},
    ),
    "outcome": parts(
        {
            "action": digests,
            "run": digests,
            "status": st.sampled_from(["ok", "error", "timeout", "skipped", "abandoned"]),
        },
        {
            "leaf": digests,
            "result_digest": digests,
            "fields": present,
            "error": texts,
            "cost": money,
            "value": money,
            "tokens": tokens,
        },
    ),
    "stream-close": parts({}),
    "review": parts(
        {
            "finding": names,
            "state": st.sampled_from(["open", "acknowledged", "suppressed", "resolved"]),
        },
        {"assignee": names, "note": texts},
    ),
    "erasure": parts(
        {"record": digests, "paths": st.lists(names, max_size=2), "reason": texts},
    ),
}


def record_of(kind: str) -> st.SearchStrategy[dict[str, object]]:
    """Draw the JSON of a record of this kind (`run opened` and `run closed` are two)."""
    every = {
        "v": st.just(1),
        "kind": st.just(kind.split(maxsplit=1)[0]),
        "nonce": ids,
        "by": identities,
    }
    return st.tuples(KINDS[kind], parts(every, {"at": times})).map(
        lambda both: {**both[0], **both[1]}
    )


record_values = st.sampled_from(sorted(KINDS)).flatmap(record_of)


@st.composite
def submissions(draw: st.DrawFn) -> Submission:
    """Draw a submission of consistent fields."""
    number = draw(naturals)
    seen_size = draw(naturals)
    nonzero = digests.filter(lambda text: text != ZEROS)
    return Submission(
        genesis=draw(digests),
        key=draw(digests),
        stream=draw(ids),
        number=number,
        previous=draw(nonzero) if number else ZEROS,
        seen_size=seen_size,
        seen_leaf=draw(nonzero) if seen_size else ZEROS,
        exact=draw(st.booleans()),
        count=draw(st.integers(1, MAX_SUBMISSION)),
        root=draw(digests),
    )


@st.composite
def headers(draw: st.DrawFn) -> Header:
    """Draw a header, opening a submission or not."""
    submission = draw(submissions())
    position = draw(st.integers(0, submission.count - 1))
    first = position == 0
    seen = Seen(size=submission.seen_size, leaf=submission.seen_leaf)
    return Header(
        index=draw(naturals),
        prev=draw(digests),
        recorded_at=draw(times),
        record=draw(digests),
        key=submission.key,
        stream=submission.stream,
        number=submission.number,
        position=position,
        count=submission.count,
        previous=submission.previous if first else None,
        seen=seen if first else None,
        exact=submission.exact if first else None,
        root=submission.root if first else None,
        signature=draw(signatures) if first else None,
    )
