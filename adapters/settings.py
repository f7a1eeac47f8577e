"""Settings of the shop, and all of a worker together. The connection to Temporal has its own (`TEMPORAL_*`)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, fields
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated

from pydantic import (
    AfterValidator,
    EmailStr,
    Field,
    PositiveInt,
    SecretStr,
    ValidationInfo,
    field_validator,
)
from pydantic_settings import BaseSettings, SettingsConfigDict

from adapters.job_settings import AlertSettings, DeadLetterSettings, SchedulesSettings, WorkerSettings
from adapters.job_settings import ApiSettings as ApiSettings
from adapters.job_settings import DatabaseSettings as DatabaseSettings
from adapters.job_settings import OutboxSettings as OutboxSettings
from adapters.setting_types import Duration, Seconds, base_url, is_loopback, safe_base_url, split_secrets


class SmtpSecurity(StrEnum):
    """How the connection to the mail server is protected."""

    plain = "plain"
    starttls = "starttls"
    tls = "tls"


class SmtpSettings(BaseSettings):
    """`SMTP_*`: the mail server, and the pool of connections to it. Times are in seconds."""

    model_config = SettingsConfigDict(env_prefix="SMTP_", frozen=True)

    host: str = "127.0.0.1"
    port: Annotated[int, Field(gt=0, le=65535)] = 1025
    security: SmtpSecurity = SmtpSecurity.plain
    username: str | None = None
    password: SecretStr | None = None
    ca_file: str | None = None
    """PEM file of certificate authorities to trust beside the system's."""
    connections: PositiveInt = 4
    """Most connections kept by one process; also the most mails that a kill can double."""
    idle_limit: Seconds = 30
    mails_per_connection: PositiveInt = 100
    connect_timeout: Seconds = 10
    """For a connection to become ready for mail: TCP, TLS, greeting, EHLO and AUTH together."""
    command_timeout: Seconds = 4
    """For each answer but the one after the final dot, and for the text to be taken."""
    data_timeout: Seconds = 20
    """For the answer after the final dot. The longest, since giving up there leaves the outcome unknown."""
    wait_timeout: Seconds = 30
    """For a connection of the pool to become free. A third of it is what the server may take for each mail: a mail
    waits for three others at most."""


class MailSettings(BaseSettings):
    """`MAIL_*`: who our mails come from."""

    model_config = SettingsConfigDict(env_prefix="MAIL_", frozen=True)

    from_name: str = "Corner Shop"
    from_address: EmailStr = "orders@shop.example.com"
    reply_to: EmailStr | None = None


def _api_key(key: SecretStr) -> SecretStr:
    told = key.get_secret_value().strip()
    if not re.fullmatch(r"[!-~]+", told):
        raise ValueError("must be ASCII without spaces, and not empty")
    return SecretStr(told)


class PaymentSettings(BaseSettings):
    """`PAYMENT_*`: the payment provider, which speaks Stripe's interface. Times are in seconds."""

    model_config = SettingsConfigDict(env_prefix="PAYMENT_", frozen=True)

    url: Annotated[str, AfterValidator(safe_base_url)] = "http://127.0.0.1:8026"
    """`https://api.stripe.com` in production."""
    api_key: Annotated[SecretStr, AfterValidator(_api_key)] | None = None
    connections: PositiveInt = 10
    """Most connections of one process."""
    connect_timeout: Seconds = 5
    answer_timeout: Seconds = 10
    """For the answer to begin, and for each next piece of it."""
    wait_timeout: Seconds = 5
    """For a connection of the pool to become free."""
    call_timeout: Seconds = 15
    """For a call with all of that. A payment in dispute takes two requests, which count as one call."""


class CallbackScheme(StrEnum):
    """How the payment provider signs its callbacks."""

    standard = "standard"
    """As https://www.standardwebhooks.com has it."""
    stripe = "stripe"


_SHORTEST_SECRET = 16
"""Bytes. Providers make them longer; what is shorter is a slip, and could be guessed."""


class PaymentCallbackSettings(BaseSettings):
    """`PAYMENT_CALLBACK_*`: what the HTTP interface knows the payment provider's callbacks by."""

    # The title is what a wrong setting is named by, see adapters/configuration.py.
    model_config = SettingsConfigDict(env_prefix="PAYMENT_CALLBACK_", frozen=True, title="PAYMENT_CALLBACK")

    scheme: CallbackScheme = CallbackScheme.standard
    secrets: SecretStr | None = None
    """One, or several with commas between them, each of which will do: so they can be changed without a gap. Without
    any, no callback is taken."""

    @field_validator("secrets")
    @classmethod
    def _usable(cls, secrets: SecretStr | None, others: ValidationInfo) -> SecretStr | None:
        for secret in split_secrets(secrets):
            if others.data.get("scheme") == CallbackScheme.standard and _key_length(secret) < _SHORTEST_SECRET:
                raise ValueError("each must be of the form whsec_<base64>, of 16 bytes or more")
            if len(secret) < _SHORTEST_SECRET or not re.fullmatch(r"[!-~]+", secret):
                raise ValueError("each must be 16 characters or more, ASCII without spaces")
        return secrets

    @property
    def all_secrets(self) -> tuple[str, ...]:
        """Each of them by itself."""
        return split_secrets(self.secrets)


def _key_length(secret: str) -> int:
    # Libraries that decode it take other characters too, and leave them out.
    if not re.fullmatch(r"whsec_[A-Za-z0-9+/]+={0,2}", secret):
        return 0
    return len(secret.removeprefix("whsec_").rstrip("=")) * 6 // 8


_BUCKET = re.compile(r"s3://([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:/((?:[A-Za-z0-9][A-Za-z0-9._-]*/?)*))?")


def _store(store: str) -> str:
    if store.startswith("s3://"):
        if not _BUCKET.fullmatch(store):
            raise ValueError("must be of the form s3://bucket or s3://bucket/prefix, or a folder")
    elif "://" in store or not store.strip():
        raise ValueError("must be a folder, or of the form s3://bucket/prefix")
    return store


class ReportSettings(BaseSettings):
    """`REPORTS_*`: where reports are kept, and their links."""

    # The title is what a wrong setting is named by, see adapters/configuration.py.
    model_config = SettingsConfigDict(env_prefix="REPORTS_", frozen=True, title="REPORTS")

    store: Annotated[str, AfterValidator(_store)] = "var/reports"
    """A folder that all workers and the HTTP interface share; or `s3://bucket/prefix`, which the `AWS_*` lead to."""
    link_secrets: SecretStr | None = None
    """What links are signed with: one, or several with commas between them, of which the first signs and each is
    known: so they can be changed without a gap. Without any, no link can be made."""
    link_lifetime: Duration = timedelta(days=7)
    """How long a link can be used."""
    url: Annotated[str, AfterValidator(safe_base_url)] = "http://127.0.0.1:8080"
    """Where those who get a link reach the HTTP interface."""
    kept: Duration = timedelta(days=90)
    """How long a report's file is kept."""

    @field_validator("link_secrets")
    @classmethod
    def _long_enough(cls, secrets: SecretStr | None) -> SecretStr | None:
        if any(len(secret) < _SHORTEST_SECRET for secret in split_secrets(secrets)):
            raise ValueError(f"each must be {_SHORTEST_SECRET} characters or more")
        return secrets

    @property
    def all_link_secrets(self) -> tuple[str, ...]:
        """Each of them by itself, the one that signs first."""
        return split_secrets(self.link_secrets)

    @property
    def bucket(self) -> tuple[str, str] | None:
        """Bucket and prefix; None where the store is a folder."""
        found = _BUCKET.fullmatch(self.store)
        return (found[1], (found[2] or "").strip("/")) if found else None

    @property
    def folder(self) -> Path:
        """The folder, where the store is one."""
        return Path(self.store).absolute()


class AwsSettings(BaseSettings):
    """`AWS_*`: what leads to an S3-compatible store, by the names that other programs know, too.

    Where there are no keys here, they come from where AWS's own programs find them on its machines: a web identity, a
    container's role, the instance's role (`AWS_WEB_IDENTITY_TOKEN_FILE`, `AWS_ROLE_ARN`, …).
    """

    model_config = SettingsConfigDict(env_prefix="AWS_", frozen=True, title="AWS")

    access_key_id: str | None = None
    secret_access_key: SecretStr | None = None
    session_token: SecretStr | None = None
    region: str | None = None
    """`us-east-1` where nothing is said here or in `AWS_DEFAULT_REGION`."""
    endpoint_url: Annotated[str, AfterValidator(base_url)] | None = None
    """Of a store that is not AWS's own."""
    allow_http: bool = False
    """Whether an endpoint on another machine may be reached without TLS."""
    ca_bundle: Path | None = None
    """PEM file of certificate authorities to trust beside the system's."""

    @field_validator("endpoint_url", "region", "access_key_id", "session_token", mode="before")
    @classmethod
    def _empty_is_none(cls, value: object) -> object:
        return value or None

    @property
    def is_plain(self) -> bool:
        """Whether the endpoint is reached without TLS."""
        return self.endpoint_url is not None and self.endpoint_url.lower().startswith("http:")

    def refusal(self) -> str | None:
        """Why the endpoint is not used; None where it may be."""
        if self.is_plain and not self.allow_http and not is_loopback(self.endpoint_url or ""):
            return (
                "AWS_ENDPOINT_URL must begin with https://, or reports could be read on their way; "
                "AWS_ALLOW_HTTP=true permits it none the less."
            )
        return None


@dataclass(frozen=True)
class Settings:
    """All of a worker, read when this is made. Raises pydantic's ValidationError, which names the variable."""

    worker: WorkerSettings = field(default_factory=WorkerSettings)
    database: DatabaseSettings = field(default_factory=DatabaseSettings)
    outbox: OutboxSettings = field(default_factory=OutboxSettings)
    schedules: SchedulesSettings = field(default_factory=SchedulesSettings)
    smtp: SmtpSettings = field(default_factory=SmtpSettings)
    mail: MailSettings = field(default_factory=MailSettings)
    payment: PaymentSettings = field(default_factory=PaymentSettings)
    alerts: AlertSettings = field(default_factory=AlertSettings)
    dead_letters: DeadLetterSettings = field(default_factory=DeadLetterSettings)
    reports: ReportSettings = field(default_factory=ReportSettings)
    aws: AwsSettings = field(default_factory=AwsSettings)

    @property
    def groups(self) -> tuple[BaseSettings, ...]:
        """Each group of them."""
        return tuple(getattr(self, group.name) for group in fields(self))
