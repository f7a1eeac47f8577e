"""A condition that tests wait for: statements wait for a lock."""

from __future__ import annotations

WAITING_FOR_LOCKS = (
    "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
)
"""pg_locks would count those of other databases too, in which processes of earlier tests may be at work."""
