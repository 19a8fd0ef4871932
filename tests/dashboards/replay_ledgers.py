"""A ledger that replay's pages have something to say of: two versions, prices and currencies.

Every run pays once, and the last one twice. Payments can be taken back, mails cannot; what a run is
worth is known, and what its messages and its people cost.
"""

from tests.verifier.forge import SERVICE, Desk, identity

CONTRACT = f"""\
contract: till
version: VERSION
identity:
  service: {SERVICE}
  owner: Mara
  permissions: []
scope:
  modes: [read, execute]
  approve:
    - id: large
      for: pay
      when: params.amount > limits.large
      role: refunds-lead
      says: Needs a lead.
policy:
  document: {{name: till policy, version: "1"}}
  limits: {{large: LARGE}}
tools:
  look: {{mode: read}}
  pay:
    mode: execute
    target: params.customer
    compensation: {{tool: unpay, params: {{payment: outcome.fields.payment}}}}
  unpay: {{mode: execute, irreversible: it is paid again by a new decision}}
  mail: {{mode: execute, target: params.customer, irreversible: what is sent is sent}}
cost:
  value: {{cost_per_value_max: 0.5}}
rules:
  - {{id: small, for: pay, when: params.amount > 1000, says: Never this much.}}
"""
RUNS = 24
MICROS = 1_000_000


def text(version: str = "2.0.0", large: int = 100) -> str:
    """Return the till's contract, with the amount from which a lead is asked."""
    return CONTRACT.replace("VERSION", version).replace("LARGE", str(large))


def till(runs: int = RUNS) -> Desk:
    """Return a ledger with runs under two versions, a payment in each, and a mail in some."""
    forge = Desk()
    forge.publish("2.0.0", text=text())
    for number in range(runs):
        if number == runs // 2:
            forge.publish("2.1.0", text=text("2.1.0"))
        _run(forge, number)
    forge.sign_head()
    return forge


def _run(forge: Desk, number: int) -> None:
    """Add a run: what it pays, costs and is worth goes by its number."""
    run = forge.open_run(
        ref=f"till-{number}",
        channel="chat" if number % 2 else "email",
        model="till-model-2" if number >= RUNS // 2 else "till-model-1",
        requester=f"customer-{number}@example.com",
        goal=f"pay customer {number}",
    )
    currency = "USD" if number == 5 else "EUR"
    forge.submit(
        "agent",
        forge.make(
            "message",
            "agent",
            run=run,
            role="assistant",
            turn=0,
            content=f"I pay customer-{number}.",
            cost={"currency": currency, "micros": 10_000 * (number % 4 + 1)},
            tokens={"input": 100, "output": 10},
        ),
    )
    customer = f"C-{number % 5}"
    amount = 20 * number % 100 + 1
    act = forge.act(run, "pay", {"amount": amount, "customer": customer}, turn=0)
    worth = {"currency": currency, "micros": amount * MICROS}
    fee = {"currency": currency, "micros": 250_000}
    forge.end(run, act, value=worth, cost=fee, fields={"payment": f"P-{number}"})
    if number == RUNS - 1:
        again = forge.act(run, "pay", {"amount": 90, "customer": customer}, turn=0)
        forge.end(run, again, value=worth, cost=fee, fields={"payment": "P-again"})
    if number % 6 == 0:
        mail = forge.act(run, "mail", {"customer": customer}, turn=0)
        forge.end(run, mail, cost={"currency": currency, "micros": 1_000})
    if number % 6 == 1:
        minutes = {"minutes": 2 + number % 2, "person": "lead"}
        forge.submit(
            "agent",
            forge.make(
                "observation",
                "agent",
                run=run,
                what="human-time",
                source="rota",
                observer=identity("agent"),
                ref=f"R-{number}",
                fields=minutes,
            ),
        )
    forge.close_run(run, value={"currency": currency, "micros": (number % 3) * 2 * MICROS})
