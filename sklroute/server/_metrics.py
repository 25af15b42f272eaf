"""What the server counts, in the text format of Prometheus."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client import generate_latest as as_text
from prometheus_client.process_collector import ProcessCollector

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


class Metrics:
    """Counters of one server; those of the process (memory, files) are among them.

    Examples
    --------
    >>> from sklroute.server._metrics import Metrics
    >>> metrics = Metrics()
    >>> metrics.queries.labels(model="large").inc(3)
    >>> [line for line in metrics.text().decode().splitlines() if "large" in line][0]
    'sklroute_queries_total{model="large"} 3.0'
    """

    def __init__(self):
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)

        def make(kind, name, text, labels=(), **options):
            name = f"sklroute_{name}"
            return kind(name, text, labels, registry=self.registry, **options)

        self.requests = make(
            Counter, "requests", "Answered requests.", ["path", "status"]
        )
        self.seconds = make(
            Histogram,
            "route_seconds",
            "Seconds that a request to /route takes.",
            buckets=SECONDS,
        )
        self.in_progress = make(
            Gauge, "route_in_progress", "Requests to /route in progress."
        )
        self.queries = make(
            Counter, "queries", "Routed queries by answered model.", ["model"]
        )
        self.reloads = make(Counter, "reloads", "Reloads of the file.", ["result"])
        self.shadow_written = make(Counter, "shadow_lines", "Lines in the shadow log.")
        self.shadow_lost = make(
            Counter,
            "shadow_lines_lost",
            "Lines that could not be written to the shadow log.",
        )
        for result in ("loaded", "failed"):  # so that they are there before the first
            self.reloads.labels(result=result)

    def text(self) -> bytes:
        """All counters as Prometheus reads them."""
        return as_text(self.registry)
