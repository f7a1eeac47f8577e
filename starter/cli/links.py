"""Links into the Web UI, for commands that need no connection to Temporal."""

from __future__ import annotations

from urllib.parse import quote

from temporalio.envconfig import ClientConfig

from starter.connection import web_ui_base


class Links:
    """Of the namespace that the environment says."""

    def __init__(self) -> None:
        self._base = f"{web_ui_base()}/namespaces/{_namespace()}/workflows"

    def run(self, workflow_id: str, run_id: str) -> str:
        """One run's history."""
        return f"{self._base}/{quote(workflow_id, safe='')}/{run_id}/history"


def _namespace() -> str:
    try:
        return ClientConfig.load_client_connect_config().get("namespace") or "default"
    except (RuntimeError, ValueError, OSError):  # whoever connects is told of it
        return "default"
