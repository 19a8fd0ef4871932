"""How a planted conversation is written: who says what, and which call has which result."""

import json
from dataclasses import dataclass
from typing import Any, Final

BOTH: Final = ("tau1", "tau2")
TAU2: Final = ("tau2",)
OTHER_TEXT: Final = "0" * 64

Message = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Planted:
    """A conversation: what it breaks, under which versions of the policy, and what was said."""

    name: str
    breaks: tuple[str, ...]
    messages: list[Message]
    versions: tuple[str, ...] = BOTH
    other_text: bool = False

    def line(self, policy: str, document: str) -> dict[str, Any]:
        """Return the conversation as a transcript file has it."""
        digest = OTHER_TEXT if self.other_text else document
        metadata = {"domain": policy.split("-")[1], "policy": policy, "policy_sha256": digest}
        return {"id": f"{policy}/{self.name}", "metadata": metadata, "messages": self.messages}


def user(text: str) -> list[Message]:
    """Return what a customer says."""
    return [{"role": "user", "content": text}]


def agent(text: str) -> list[Message]:
    """Return what an agent says to the customer."""
    return [{"role": "assistant", "content": text}]


def call(tool: str, result: object, **params: object) -> list[Message]:
    """Return a call and its result; its id is of what is called."""
    arguments = json.dumps(params)
    name = f"{tool}-{arguments}"
    function = {"name": tool, "arguments": arguments}
    text = result if isinstance(result, str) else json.dumps(result)
    asked = {"id": name, "type": "function", "function": function}
    return [
        {"role": "assistant", "content": None, "tool_calls": [asked]},
        {"role": "tool", "tool_call_id": name, "name": tool, "content": text},
    ]


def once_more(messages: list[Message]) -> list[Message]:
    """Return the same call and result again, under another id."""
    asked, told = messages
    again = [call | {"id": f"{call['id']}-again"} for call in asked["tool_calls"]]
    return [asked | {"tool_calls": again}, told | {"tool_call_id": again[0]["id"]}]


def together(first: list[Message], second: list[Message]) -> list[Message]:
    """Return two calls made in one turn."""
    calls = [*first[0]["tool_calls"], *second[0]["tool_calls"]]
    return [first[0] | {"tool_calls": calls}, first[1], second[1]]


def saying(text: str, messages: list[Message]) -> list[Message]:
    """Return a call in the turn of which the agent speaks."""
    return [messages[0] | {"content": text}, *messages[1:]]


YES: Final = user("Yes, please.")
TRANSFER: Final = agent("YOU ARE BEING TRANSFERRED TO A HUMAN AGENT. PLEASE HOLD ON.")


def confirmed(text: str) -> list[Message]:
    """Return a proposal and the customer's yes."""
    return agent(f"{text} Do you want me to proceed (yes/no)?") + YES
