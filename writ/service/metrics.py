"""What the service counts, in the text form of Prometheus. No label holds what a caller chose."""

from collections.abc import Callable
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
_GROUPS: Final = (1, 2, 4, 8, 16, 32, 64)


class Metrics:
    """The counters of one service."""

    def __init__(self) -> None:
        registry = CollectorRegistry()
        self._registry = registry
        self._requests = Counter(
            "writ_requests",
            "Requests by route and status.",
            ("method", "route", "status"),
            registry=registry,
        )
        self._seconds = Histogram(
            "writ_request_seconds",
            "How long a request took.",
            ("route",),
            registry=registry,
            buckets=_SECONDS,
        )
        self._decisions = Counter(
            "writ_decisions",
            "Decisions by service and effect.",
            ("service", "effect"),
            registry=registry,
        )
        self._groups = Histogram(
            "writ_group_size",
            "How many requests were recorded together.",
            ("service",),
            registry=registry,
            buckets=_GROUPS,
        )
        self._waiting = Gauge(
            "writ_waiting", "Requests that wait for a guard.", ("service",), registry=registry
        )

    def request(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count a request."""
        self._requests.labels(method, route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def decision(self, service: str, effect: str) -> None:
        """Count a decision."""
        self._decisions.labels(service, effect).inc()

    def group(self, service: str) -> Callable[[int], None]:
        """Return what counts a group of a service."""
        return self._groups.labels(service).observe

    def watch(self, service: str, waiting: Callable[[], float]) -> None:
        """Show how many wait for a service's guard."""
        self._waiting.labels(service).set_function(waiting)

    def text(self) -> bytes:
        """Return all of it."""
        return generate_latest(self._registry)
