"""Lint: what is wrong or risky, where, and how much it matters."""

from pathlib import Path

import pytest

from contracts import LintMessage, Severity, lint, parse_contract

FULL = (Path(__file__).parent / "full.yaml").read_text(encoding="utf-8")

NEVER = "2026-02-01T00:00:00Z"
CLEAN = """\
contract: refunds
version: 1.0.0
identity: {service: spiffe://acme.example/ai/refunds, owner: maria@acme.example, permissions: [pay]}
scope: {modes: [read, execute]}
policy: {document: {name: refund-policy, version: "7"}}
recovery: {kill_switch: {roles: [commander]}}
tools:
  orders.get: {mode: read}
  pay: {mode: execute, permission: pay, params: {}, idempotency: params.id, irreversible: gone}
"""


def messages(text: str) -> list[tuple[str, str, int, int]]:
    """Severity, code and place of every finding."""
    return [
        (found.severity.value, found.code, found.line, found.column)
        for found in lint(text, "c.yaml")
    ]


def test_a_clean_contract() -> None:
    """Nothing is said of a contract with nothing to say of."""
    assert lint(CLEAN) == []


def test_messages_say_all() -> None:
    """A finding in one line: place, severity, code, what and what to do."""
    (found,) = lint(CLEAN.replace("[read, execute]", "[read, execute, draft]"), "c.yaml")
    assert str(found) == (
        "c.yaml:4:32: note: scope.mode-unused: no tool has the mode draft; remove it until one has"
    )
    assert found == LintMessage(Severity.NOTE, "scope.mode-unused", 4, 32, found.message, "c.yaml")


def test_takes_a_document_too() -> None:
    """A document knows its own name."""
    document = parse_contract(FULL, "full.yaml")
    assert lint(document) == lint(FULL, "full.yaml")
    assert {found.file for found in lint(document)} == {"full.yaml"}


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (
            "permissions: [pay]",
            "permissions: [pay], duties: {build: [a, b], approve: [c], run: [b]}",
            ("error", "identity.duties", 3, 146),
        ),
        (
            "permissions: [pay]",
            f"permissions: [pay], delegation: {{by: m, since: {NEVER}, until: {NEVER}}}",
            ("error", "identity.delegation", 3, 102),
        ),
        (
            "permissions: [pay]",
            "permissions: [pay, fly]",
            ("note", "identity.permission-unused", 3, 101),
        ),
        ("permission: pay,", "permission: pays,", ("error", "identity.permission", 9, 24)),
        ("orders.get: {mode: read", "orders.get: {mode: draft", ("warning", "scope.mode", 8, 16)),
        (", irreversible: gone", "", ("error", "recovery.compensation", 9, 3)),
        (", idempotency: params.id", "", ("warning", "tools.idempotency", 9, 3)),
        (", params: {}", "", ("warning", "tools.params", 9, 3)),
        (
            "irreversible: gone",
            "irreversible: gone, compensation: {tool: orders.get}",
            ("warning", "recovery.contradiction", 9, 77),
        ),
        (
            "irreversible: gone",
            "irreversible: gone, fallback: pay",
            ("error", "tools.fallback", 9, 97),
        ),
        (
            "recovery: {kill_switch: {roles: [commander]}}\n",
            "",
            ("warning", "recovery.kill-switch", 1, 1),
        ),
        (
            "kill_switch: {roles: [commander]}",
            "safe_mode: {allow: [read]}",
            ("warning", "recovery.kill-switch", 6, 1),
        ),
        (
            "recovery: {",
            "recovery: {containment: {over: service, within: 1h, value_micros: 5}, ",
            ("warning", "recovery.value", 6, 53),
        ),
    ],
)
def test_clauses(old: str, new: str, expected: tuple[str, str, int, int]) -> None:
    """Each slip in a clause gives its one finding, at its place."""
    assert old in CLEAN
    found = [
        message
        for message in messages(CLEAN.replace(old, new))
        if not message[1].endswith("-unused") or message == expected
    ]
    assert found == [expected]


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ("facts: {f: {count: true, from: action}}", ("warning", "facts.unused", 10, 9)),
        ("values: {v: 1}", ("warning", "values.unused", 10, 10)),
        ("cost: {per_run: {cost_micros: 5}}", ("warning", "cost.currency", 10, 18)),
        ("rules: [{id: r, for: pay, when: false}]", ("warning", "rule.unreachable", 10, 9)),
        ("rules: [{id: r, for: pay, unless: true}]", ("warning", "rule.unreachable", 10, 9)),
        (
            "rules: [{id: r, for: pay, when: params.x > 1, effect: approve, role: lead}]",
            ("note", "approve.claimed", 10, 9),
        ),
        (
            "rules: [{id: r, for: pay, when: run.attributes.v == 1, effect: approve, role: lead}]",
            ("warning", "approve.claimed", 10, 9),
        ),
    ],
)
def test_lines(lines: str, expected: tuple[str, str, int, int]) -> None:
    """The same for facts, values, budgets and rules."""
    assert messages(CLEAN + lines + "\n") == [expected]


def test_approvals_that_rest_on_more_than_claims() -> None:
    """A threshold compared with an observation, or with the policy's own limits, is sound."""
    text = CLEAN.replace('version: "7"}}', 'version: "7"}, limits: {most: 3}}') + (
        "facts:\n"
        "  amount: {last: observation.fields.amount, from: observation, default: 0}\n"
        "rules:\n"
        "  - {id: a, for: pay, when: params.x > facts.amount, effect: approve, role: lead}\n"
        "  - {id: b, for: pay, when: params.x > limits.most, effect: approve, role: lead}\n"
        "  - {id: c, for: pay, when: run.service == 'x', effect: approve, role: lead}\n"
        "  - {id: d, for: pay, when: size(evidence) < params.x, effect: approve, role: lead}\n"
    )
    # That the service is never another is said too.
    assert [found[1] for found in messages(text)] == ["rule.unreachable"]


@pytest.mark.parametrize(
    ("by", "claimed"),
    [
        ("run.attributes.region", True),
        ("params.region", True),
        ("facts.said", True),
        ("facts.asked", True),
        ("facts.answered", False),
        ("facts.region", False),
        ("identity.owner", False),
        ("action.tool", False),
    ],
)
def test_limits_that_rest_on_claims(by: str, claimed: bool) -> None:  # noqa: FBT001 - a case
    """An agent must not choose its own limits."""
    text = CLEAN.replace(
        'version: "7"}}',
        f'version: "7"}}, limits: {{by: {by}, default: {{most: 1}}, EU: {{most: 3}}}}}}',
    ) + (
        "facts:\n"
        "  region: {last: observation.fields.region, from: observation}\n"
        "  said: {last: message.content, from: message}\n"
        "  asked: {last: params.region, from: outcome of pay}\n"
        "  answered: {last: outcome.fields.region, from: outcome of pay}\n"
        "rules:\n"
        "  - {id: a, for: pay, when: 1 > limits.most && facts.region == facts.said}\n"
        "  - {id: b, for: pay, when: params.x > limits.most, effect: approve, role: lead}\n"
    )
    expected = {"limits.claimed", "approve.claimed"} if claimed else set[str]()
    assert {found.code for found in lint(text) if "claimed" in found.code} == expected


@pytest.mark.parametrize(
    ("fact", "severity"),
    [
        ("{last: params.n, from: action of pay, default: 0}", "warning"),
        ("{max: params.n, from: outcome of pay, default: 0}", "warning"),
        ("{last: run.attributes.n, from: run.opened, default: 0}", "warning"),
        # What was done adds up, whatever it was said to be for.
        ("{sum: params.n, from: action of pay}", None),
        ("{count: true, from: action of pay}", None),
        ("{max: observation.fields.n, from: observation, default: 0}", None),
    ],
)
def test_a_threshold_over_what_was_said_before(fact: str, severity: str | None) -> None:
    """A fact that repeats a parameter is the agent's word, from whatever record it is taken."""
    text = CLEAN + (
        f"facts: {{f: {fact}}}\n"
        "rules: [{id: a, for: pay, when: params.x > facts.f, effect: approve, role: lead}]\n"
    )
    found = [one.severity for one in lint(text) if one.code == "approve.claimed"]
    assert found == ([severity] if severity else [])


def test_limits_by_several_things() -> None:
    """Each level is looked at; what only some cases of the first say has no fallback."""
    levels = (
        "levels: [{by: run.domain, a: {most: 3, least: 1}}, {by: identity.owner, EU: {most: 2}}]"
    )
    text = (
        CLEAN.replace('version: "7"}}', f'version: "7"}}, limits: {{{levels}}}}}')
        + "rules: [{id: a, for: pay, when: limits.least > limits.most}]\n"
    )
    assert messages(text) == [
        ("note", "limits.default", 5, 57),
        ("warning", "limits.claimed", 5, 76),
        ("warning", "limits.incomplete", 5, 138),
        ("warning", "rule.unreachable", 10, 9),
    ]
    stated = text.replace("[{by: run.domain", "[{by: run.service").replace(
        "{most: 2}}]", "{most: 2}}], default: {most: 1, least: 0}"
    )
    # In none of the cases is the one greater than the other: no call can violate the rule.
    assert messages(stated) == [("warning", "rule.unreachable", 10, 9)]
    turned = stated.replace("limits.least > limits.most", "limits.least < limits.most")
    assert [found[1] for found in messages(turned)] == ["rule.always"]
    added = stated.replace("limits.least > limits.most", "params.x > limits.least + limits.most")
    assert messages(added) == []


def test_limits() -> None:
    """A limit that nobody reads, a case that lacks one, and cases without a default."""
    text = (
        CLEAN.replace(
            'version: "7"}}',
            'version: "7"}, limits: {by: identity.owner, EU: {most: 3, least: 1}, US: {most: 3}}}',
        )
        + "rules: [{id: a, for: pay, when: params.x > limits.most}]\n"
    )
    assert messages(text) == [
        ("note", "limits.default", 5, 57),
        ("note", "limits.unused", 5, 100),
        ("warning", "limits.incomplete", 5, 111),
    ]
    settled = text.replace("US: {most: 3}", "US: {most: 3}, default: {most: 1, least: 0}")
    assert {found.code for found in lint(settled)} == {"limits.unused"}
    whole = text.replace("params.x > limits.most", "size(limits) > 3")
    assert "limits.unused" not in {found.code for found in lint(whole)}


def test_facts_behind_facts() -> None:
    """A fact that only an unused fact reads is unused, one behind a rule's fact is not."""
    text = CLEAN + (
        "facts:\n"
        "  a: {count: true, from: action, unknown: skip}\n"
        "  b: {count: true, from: action, where: facts.a > 1}\n"
        "  c: {count: true, from: action}\n"
        "  d: {count: true, from: action, where: facts.c > 1}\n"
        "rules:\n"
        "  - {id: r, for: pay, expect: {from: outcome, where: facts.b > 1, within: 1h}}\n"
    )
    assert [found[1:3] for found in messages(text)] == [
        ("facts.skip", 11),
        ("facts.unused", 13),
        ("facts.unused", 14),
    ]


def test_sentences() -> None:
    """The policy's sentences are cited, and what is cited is one of them."""
    text = CLEAN.replace('version: "7"}}', 'version: "7"}, sentences: [s-1, s-2]}') + (
        "rules: [{id: r, for: pay, when: params.x > 1, cites: s-3}]\n"
    )
    assert [found[1:3] for found in messages(text)] == [
        ("policy.uncited", 5),
        ("policy.uncited", 5),
        ("policy.sentence", 10),
    ]
    assert "did you mean" in lint(text)[-1].message


def test_shadowed() -> None:
    """What is forbidden in any case needs no approval."""
    text = CLEAN.replace(
        "modes: [read, execute]",
        "modes: [read, execute], forbidden: [{id: f, for: pay}],"
        " escalate: [{id: e, for: pay, when: facts.n > 1},"
        " {id: g, for: [pay, orders.get], when: facts.n > 2}]",
    )
    text += "facts: {n: {count: true, from: action}}\n"
    assert [found[1] for found in messages(text)] == ["rule.shadowed"]


def test_nothing_to_contain() -> None:
    """Containment without a tool that executes bounds nothing."""
    text = (
        CLEAN.replace("mode: execute", "mode: read")
        .replace("execute]", "read]")
        .replace("recovery: {", "recovery: {containment: {over: run, within: 1h, calls: 3}, ")
    )
    assert [found[1] for found in messages(text)] == ["recovery.containment"]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("a: [", "yaml.syntax"),
        (CLEAN + "rules: [{id: r, for: pya, when: true}]\n", "tool.unknown"),
        (CLEAN + "rules: [{id: r, for: pay, when: true, effect: approve}]\n", "rule.role"),
        (
            CLEAN + "rules: [{id: r, for: pay, when: true}, {id: r, for: pay, when: true}]\n",
            "rule.duplicate",
        ),
        (CLEAN + "rules: [{id: r, for: pay, when: action.toool == 'x'}]\n", "condition.type"),
    ],
)
def test_errors_are_findings_too(text: str, code: str) -> None:
    """What keeps a contract from being read is an error among the findings, hints included."""
    found = lint(text)
    assert [(message.severity, message.code) for message in found] == [(Severity.ERROR, code)]
    assert code != "tool.unknown" or "did you mean `pay`?" in found[0].message


SCHEMA = (
    "{type: object, required: [n], properties:"
    " {id: {type: string}, n: {type: integer, minimum: 1, maximum: 9}}}"
)


def of_edges(rules: str) -> list[tuple[str, str, int, int]]:
    """What is said of rules on a number from 1 to 9."""
    text = CLEAN.replace("params: {}", f"params: {SCHEMA}")
    found = messages(text + "facts: {n: {count: true, from: action}}\n" + rules)
    return [one for one in found if one[1] not in {"facts.unused", "approve.claimed"}]


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        ("[{id: r, for: pay, when: params.n < 1}]", ("warning", "rule.unreachable", 11, 9)),
        ("[{id: r, for: pay, unless: params.n <= 9}]", ("warning", "rule.unreachable", 11, 9)),
        ("[{id: r, for: pay, when: facts.n < 0}]", ("warning", "rule.unreachable", 11, 9)),
        ("[{id: r, for: pay, when: params.n > 3 && params.n < 2}]",
         ("warning", "rule.unreachable", 11, 9)),
        ("[{id: r, for: pay, when: 1 > 2}]", ("warning", "rule.unreachable", 11, 9)),
        ("[{id: r, for: pay, when: params.n >= 1}]", ("error", "rule.always", 11, 9)),
        ("[{id: r, for: pay, unless: params.n > 3 && params.n < 2}]",
         ("error", "rule.always", 11, 9)),
        ("[{id: r, for: pay, when: params.n >= 1, effect: approve, role: lead}]",
         ("warning", "rule.always", 11, 9)),
        ("[{id: a, for: pay, when: params.n > 4}, {id: b, for: pay, unless: params.n > 4}]",
         ("error", "rule.contradiction", 11, 48)),
        (("[{id: a, for: pay, unless: facts.n < params.n},"
         " {id: b, for: pay, unless: params.n < facts.n}]"),
         ("error", "rule.contradiction", 11, 56)),
    ],
)  # fmt: skip
def test_edges(rules: str, expected: tuple[str, str, int, int]) -> None:
    """What can never or always be violated, and two rules that cannot both be kept."""
    assert of_edges(f"rules: {rules}\n") == [expected]


@pytest.mark.parametrize(
    "rules",
    [
        "[{id: r, for: pay, when: params.n > 8}]",
        "[{id: a, for: pay, when: params.n > 4}, {id: b, for: pay, unless: params.n > 3}]",
        "[{id: a, for: pay, when: params.n > 4}, {id: b, for: orders.get, unless: facts.n > 4}]",
        (
            "[{id: a, for: pay, when: facts.n > 4},"
            " {id: b, for: pay, unless: params.n > 4, effect: warn}]"
        ),
        "[{id: r, for: pay, when: \"evidence.exists(e, e.source == 'shop')\"}]",
        "[{id: r, for: pay, unless: \"evidence.exists(e, e.source == 'shop')\"}]",
        "[{id: r, for: pay, when: size(evidence) > 3}]",
        # What a condition computes in another way is not looked into, right or wrong.
        "[{id: r, for: pay, when: params.n * params.n < 0}]",
    ],
)
def test_edges_that_are_in_order(rules: str) -> None:
    """One value that tells is enough, and what is not understood is not judged."""
    assert of_edges(f"rules: {rules}\n") == []


@pytest.mark.parametrize(
    ("condition", "found"),
    [
        ("params.m.map(k, k)[0] == 'x'", True),
        ("params.m.filter(k, k != 'y')[0] == 'x'", True),
        ("params.m.map(k, k).join(',') == 'x'", True),
        ("params.m.map(k, k) == ['x']", True),
        ("params.m.map(k, k).map(k, k)[0] == 'x'", True),
        ("run.attributes.map(k, k)[0] == 'x'", True),
        ("params.l.map(k, k)[0] == 'x'", False),
        ("['x'].map(k, k)[0] == params.m.y", False),
        ("evidence.map(e, e.kind)[0] == 'x'", False),
        ("params.m.map(k, k).exists(k, k == 'x')", False),
        ("params.m.all(k, k == 'x')", False),
        ("size(params.m.map(k, k)) > 3", False),
    ],
)
def test_the_order_of_a_map(condition: str, found: bool) -> None:  # noqa: FBT001 - a case
    """A place in a list that was made from a map's keys is a place in no order."""
    schema = "{type: object, properties: {id: {type: string}, m: {type: object}, l: {type: array}}}"
    text = CLEAN.replace("params: {}", f"params: {schema}")
    text += f'rules: [{{id: r, for: pay, when: "{condition}"}}]\n'
    expected = [("warning", "condition.map-order", 10, 33)] if found else []
    assert [one for one in messages(text) if one[1] == "condition.map-order"] == expected


def test_rules_that_cite_nothing() -> None:
    """Where the policy's sentences are listed, each written rule says which one it keeps."""
    text = CLEAN.replace('version: "7"}}', 'version: "7"}, sentences: [s-1]}') + (
        "rules:\n"
        "  - {id: r, for: pay, when: facts.n > 1, cites: s-1}\n"
        "  - {id: q, for: pay, when: facts.n > 2}\n"
        "facts: {n: {count: true, from: action}}\n"
    )
    assert messages(text) == [("note", "rule.uncited", 12, 5)]


def test_escalations_that_rest_on_claims() -> None:
    """As for approvals: the agent can avoid the person by saying something else."""
    rule = "rules: [{id: r, for: pay, when: run.attributes.v == 1, effect: escalate}]\n"
    assert messages(CLEAN + rule) == [("warning", "escalate.claimed", 10, 9)]
