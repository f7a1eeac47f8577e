"""Settings of the connections to PostgreSQL."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field, PositiveInt, SecretStr, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from adapters.setting_types import Seconds


class Pooler(StrEnum):
    """What stands between us and the server."""

    none = "none"
    """Nothing, or a pooler that gives each of our connections one to the server (PgBouncer's session mode)."""
    transaction = "transaction"
    """A pooler that gives each transaction another connection (PgBouncer's transaction mode, and what is like it)."""


class DatabaseSettings(BaseSettings):
    """`DATABASE_*`: PostgreSQL."""

    model_config = SettingsConfigDict(env_prefix="DATABASE_", frozen=True)

    url: SecretStr = SecretStr("postgresql://postgres@127.0.0.1:5432/shop")
    """`postgresql://user:password@host:port/name`"""
    pooler: Pooler = Pooler.none
    """With `transaction` nothing is kept on a connection from one transaction to the next; `listen_url` must be set."""
    listen_url: Annotated[SecretStr | None, Field(validate_default=True)] = None
    """Straight to the server, where `url` leads to a pooler that passes no notifications on: for the outbox's wake-up
    calls, and for all else that needs a connection of its own."""
    connections: PositiveInt = 10
    """Most connections of one process, without those of the outbox."""
    connect_timeout: Seconds = 5
    command_timeout: Seconds = 10

    @field_validator("listen_url")
    @classmethod
    def _is_a_way_around(cls, listen_url: SecretStr | None, others: ValidationInfo) -> SecretStr | None:
        if listen_url is None and others.data.get("pooler") is Pooler.transaction:
            raise ValueError("must lead straight to the server where DATABASE_POOLER is transaction")
        return listen_url

    @property
    def directly(self) -> DatabaseSettings:
        """Around the pooler: for what needs a session, such as a lock that it holds, or a long transaction."""
        if self.pooler is Pooler.none or self.listen_url is None:
            return self
        return self.model_copy(update={"url": self.listen_url, "pooler": Pooler.none})
