"""Hosts that are network namespaces: two writers' and a server's, and cables that can be cut.

Nothing of it is in the machine's own network: each cable has both its ends in these namespaces.
"""

import os
import shutil
import subprocess
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

# Of a network for documentation: nothing is routed there.
NET = "198.51.100.0/24"


class NoNamespacesError(Exception):
    """There are no network namespaces to be had here; says why."""


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True)


def _add(space: str) -> None:
    """Add a namespace.

    Raises:
        NoNamespacesError: It may not be.
    """
    add = ["ip", "netns", "add", space]
    done = subprocess.run(add, check=False, capture_output=True, text=True)
    if done.returncode != 0:
        raise NoNamespacesError(f"network namespaces are not allowed here ({done.stderr.strip()})")


@dataclass(frozen=True, slots=True)
class Network:
    """A server's host, and a cable to each writer's host.

    Attributes:
        name: What all names of namespaces begin with.
        hosts: The writers' hosts, by number from 0.
    """

    name: str
    hosts: Sequence[int]

    def within(self, host: int | None) -> Sequence[str]:
        """Return what a command begins with that runs on a writer's host, or on the server's."""
        return ("ip", "netns", "exec", self.space(host))

    def space(self, host: int | None) -> str:
        """Return the namespace of a writer's host, or of the server's."""
        return f"{self.name}-server" if host is None else f"{self.name}-{host}"

    def address(self, host: int) -> str:
        """Return where the server is for this host."""
        return f"198.51.100.{host * 4 + 1}"

    def cut(self, host: int) -> None:
        """Pull the cable of a host at the server."""
        _ip("-n", self.space(None), "link", "set", f"to-{host}", "down")

    def mend(self, host: int) -> None:
        """Put it back."""
        _ip("-n", self.space(None), "link", "set", f"to-{host}", "up")


@contextmanager
def network(hosts: int) -> Generator[Network]:
    """Make a network, and take it away after.

    Raises:
        NoNamespacesError: It cannot be had here.
    """
    if os.geteuid() != 0 or not shutil.which("ip"):
        raise NoNamespacesError("hosts of their own take root and `ip` (Debian: iproute2)")
    made = Network(f"writ-{os.getpid()}", range(hosts))
    try:
        _add(made.space(None))
        for number in made.hosts:
            _join(made, number)
        yield made
    finally:
        for host in (None, *made.hosts):
            # Some may not have been made.
            subprocess.run(
                ["ip", "netns", "delete", made.space(host)], check=False, stderr=subprocess.DEVNULL
            )


def _join(made: Network, host: int) -> None:
    """Make a writer's host with a cable to the server's."""
    here, there, cable = made.space(host), made.space(None), f"to-{host}"
    _add(here)
    _ip(
        "link",
        "add",
        cable,
        "netns",
        there,
        "type",
        "veth",
        "peer",
        "name",
        "uplink",
        "netns",
        here,
    )
    _ip("-n", there, "address", "add", f"{made.address(host)}/30", "dev", cable)
    _ip("-n", here, "address", "add", f"198.51.100.{host * 4 + 2}/30", "dev", "uplink")
    _ip("-n", there, "link", "set", cable, "up")
    _ip("-n", here, "link", "set", "uplink", "up")
