"""Every operation that is stopped, by its name."""

from collections.abc import Mapping

from tests.crash.carrying import CARRYING
from tests.crash.cosigning import WITNESSES
from tests.crash.founding import FOUNDING
from tests.crash.handing_over import HANDING_OVER
from tests.crash.operations import LEDGERS, Operation
from tests.crash.spooling import SPOOLS

OPERATIONS: Mapping[str, Operation] = {
    **WITNESSES,
    **LEDGERS,
    **SPOOLS,
    **HANDING_OVER,
    **CARRYING,
    **FOUNDING,
}
