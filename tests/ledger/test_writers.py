"""Many writers at once, short: no fork, no gap, nothing twice, nothing acknowledged missing.

The long one is `python -m tests.ledger.writers`.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ledger import Store
from ledger.founding import Founded, create_ledger, default_founders
from tests.ledger.writers import ROOT, Answer, contest, missing, unverified


def new_ledger(location: str, folder: Path) -> Founded:
    """Found a ledger at a place."""
    return create_ledger(
        location,
        origin="example.com/ledger",
        founders=default_founders("anna@example.com", "bob@example.com"),
        keys_dir=folder / "keys",
    )


def test_many_on_a_file(tmp_path: Path) -> None:
    """Eight writers in four processes, one of them killed and started again."""
    founded = new_ledger(str(tmp_path / "ledger.db"), tmp_path)
    outcome = contest(founded, tmp_path, 2.0, 4)
    assert outcome.wrong == []
    assert sum(len(each) for each in outcome.answers) <= outcome.size


def test_many_on_a_server(location: str, tmp_path: Path) -> None:
    """The same on PostgreSQL."""
    outcome = contest(new_ledger(location, tmp_path), tmp_path, 2.0, 4)
    assert outcome.wrong == []
    assert sum(len(each) for each in outcome.answers) <= outcome.size


def test_what_is_missing_is_noticed(tmp_path: Path) -> None:
    """The contest's own check: an answer that is not there, one elsewhere, one given twice."""
    founded = new_ledger(str(tmp_path / "ledger.db"), tmp_path)
    with Store.open(founded.location) as store:
        assert missing(store, []) == []
        odd = [Answer(1, "ab" * 32, 0.0), Answer(9, "ab" * 32, 0.0), Answer(9, "cd" * 32, 0.0)]
        assert len(missing(store, odd)) == 4
    assert unverified(founded) == []


def can_make_networks() -> bool:
    """Tell whether this process may make network namespaces."""
    if os.geteuid() != 0 or not shutil.which("unshare"):
        return False
    return subprocess.run(["unshare", "--net", "true"], check=False).returncode == 0


@pytest.mark.skipif(not can_make_networks(), reason="no network namespaces can be made here")
def test_writers_with_networks_of_their_own(location: str, tmp_path: Path) -> None:
    """As on several hosts: each has its own network, and they share the server's socket alone."""
    founded = new_ledger(location, tmp_path)
    command = ["unshare", "--net", sys.executable, "-m", "tests.ledger.writers", "--as-writer"]
    command += ["--seconds", "1.5", "--store", location, "--keys", str(founded.keys_dir)]
    running = [
        subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) for _ in range(3)
    ]
    lines = [
        line.split() for one in running for line in one.communicate(timeout=90)[0].splitlines()
    ]
    assert [one.returncode for one in running] == [0, 0, 0]
    assert lines
    with Store.open(location) as store:
        answers = [Answer(int(one[0]), one[1], float(one[2])) for one in lines]
        assert missing(store, answers) == []
    assert unverified(founded) == []
