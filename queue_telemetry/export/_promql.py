"""PromQL, put together from the catalog: a metric that is not there cannot be asked for. Pure.

What is asked of counters, of gauges and of timers differs; asking a metric for what its kind has not is refused.

Source: https://prometheus.io/docs/prometheus/latest/querying/functions/
"""

from queue_telemetry.metrics import CATALOG, Kind

__all__ = ["grown", "increase", "level", "mean", "present", "quantile", "rate", "ratio", "summed"]


def level(name: str, where: str = "") -> str:
    """Return what selects a gauge's present values.

    Args:
        name: In the catalog.
        where: Matchers of labels, such as `state="used"`.
    """
    return _series(name, Kind.GAUGE, "", where)


def present(name: str) -> str:
    """Return what selects a counter's series, to ask whether there are any."""
    return _series(name, Kind.COUNTER, "", "")


def summed(expression: str, *by: str, how: str = "sum") -> str:
    """Return an expression put together by labels; all of it without any."""
    return f"{how} by ({', '.join(by)}) ({expression})" if by else f"{how}({expression})"


def rate(name: str, window: str, *by: str, where: str = "") -> str:
    """Return a counter's growth a second, by labels."""
    return summed(f"rate({_series(name, Kind.COUNTER, '', where)}[{window}])", *by)


def increase(name: str, window: str, *by: str, where: str = "") -> str:
    """Return a counter's growth over a window, by labels."""
    return summed(f"increase({_series(name, Kind.COUNTER, '', where)}[{window}])", *by)


def ratio(name: str, of: str, window: str, *by: str, where: str = "") -> str:
    """Return one counter's growth as a share of another's."""
    return (
        f"{rate(name, window, *by, where=where)}\n  / {rate(of, window, *by, where=_shared(name, of, where))}"
    )


def grown(name: str, window: str, *by: str, where: str = "") -> str:
    """Return by how much a counter grew, where it did; a series that appeared in the window grew from 0.

    `increase` alone takes the first value of a series for its beginning: what happens once would never show.
    """
    series = _series(name, Kind.COUNTER, "", where)
    now, before = summed(series, *by), summed(f"{series} offset {window}", *by)
    return f"{increase(name, window, *by, where=where)} > 0\nor\n({now} unless {before}) > 0"


def quantile(share: float, name: str, window: str, *by: str, where: str = "") -> str:
    """Return the duration that a share of a timer's values stays below, seconds, by labels."""
    buckets = _series(name, Kind.TIMER, "_bucket", where)
    return f"histogram_quantile({share:g}, {summed(f'rate({buckets}[{window}])', *by, 'le')})"


def mean(name: str, window: str, *by: str, where: str = "") -> str:
    """Return a timer's mean, seconds, by labels."""
    of, count = (_series(name, Kind.TIMER, part, where) for part in ("_sum", "_count"))
    return f"{summed(f'rate({of}[{window}])', *by)}\n  / {summed(f'rate({count}[{window}])', *by)}"


def _series(name: str, kind: Kind, part: str, where: str) -> str:
    metric = CATALOG[name]
    if metric.kind is not kind:
        raise ValueError(f"{name} is a {metric.kind}, not a {kind}")
    return f"{metric.prometheus_name}{part}" + (f"{{{where}}}" if where else "")


def _shared(name: str, of: str, where: str) -> str:
    """Return the matchers that both metrics have a label for; Grafana's variables mean both."""
    foreign = set(CATALOG[name].tags) - set(CATALOG[of].tags)
    return ", ".join(one for one in where.split(", ") if one and not one.startswith(tuple(foreign)))
