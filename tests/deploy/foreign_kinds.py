"""Fields of kinds that Kubernetes does not have itself, as far as the manifests may use them.

A field that is not here may be right all the same: add it from the kind's own reference, and not from the manifest.
That of the `ScaledObject` is https://keda.sh/docs/2.17/reference/scaledobject-spec/ with the page of its scaler
`temporal`, that of the `PodMonitor` https://prometheus-operator.dev/docs/api-reference/api/.
"""

from __future__ import annotations

from typing import Any

Schema = dict[str, Any]

_TEXT: Schema = {"type": "string", "minLength": 1}
_TEXTS: Schema = {"type": "array", "items": _TEXT}
_LABELS: Schema = {"type": "object", "additionalProperties": {"type": "string"}}
_DURATION: Schema = {"type": "string", "pattern": r"^([0-9]+(ms|s|m|h))+$"}
_FLAG: Schema = {"enum": ["true", "false"]}
_NUMBER: Schema = {"type": "string", "pattern": r"^[0-9]+$"}


def _whole(least: int = 0, most: int = 2**31 - 1) -> Schema:
    return {"type": "integer", "minimum": least, "maximum": most}


def _object(needed: tuple[str, ...] = (), **properties: Schema) -> Schema:
    return {"type": "object", "properties": properties, "required": [*needed], "additionalProperties": False}


def _list(items: Schema) -> Schema:
    return {"type": "array", "minItems": 1, "items": items}


def _manifest(api_version: str, kind: str, spec: Schema) -> Schema:
    return _object(
        ("apiVersion", "kind", "metadata", "spec"),
        apiVersion={"const": api_version},
        kind={"const": kind},
        metadata=_object(("name",), name=_TEXT, namespace=_TEXT, labels=_LABELS, annotations=_LABELS),
        spec=spec,
    )


_SCALING = _object(
    stabilizationWindowSeconds=_whole(0, 3600),
    selectPolicy={"enum": ["Max", "Min", "Disabled"]},
    policies=_list(
        _object(
            ("type", "value", "periodSeconds"),
            type={"enum": ["Pods", "Percent"]},
            value=_whole(1),
            periodSeconds=_whole(1, 1800),
        )
    ),
)
_TEMPORAL_TRIGGER = _object(
    ("type", "metadata"),
    type={"const": "temporal"},
    name=_TEXT,
    metricType={"enum": ["AverageValue", "Value"]},
    useCachedMetrics={"type": "boolean"},
    authenticationRef=_object(("name",), name=_TEXT, kind={"enum": ["TriggerAuthentication"]}),
    # A mapping of texts: numbers and flags need quotes.
    metadata=_object(
        ("endpoint", "taskQueue"),
        endpoint={"type": "string", "pattern": r"^[\w.-]+:[0-9]+$"},
        namespace=_TEXT,
        taskQueue=_TEXT,
        queueTypes={"type": "string", "pattern": "^(workflow|activity)(,(workflow|activity))*$"},
        targetQueueSize=_NUMBER,
        activationTargetQueueSize=_NUMBER,
        buildId=_TEXT,
        selectAllActive=_FLAG,
        selectUnversioned=_FLAG,
        minConnectTimeout=_NUMBER,
        unsafeSsl=_FLAG,
        tlsServerName=_TEXT,
    ),
)
_SCALED_OBJECT = _object(
    ("scaleTargetRef", "triggers"),
    scaleTargetRef=_object(("name",), name=_TEXT, kind=_TEXT, apiVersion=_TEXT, envSourceContainerName=_TEXT),
    pollingInterval=_whole(1),
    cooldownPeriod=_whole(),
    initialCooldownPeriod=_whole(),
    idleReplicaCount=_whole(),
    minReplicaCount=_whole(),
    maxReplicaCount=_whole(1),
    fallback=_object(("failureThreshold", "replicas"), failureThreshold=_whole(1), replicas=_whole()),
    advanced=_object(
        restoreToOriginalReplicaCount={"type": "boolean"},
        horizontalPodAutoscalerConfig=_object(name=_TEXT, behavior=_object(scaleUp=_SCALING, scaleDown=_SCALING)),
    ),
    triggers=_list(_TEMPORAL_TRIGGER),
)

_RELABELING = _object(
    sourceLabels=_TEXTS,
    separator={"type": "string"},
    regex=_TEXT,
    modulus=_whole(1),
    targetLabel=_TEXT,
    replacement={"type": "string"},
    action={"enum": ["replace", "keep", "drop", "hashmod", "labelmap", "labeldrop", "labelkeep"]},
)
_POD_MONITOR = _object(
    ("selector", "podMetricsEndpoints"),
    jobLabel=_TEXT,
    podTargetLabels=_TEXTS,
    sampleLimit=_whole(),
    namespaceSelector=_object(any={"type": "boolean"}, matchNames=_TEXTS),
    selector=_object(
        matchLabels=_LABELS,
        matchExpressions=_list(
            _object(
                ("key", "operator"),
                key=_TEXT,
                operator={"enum": ["In", "NotIn", "Exists", "DoesNotExist"]},
                values=_TEXTS,
            )
        ),
    ),
    podMetricsEndpoints=_list(
        _object(
            port=_TEXT,
            path={"type": "string", "pattern": "^/"},
            scheme={"enum": ["http", "https"]},
            interval=_DURATION,
            scrapeTimeout=_DURATION,
            honorLabels={"type": "boolean"},
            relabelings=_list(_RELABELING),
            metricRelabelings=_list(_RELABELING),
        )
    ),
)

SCHEMAS: dict[tuple[str, str], Schema] = {
    (version, kind): _manifest(version, kind, spec)
    for version, kind, spec in (
        ("keda.sh/v1alpha1", "ScaledObject", _SCALED_OBJECT),
        ("monitoring.coreos.com/v1", "PodMonitor", _POD_MONITOR),
    )
}
"""By `apiVersion` and `kind`."""
