"""Settings of schedules, for the command line and the worker's watch."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from domain.time_zones import TimeZone


class SchedulesSettings(BaseSettings):
    """`SCHEDULES_*`: the schedules."""

    model_config = SettingsConfigDict(env_prefix="SCHEDULES_", frozen=True)

    time_zone: TimeZone = "UTC"
    """The shop's: of schedules that name no time zone of their own."""
    owner: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,63}$")] = "durable-jobs"
    """Whose schedules these are. Deployments that share a namespace and have different ones need different owners."""
