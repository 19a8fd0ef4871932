"""The process that does what is stopped, and the folders that it is done in."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.crash.catalogue import OPERATIONS
from tests.crash.operations import CARELESS
from tests.crash.stopping import NoCompilerError, Stopper, stopper

Fresh = Callable[[str], Path]


@pytest.fixture(scope="session")
def stop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stopper]:
    """Give what does operations and stops them."""
    try:
        with stopper(tmp_path_factory.mktemp("shim")) as started:
            yield started
    except NoCompilerError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def templates(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Give the folder that an operation starts from, made once."""
    made: dict[str, Path] = {}

    def template(operation: str) -> Path:
        if operation not in made:
            folder = tmp_path_factory.mktemp(operation).resolve()
            {**OPERATIONS, **CARELESS}[operation].prepare(folder)
            made[operation] = folder
        return made[operation]

    return template


@pytest.fixture
def fresh(templates: Callable[[str], Path], tmp_path: Path) -> Fresh:
    """Give a folder as an operation starts from it, each time as new."""

    def copy(operation: str) -> Path:
        folder = tmp_path.resolve() / "case"
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(templates(operation), folder)
        return folder

    return copy
