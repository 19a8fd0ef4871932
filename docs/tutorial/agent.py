"""An agent as many are: a loop that calls the tools that a model asks for."""

from model import TASKS, model
from shop import PAID, TOOLS


def work(task: str) -> None:
    """Do what the model wants."""
    asked = model(task)
    result = None
    try:
        while True:
            tool, arguments = asked.send(result)
            result = TOOLS[tool](**arguments)
    except StopIteration:
        pass


if __name__ == "__main__":
    for task in TASKS:
        work(task)
    for payout in PAID:
        print(payout)
