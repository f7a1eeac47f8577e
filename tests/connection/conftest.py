"""Worker processes, as the worker's own tests have them."""

from __future__ import annotations

from tests.worker.conftest import environment, place, sending, start

__all__ = ["environment", "place", "sending", "start"]
