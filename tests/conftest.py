"""What all tests share: how hard properties are tried, and a PostgreSQL server."""

import gc
import os
from collections.abc import Generator, Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, settings
from sqlalchemy import create_engine, make_url, text

from tests.ledger.postgresql import NoServerError, throw_away_server
from tests.uncounted import FILES, count_few, uncounted

# No deadline in any profile: a shared machine stalls now and then, and that is not a bug of ours.
settings.register_profile("dev", max_examples=50, deadline=None)
# The same examples each time: a change is judged by what it changed, not by luck.
settings.register_profile("ci", max_examples=30, deadline=None, derandomize=True, print_blob=True)
# New examples each time, and many: this is where luck is looked for.
settings.register_profile(
    "fuzz",
    max_examples=5_000,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "dev"))


def pytest_collection_finish() -> None:
    """Keep the collected tests, which stay to the end, out of every search for garbage."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 10, 10)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Count nothing of some files: neither their tests, nor what is made for them."""
    if item.nodeid.startswith(FILES):
        with uncounted():
            return (yield)
    return (yield)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_call(item: pytest.Item) -> None:
    """Keep what counting the lines that a property reaches costs in bounds."""
    count_few(item)


@pytest.fixture(scope="session")
def server_url() -> Iterator[str]:
    """Give the URL of a server on which databases may be made."""
    named = os.environ.get("WRIT_TEST_POSTGRES", "")
    if named:
        yield named
        return
    try:
        with throw_away_server() as url:
            yield url
    except NoServerError as error:
        pytest.skip(f"{error}; or name a server in WRIT_TEST_POSTGRES")


@pytest.fixture
def location(server_url: str) -> Iterator[str]:
    """Give the URL of an empty database, and remove it after."""
    server = make_url(server_url).set(drivername="postgresql+psycopg")
    name = f"writ_{uuid4().hex}"
    # A test may have ended the server's processes: what is left of a connection is asked first.
    engine = create_engine(server, isolation_level="AUTOCOMMIT", pool_pre_ping=True)
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    yield server.set(database=name).render_as_string(hide_password=False)
    with engine.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    engine.dispose()


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Give where a ledger may be made, on each kind of store."""
    if request.param == "postgresql":
        url: str = request.getfixturevalue("location")
        return url
    return str(tmp_path / "ledger.db")
