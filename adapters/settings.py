"""Settings of a worker, read once from the environment. The connection to Temporal has its own (`TEMPORAL_*`)."""

from __future__ import annotations

import re
from datetime import timedelta
from enum import StrEnum
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

from adapters.alert_settings import AlertSettings
from adapters.database_settings import DatabaseSettings as DatabaseSettings
from adapters.dead_letter_settings import DeadLetterSettings
from adapters.report_settings import AwsSettings, ReportSettings
from adapters.schedules_settings import SchedulesSettings
from adapters.setting_types import Duration, IpAddress, Port, Seconds, safe_base_url, split_secrets
from adapters.worker_settings import WorkerSettings


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


class OutboxSettings(BaseSettings):
    """`OUTBOX_*`: the relay, which starts the jobs that were enqueued."""

    model_config = SettingsConfigDict(env_prefix="OUTBOX_", frozen=True)

    relay: bool = True
    """Run it in each worker process. Jobs of the queues that the process serves start fastest there."""
    batches: PositiveInt = 4
    """Most batches at a time; each holds a connection to the database while Temporal starts its jobs."""
    batch: PositiveInt = 25
    """Most jobs of a batch, which are started at once."""
    rate: PositiveInt = 500
    """Most starts a second of one process: what has piled up is not to overwhelm Temporal."""


class ApiSettings(BaseSettings):
    """`API_*`: the HTTP interface. Its database is that of `DATABASE_*`."""

    model_config = SettingsConfigDict(env_prefix="API_", frozen=True)

    body_limit: PositiveInt = 64 * 1024
    """Most bytes of a request's body."""
    request_timeout: Seconds = 20
    """For a request, from its headers to the end of its answer; for each 256 KiB of a download."""
    idempotency_kept: Duration = timedelta(hours=24)
    """How long the answer to a request with an `Idempotency-Key` is kept, and given again."""
    metrics_host: IpAddress = "127.0.0.1"
    """Of `/metrics`, which needs no key: so it has a port of its own, to which nothing leads from outside."""
    metrics_port: Port = 9464
    """Or the next free one: several processes have the ports after each other."""


class Settings:
    """All of a worker, read when this is made. Raises pydantic's ValidationError, which names the variable."""

    def __init__(self) -> None:
        """Read the environment."""
        self.smtp = SmtpSettings()
        self.mail = MailSettings()
        self.database = DatabaseSettings()
        self.payment = PaymentSettings()
        self.reports = ReportSettings()
        self.aws = AwsSettings()
        self.outbox = OutboxSettings()
        self.worker = WorkerSettings()
        self.schedules = SchedulesSettings()
        self.alerts = AlertSettings()
        self.dead_letters = DeadLetterSettings()

    @property
    def groups(self) -> tuple[BaseSettings, ...]:
        """Each group of them."""
        return (
            self.worker,
            self.database,
            self.outbox,
            self.schedules,
            self.smtp,
            self.mail,
            self.payment,
            self.alerts,
            self.dead_letters,
            self.reports,
            self.aws,
        )
