"""A deployment for Kubernetes whose probes ask the workers. Pure: no clock, no socket, no state.

Source: https://kubernetes.io/docs/tasks/configure-pod-container/configure-liveness-readiness-startup-probes/
"""

import re
from typing import Final

from queue_telemetry.export._file import File, comment
from queue_telemetry.export._ports import place
from queue_telemetry.export._yaml import Value, as_yaml
from queue_telemetry.settings import Settings

__all__ = ["kubernetes"]

_STATE: Final = "/run/queue-telemetry"
_GRACE_S: Final = 60  # for the tasks that run when a pod is told to end
_NO_LABEL: Final = re.compile(r"[^a-z0-9-]+")


def kubernetes(settings: Settings) -> list[File]:
    """Return a deployment: the parts that are the application's own are examples."""
    head = comment(
        "A worker's deployment. Readiness falls at the start of a shutdown, liveness never looks at a broker. Where the port"
        " cannot be used, an exec probe asks the same: queue-telemetry health --live. Written by: queue-telemetry export"
        " --target kubernetes"
    )
    return [File("kubernetes/deployment.yaml", head + as_yaml(_deployment(settings)))]


def _deployment(settings: Settings) -> Value:
    where = place(settings)
    name = _NO_LABEL.sub("-", where.name.lower()).strip("-")[:63].strip("-") or "worker"
    labels = {"app.kubernetes.io/name": name}
    variables = {
        "SERVICE": where.name,
        "HEALTH_HOST": "0.0.0.0",  # noqa: S104 - the kubelet comes from outside of the pod
        "HEALTH_PORT": str(where.port),
        "HEALTH_DRAIN_ON_SIGTERM": "true",
        "STATE_DIR": f"{_STATE}/state",  # the volume itself is open to others
    }
    container: Value = {
        "name": name,
        "image": f"registry.example.com/{name}:1.2.3",
        "env": [{"name": f"QUEUE_TELEMETRY_{key}", "value": value} for key, value in variables.items()],
        "ports": [{"name": "health", "containerPort": where.port}],
        "startupProbe": _probe("/livez", 1, 30),
        "livenessProbe": _probe("/livez", 10, 3),
        "readinessProbe": _probe("/readyz", 5, 2),
        "volumeMounts": [{"name": "state", "mountPath": _STATE}],
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "labels": labels},
        "spec": {
            "replicas": 2,
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {
                    "labels": labels,
                    "annotations": {
                        "prometheus.io/scrape": "true",
                        "prometheus.io/path": "/metrics",
                        "prometheus.io/port": str(where.port),
                    },
                },
                "spec": {
                    "terminationGracePeriodSeconds": _GRACE_S,
                    "containers": [container],
                    "volumes": [{"name": "state", "emptyDir": {"medium": "Memory"}}],
                },
            },
        },
    }


def _probe(path: str, period_s: int, failures: int) -> Value:
    return {
        "httpGet": {"path": path, "port": "health"},
        "periodSeconds": period_s,
        "timeoutSeconds": 2,
        "failureThreshold": failures,
    }
