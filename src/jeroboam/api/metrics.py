"""Figures for Prometheus. Labels come from the route's template, never from what a client sent."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from jeroboam.api.services import Services
from jeroboam.model import container
from jeroboam.store import objects

REGISTRY = CollectorRegistry()
REQUESTS = Counter("jeroboam_requests", "HTTP requests answered", ["method", "route", "status"], registry=REGISTRY)
LATENCY = Histogram(
    "jeroboam_request_seconds",
    "Time from a request's first byte to the end of its answer",
    ["route"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10),
    registry=REGISTRY,
)
STREAMS = Gauge("jeroboam_streams", "Open event streams and websockets", ["kind"], registry=REGISTRY)
OBJECTS = Gauge("jeroboam_objects", "Containers by phase", ["phase"], registry=REGISTRY)
ENGINE_CALLS = Gauge("jeroboam_engine_calls", "Calls of tenants that wait for the engine", registry=REGISTRY)


def render(services: Services) -> bytes:
    """The exposition; what is counted in the database is counted now."""
    with services.database.read() as tx:
        counts = objects.phases(tx, container.KIND)
    for phase in container.Phase:
        OBJECTS.labels(phase.value).set(counts.get(phase.value, 0))
    return generate_latest(REGISTRY)
