"""The schedules: one row each. `jobs schedules apply` makes Temporal have them, `jobs schedules diff` compares.

`temporal schedule list|describe|trigger|backfill|toggle` work on them unchanged; see docs/schedules.md.
"""

from __future__ import annotations

from starter.scheduling.calendars import BadTime, Calendar
from starter.scheduling.declared import ENTRY_POINTS, Schedule, ScheduleDeclarationError, ScheduleTable
from workflows.registry import Registry, registry

__all__ = [
    "ENTRY_POINTS",
    "OWNER",
    "SCHEDULES",
    "BadTime",
    "Calendar",
    "Schedule",
    "ScheduleDeclarationError",
    "ScheduleTable",
    "declared",
]

OWNER = "durable-jobs"
"""Whose schedules these are, where `SCHEDULES_OWNER` doesn't say otherwise."""

SCHEDULES: tuple[Schedule, ...] = ()


def declared(kinds: Registry = registry, *, time_zone: str = "UTC") -> ScheduleTable:
    """These, and those of installed packages. Raises ScheduleDeclarationError, which says what to change."""
    table = ScheduleTable(SCHEDULES, kinds, time_zone=time_zone)
    table.load_installed()
    return table
