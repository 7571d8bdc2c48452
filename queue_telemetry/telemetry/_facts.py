"""The facts of one process that health is judged by, gathered from its parts."""

from queue_telemetry.healthcheck import ProcessFacts
from queue_telemetry.settings import Settings
from queue_telemetry.tasks import Tracker
from queue_telemetry.telemetry._collection import Collection
from queue_telemetry.telemetry._doors import Doors
from queue_telemetry.telemetry._sink import SinkKeeper
from queue_telemetry.telemetry._vigil import Vigil

__all__ = ["facts_of"]


def facts_of(
    settings: Settings,
    tracker: Tracker,
    collection: Collection,
    vigil: Vigil,
    inlets: tuple[SinkKeeper, Doors],
    *,
    draining: bool,
    configuration_invalid: bool,
) -> ProcessFacts:
    """Return the facts as of now.

    Args:
        settings: Those in force.
        tracker: Knows the runs and the worker scopes.
        collection: Knows the destination, and whether anything was collected.
        vigil: Knows of alerts, probes and saturation.
        inlets: Where log records, and where probes come in.
        draining: It was told to finish.
        configuration_invalid: A setting was wrong and kept its default.
    """
    workers, destination = tracker.workers, collection.destination
    sink, doors = inlets
    in_flight, slots = tracker.in_flight(), workers.slots()
    telemetry = {} if destination is None else destination.stats()
    telemetry.setdefault("logs", {}).update(sink.stats())
    telemetry["probes"] = doors.stats()
    telemetry.update(vigil.stats())
    telemetry["tasks"] = {**tracker.stats(), **tracker.registry.stats()}
    return ProcessFacts(
        collected=collection.ran or not settings.enabled,
        draining=draining,
        active_workers=workers.active(),
        slots_used=min(in_flight, slots),
        slots_total=slots,
        in_flight=in_flight,
        longest_running_s=tracker.longest_running_s() if in_flight else None,
        heartbeat_age_s=workers.heartbeat_age_s(in_flight),
        configuration_invalid=configuration_invalid,
        telemetry=telemetry,
        telemetry_failing=frozenset() if destination is None else destination.failing(),
        now_s=tracker.clock.time(),
        service=settings.service,
        version=settings.version,
        utilisation=vigil.judge.utilisation,
        stale_probes=vigil.stale_probes(),
    )
