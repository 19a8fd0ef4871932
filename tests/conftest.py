"""Settings that all tests share: how hard the property tests try."""

import os

from hypothesis import HealthCheck, settings

# No deadline in any profile: a shared machine stalls now and then, and that is not a bug of ours.
settings.register_profile("dev", max_examples=50, deadline=None)
# The same examples each time: a change is judged by what it changed, not by luck.
settings.register_profile("ci", max_examples=100, deadline=None, derandomize=True, print_blob=True)
# New examples each time, and many: this is where luck is looked for.
settings.register_profile(
    "fuzz",
    max_examples=5_000,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "dev"))
