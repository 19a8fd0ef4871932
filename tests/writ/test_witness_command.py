"""`writ witness` as people use it: a real server process, real files, real kills."""

import http.client
import json
import re
import subprocess
import sys
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ledger.checkpoint import Checkpoint, parse_checkpoint, parse_note
from ledger.encoding import digest
from ledger.founding import trust_file
from ledger.merkle import consistency_proof, leaf_hash, root
from ledger.records import Message
from ledger.signing import FileKey, sign_checkpoint
from ledger.store import Store
from ledger.testing import ORIGIN, BuiltLedger, build_ledger
from ledger.witness import AddCheckpoint, request_bytes
from tests.writ.conftest import Run
from writ.witness_server import BURST, Rate

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def built(tmp_path: Path) -> BuiltLedger:
    """A ledger with one run in it."""
    return build_ledger(tmp_path)


@pytest.fixture
def vkey(writ: Run) -> str:
    """A new witness in the folder `w`, by its verifier key."""
    code, out, _ = writ("witness", "new", "--dir", "w", "--name", "witness.example/w1")
    assert code == 0
    return out.strip()


@contextmanager
def served(folder: Path, log: str) -> Generator[tuple[str, subprocess.Popen[str]]]:
    """Run a witness's server, and give its URL and its process."""
    command = [sys.executable, "-m", "writ", "witness", "serve", "--dir", str(folder / "w")]
    process = subprocess.Popen(
        [*command, "--listen", "127.0.0.1:0", "--log", log],
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    found = re.search(r"http://\S+", process.stderr.readline())
    assert found is not None
    reading = threading.Thread(target=process.stderr.read)
    reading.start()
    try:
        yield found[0], process
    finally:
        process.kill()
        process.wait()
        reading.join()
        process.stderr.close()


def log_key(writ: Run) -> str:
    """Return the verifier key of the ledger's heads."""
    code, out, _ = writ("witness", "log-key", "ledger.db")
    assert code == 0
    return out.strip()


def trusting(built: BuiltLedger, **more: object) -> str:
    """Write a trust file, and return its name."""
    fields = {**json.loads(trust_file(built.founded)), **more}
    Path("trust.json").write_text(json.dumps(fields), "utf-8")
    return "trust.json"


def grow(built: BuiltLedger) -> None:
    """Append a message and have a head signed."""
    with Store.open(built.path, writable=True) as store:
        client = built.client("agent", store)
        client.submit([client.make(Message, run="ab" * 32, role="user", turn=0)])


def test_cosign_verify_and_age(writ: Run, built: BuiltLedger, vkey: str, tmp_path: Path) -> None:
    """What a witness cosigned is complete as of then; without, or too late, it is undecidable."""
    trust = trusting(built, witnesses=[vkey], max_age=3600)
    code, out, _ = writ("verify", "ledger.db", "--trust", trust)
    assert (code, "too few witnesses" in out) == (3, True)
    with served(tmp_path, log_key(writ)) as (url, _):
        code, out, _ = writ("witness", "cosign", "ledger.db", "--witness", f"{url}={vkey}")
        assert (code, "cosigned at 10 entries" in out) == (0, True)
        grow(built)
        code, out, _ = writ("witness", "cosign", "ledger.db", "--witness", f"{url}={vkey}")
        assert (code, "cosigned at 11 entries" in out) == (0, True)
    code, out, _ = writ("verify", "ledger.db", "--trust", trust)
    assert "too few" not in out
    assert "complete as of" in out
    code, out, _ = writ("verify", "ledger.db", "--trust", trust, "--at", "2099-01-01T00:00:00Z")
    assert "cosignatures too old" in out
    assert code != 0
    code, _, err = writ("verify", "ledger.db", "--trust", trust, "--at", "yesterday")
    assert (code, "verify.at" in err) == (2, True)
    code, out, _ = writ("witness", "cosign", "ledger.db", "--witness", f"{url}={vkey}")
    assert (code, "unavailable" in out) == (3, True)


def test_over_http_as_the_specification_has_it(
    writ: Run, built: BuiltLedger, vkey: str, tmp_path: Path
) -> None:
    """Statuses, the type of a conflict, limits, and the last head for whoever monitors."""
    with Store.open(built.path) as store:
        note = store.last_checkpoint() or b""
    body = request_bytes(AddCheckpoint(0, (), note))
    with served(tmp_path, log_key(writ)) as (url, _):
        connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=10)

        def ask(method: str, path: str, sent: bytes | None = None) -> tuple[int, str, bytes]:
            connection.request(method, path, sent)
            answer = connection.getresponse()
            return answer.status, answer.headers["Content-Type"], answer.read()

        path = f"/{digest(ORIGIN.encode())}/checkpoint"
        assert ask("GET", path)[0] == 404
        status, _, line = ask("POST", "/add-checkpoint", body)
        assert (status, line[:3]) == (200, "—".encode())
        assert vkey.partition("+")[0].encode() in line
        assert ask("POST", "/add-checkpoint", body) == (409, "text/x.tlog.size", b"10\n")
        assert ask("GET", path)[::2] == (200, note + line)
        assert ask("POST", "/add-checkpoint", b"nonsense")[0] == 400
        assert ask("POST", "/elsewhere", body)[0] == 404
        assert ask("GET", "/checkpoint")[0] == 404
        assert ask("PUT", "/add-checkpoint", body)[0] == 501
        connection.close()
        assert ask("POST", "/add-checkpoint", b"x" * 90_000)[0] == 413
        connection.close()
        connection.putrequest("POST", "/add-checkpoint")
        connection.endheaders()
        assert connection.getresponse().status == 411
        connection.close()


def race(place: str, leaves: list[bytes], key: FileKey, signed: list[bytes]) -> None:
    """Grow a log as fast as a witness signs it, from wherever the witness is."""
    known = 0
    for size in range(1, 60):
        note = sign_checkpoint(Checkpoint(ORIGIN, size, root(leaves[:size])), key)
        proof = consistency_proof(leaves[:size], known) if 0 < known <= size else []
        connection = http.client.HTTPConnection(place, timeout=5)
        try:
            request = request_bytes(AddCheckpoint(known, tuple(proof), note))
            connection.request("POST", "/add-checkpoint", request)
            answer = connection.getresponse()
            said = answer.read()
        except (OSError, http.client.HTTPException):
            return
        finally:
            connection.close()
        if answer.status == 200:
            signed.append(note)
            known = size
        elif answer.status == 409:
            known = int(said)


def test_a_killed_witness_goes_on_where_it_was(
    writ: Run, built: BuiltLedger, vkey: str, tmp_path: Path
) -> None:
    """Killed while requests of two histories come in: it never signs both, before or after."""
    key = built.founded.key("head")
    histories = [[leaf_hash(bytes([side, at])) for at in range(64)] for side in (0, 1)]
    signed: list[bytes] = []

    log = log_key(writ)
    for _ in range(3):
        with served(tmp_path, log) as (url, process):
            place = url.removeprefix("http://")
            threads = [
                threading.Thread(target=race, args=(place, one, key, signed)) for one in histories
            ]
            for thread in threads:
                thread.start()
            enough = len(signed) + 4
            while len(signed) < enough and threads[0].is_alive():
                time.sleep(0.01)
            process.kill()
            for thread in threads:
                thread.join()
    heads = [parse_checkpoint(parse_note(note).text) for note in signed]
    sides = {
        side
        for side, leaves in enumerate(histories)
        for head in heads
        if head.root == root(leaves[: head.size])
    }
    assert heads
    assert len(sides) == 1
    assert vkey


def test_a_witness_without_a_network(writ: Run, built: BuiltLedger, vkey: str) -> None:
    """Request, answer and line go by file; a second history is refused."""
    log = log_key(writ)
    assert writ("witness", "request", "ledger.db", "--out", "request")[0] == 0
    assert writ("witness", "answer", "request", "--dir", "w", "--log", log, "--out", "line")[0] == 0
    code, out, _ = writ("witness", "keep", "ledger.db", "line", "--key", vkey)
    assert (code, out) == (0, "kept under the head of 10 entries\n")
    trust = trusting(built, witnesses=[vkey])
    assert "complete as of" in writ("verify", "ledger.db", "--trust", trust)[1]
    Path("w/logs").write_text(f"{log}\n", "utf-8")
    code, out, _ = writ("witness", "answer", "request", "--dir", "w")
    assert (code, out.startswith("REFUSED (409)")) == (1, True)


def test_a_restored_store_is_stopped_until_the_right_one_is_back(
    writ: Run, built: BuiltLedger, vkey: str, tmp_path: Path
) -> None:
    """The witness knows more: appends stop by command; the right store back, they go on."""
    memory = built.founded.keys_dir / "head.memory"
    with Store.open(built.path, writable=True):
        pass
    before = built.path.read_bytes(), memory.read_bytes()
    grow(built)
    with served(tmp_path, log_key(writ)) as (url, _):
        asked = ("ledger.db", "--witness", f"{url}={vkey}")
        assert writ("witness", "resolve", *asked)[1] == "appends are not stopped\n"
        assert writ("witness", "cosign", *asked)[0] == 0
        after = built.path.read_bytes(), memory.read_bytes()
        built.path.write_bytes(before[0])
        memory.write_bytes(before[1])
        code, out, err = writ("witness", "cosign", *asked)
        assert (code, "ahead" in out, "head.witness-ahead" in err) == (1, True, True)
        code, _, err = writ("witness", "resolve", *asked)
        assert (code, "still lacks it" in err) == (1, True)
        built.path.write_bytes(after[0])
        memory.write_bytes(after[1])
        code, out, _ = writ("witness", "resolve", *asked)
        assert (code, "appends go on" in out) == (0, True)
    grow(built)


def test_a_witness_that_is_wrong_is_overridden(
    writ: Run, built: BuiltLedger, vkey: str, tmp_path: Path
) -> None:
    """It claims what it cannot show: appends go on by command, and the evidence and reason stay."""
    signer = built.founded.head_signer()
    signer.stop.set("the witness w says so")
    assert "head.witness-ahead" in writ("doctor", "ledger.db")[1]
    with served(tmp_path, log_key(writ)) as (url, _):
        named = ("--witness", f"{url}={vkey}")
        assert writ("witness", "resolve", "ledger.db")[0] == 2
        assert writ("witness", "resolve", "ledger.db", *named, "--override", "x")[0] == 2
    assert writ("witness", "resolve", "ledger.db", "--override", " ")[0] == 2
    assert signer.stop.said() is not None
    code, out, err = writ("witness", "resolve", "ledger.db", "--override", "its disk was swapped")
    assert (code, "appends go on" in out, "no more" in err) == (0, True, True)
    grow(built)
    code, out, _ = writ("doctor", "ledger.db")
    assert (code, "its disk was swapped" in out, "head.overridden" in out) == (1, True, True)
    (kept,) = built.founded.keys_dir.glob("head.overridden-*")
    assert "the witness w says so" in kept.read_text("utf-8")
    assert (
        writ("witness", "resolve", "ledger.db", "--override", "x")[1] == "appends are not stopped\n"
    )


def test_a_head_of_our_own_key_is_not_overridden(writ: Run, built: BuiltLedger) -> None:
    """A witness that shows one is right: the store has lost what its key signed."""
    key = built.founded.key("head")
    signer = built.founded.head_signer()
    signer.stop.set("ahead", sign_checkpoint(Checkpoint(ORIGIN, 400, b"\1" * 32), key))
    code, _, err = writ("witness", "resolve", "ledger.db", "--override", "never mind")
    assert (code, "still lacks it" in err) == (1, True)
    assert signer.stop.said() is not None
    assert signer.stop.overridden() == []


def test_two_heads_of_one_size_prove_a_split_view(writ: Run, built: BuiltLedger) -> None:
    """From the two notes and the key alone; both are printed as evidence."""
    key = built.founded.key("head")
    Path("a").write_bytes(sign_checkpoint(Checkpoint(ORIGIN, 5, b"\1" * 32), key))
    Path("b").write_bytes(sign_checkpoint(Checkpoint(ORIGIN, 5, b"\2" * 32), key))
    log = log_key(writ)
    code, out, _ = writ("witness", "compare", "a", "b", "--log", log)
    assert (code, out.startswith("SPLIT VIEW")) == (1, True)
    assert Path("a").read_text("utf-8") in out
    assert Path("b").read_text("utf-8") in out
    assert writ("witness", "compare", "a", "a", "--log", log)[0] == 0
    assert writ("witness", "compare", "a", "b")[0] == 2
    Path("b").write_bytes(Path("b").read_bytes().replace(b"\n5\n", b"\n6\n"))
    assert writ("witness", "compare", "a", "b", "--log", log)[0] == 4


def test_two_sizes_take_a_proof_or_the_ledger(writ: Run, built: BuiltLedger) -> None:
    """Without either it is undecidable; a wrong proof shows nothing; the ledger decides."""
    key, trust = built.founded.key("head"), trusting(built)
    with Store.open(built.path) as store:
        leaves = list(store.leaves())
    for name, size in (("a", 6), ("b", 10)):
        head = Checkpoint(ORIGIN, size, root(leaves[:size]))
        Path(name).write_bytes(sign_checkpoint(head, key))
    Path("c").write_bytes(sign_checkpoint(Checkpoint(ORIGIN, 6, b"\1" * 32), key))
    log = ("--log", log_key(writ))
    within = ("--ledger", "ledger.db", "--trust", trust)
    lines = request_bytes(AddCheckpoint(6, tuple(consistency_proof(leaves, 6)), b""))
    Path("proof").write_bytes(lines.partition(b"\n")[2])
    assert writ("witness", "compare", "a", "b", *log)[0] == 3
    assert writ("witness", "compare", "b", "a", *log, "--proof", "proof")[0] == 0
    code, out, _ = writ("witness", "compare", "c", "b", *log, "--proof", "proof")
    assert (code, "shows nothing" in out) == (3, True)
    assert writ("witness", "compare", "a", "b", *within)[0] == 0
    code, out, _ = writ("witness", "compare", "c", "b", *within)
    assert (code, "two histories were signed" in out) == (1, True)
    Path("d").write_bytes(sign_checkpoint(Checkpoint(ORIGIN, 12, b"\1" * 32), key))
    assert writ("witness", "compare", "a", "d", *within)[0] == 3


def test_heads_that_an_auditor_copied(writ: Run, built: BuiltLedger) -> None:
    """Each must be in the ledger; where one is not, each is said to be or not."""
    with Store.open(built.path) as store:
        Path("good").write_bytes(store.last_checkpoint() or b"")
    key, trust = built.founded.key("head"), trusting(built)
    Path("bad").write_bytes(sign_checkpoint(Checkpoint(ORIGIN, 4, b"\1" * 32), key))
    Path("long").write_bytes(sign_checkpoint(Checkpoint(ORIGIN, 400, b"\1" * 32), key))
    asked = ("verify", "ledger.db", "--trust", trust, "--checkpoint", "good")
    before = writ("verify", "ledger.db", "--trust", trust)[0]
    assert writ(*asked)[0] == before
    for name, says in (("bad", "bad, of 4 entries: NOT"), ("long", "long, of 400 entries: NOT")):
        code, out, err = writ(*asked, "--checkpoint", name)
        assert (code, "BROKEN" in out.upper()) == (1, True)
        assert "good, of 10 entries: in the ledger" in err
        assert says in err
    assert writ("verify", "ledger.db", "--checkpoint", "good")[0] == 2


def test_misuse_is_said(writ: Run, vkey: str, built: BuiltLedger) -> None:
    """A second key, no log, no port, no witness."""
    assert vkey
    assert built.path.exists()
    assert writ("witness", "new", "--dir", "w", "--name", "again")[0] == 4
    assert writ("witness", "new", "--dir", "v", "--name", "a b")[0] == 4
    assert writ("witness", "serve", "--dir", "w")[0] == 2
    assert writ("witness", "serve", "--dir", "w", "--listen", "nowhere", "--log", "x")[0] == 2
    assert writ("witness", "cosign", "ledger.db", "--witness", vkey)[0] in {2, 4}
    assert writ("witness", "cosign", "sqlite:///x.db", "--witness", f"http://a={vkey}")[0] == 2


def test_a_bucket_fills_with_time() -> None:
    """So many at once, and then so many a second."""
    now = [0.0]
    rate = Rate(lambda: now[0])
    assert [rate.allows("a") for _ in range(int(BURST) + 2)] == [True] * int(BURST) + [False] * 2
    assert rate.allows("b")
    now[0] = 1.0
    assert rate.allows("a")
