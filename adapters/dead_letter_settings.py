"""Settings of dead letters."""

from __future__ import annotations

from datetime import timedelta

from pydantic_settings import BaseSettings, SettingsConfigDict

from adapters.setting_types import Duration


class DeadLetterSettings(BaseSettings):
    """`DEAD_LETTERS_*`: when a job counts as dead that runs."""

    model_config = SettingsConfigDict(env_prefix="DEAD_LETTERS_", frozen=True)

    no_worker_after: Duration = timedelta(minutes=15)
    """How long a job may wait to be begun where no worker serves its queue. Paused and delayed ones don't count."""
