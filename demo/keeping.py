"""How long connections to the demo's own servers are kept."""

from __future__ import annotations

import httpx

BRIEFLY = httpx.Limits(keepalive_expiry=2)
"""The servers close a connection that was unused for five seconds. So does httpx by default, and a request that is sent
in that very moment is lost."""
