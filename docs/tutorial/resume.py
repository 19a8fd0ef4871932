"""Go on with an action that waited, once somebody has agreed to it."""

import sys

from guarded import opened
from shop import refund

with opened() as guard:
    held = sys.argv[1]
    waited = guard.proposal(held)
    with guard.attach(waited["run"]) as run, run.resumed(held) as act:
        act.ok(fields=refund(**waited["params"]))
        print(f"paid: {waited['params']}")
