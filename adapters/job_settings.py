"""Settings of the job system, read from the environment: database, outbox, worker, schedules, alerts, servers."""

from __future__ import annotations

import re
from datetime import timedelta
from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, Field, PositiveInt, SecretStr, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from adapters.setting_types import Duration, IpAddress, Port, Seconds
from domain.periods import TimeZone


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


def by_queue(text: str) -> dict[str, float]:
    """Numbers by queue, from `reports:2,notifications:40`. Raises ValueError."""
    found: dict[str, float] = {}
    for part in filter(None, map(str.strip, text.split(","))):
        told = re.fullmatch(r"([a-z][a-z0-9-]*):(\d{1,6}(?:\.\d{1,3})?)", part)
        if told is None or not float(told[2]):
            raise ValueError("must be queues with numbers above zero, such as reports:2,notifications:40")
        if told[1] in found:
            raise ValueError(f"names the queue {told[1]} twice")
        found[told[1]] = float(told[2])
    return found


def _slots(text: str) -> str:
    if any(not number.is_integer() or number < 1 for number in by_queue(text).values()):
        raise ValueError("must be whole numbers from 1 on, such as reports:2,notifications:40")
    return text


_SLOWEST = 0.5
"""Attempts a second: of fewer, one would wait for its turn for longer than its own limit of time has room for."""


def _rates(text: str) -> str:
    if slow := [queue for queue, rate in by_queue(text).items() if rate < _SLOWEST]:
        raise ValueError(f"must be {_SLOWEST} or more, also for {', '.join(slow)}: for less, give the queue one slot")
    return text


class WorkerSettings(BaseSettings):
    """`WORKER_*`: the worker's own."""

    model_config = SettingsConfigDict(env_prefix="WORKER_", frozen=True)

    drain: Duration = timedelta(seconds=30)
    """How long running activities may go on after SIGTERM."""
    startup_wait: Duration = timedelta(seconds=60)
    """How long to wait at the start for Temporal, the database and its schema."""
    slots: Annotated[int, Field(ge=2)] = 40
    """Most jobs of a queue that one process has at work at a time; the rest waits at the server. Fewer of a queue that
    sends mail, by the number of connections (`workflows/limits.py`)."""
    queue_slots: Annotated[str, AfterValidator(_slots)] = ""
    """`reports:2,payments:10`: most jobs of these queues that one process has at work, instead of `slots`."""
    queue_rates: Annotated[str, AfterValidator(_rates)] = ""
    """`payments:20`: most attempts a second that one process begins of these queues' steps."""
    cached_jobs: PositiveInt = 1000
    """Most jobs of a queue that one process keeps in memory while they wait, some 100 kB each."""
    sandbox: bool = False
    """Have the SDK watch workflows for code that cannot be replayed. It costs a quarter of the worker's CPU time, and
    the tests of a kind do it: turn it on for kinds whose tests don't."""
    deployment_name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,99}$")] | None = None
    """Of which worker deployment this is a version. Takes jobs only once Temporal is told that it is to."""
    build_id: Annotated[
        Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")] | None, Field(validate_default=True)
    ] = None
    """Which version: another one for each release, the same for all processes of it."""
    http_host: str = "127.0.0.1"
    http_port: Annotated[int, Field(ge=0, le=65535)] = 9090
    """Of `/metrics`, `/healthz` and `/readyz`; process n of several takes port + n; 0 takes any free one."""
    log_format: Annotated[str, Field(pattern="^(json|console)$")] = "json"
    log_level: Annotated[str, Field(pattern="^(DEBUG|INFO|WARNING|ERROR)$")] = "INFO"

    @field_validator("build_id")
    @classmethod
    def _together(cls, build_id: str | None, others: ValidationInfo) -> str | None:
        if (build_id is None) != (others.data.get("deployment_name") is None):
            raise ValueError("goes together with WORKER_DEPLOYMENT_NAME: set both, or neither")
        return build_id

    @property
    def slots_by_queue(self) -> dict[str, int]:
        """`queue_slots`, read."""
        return {queue: int(number) for queue, number in by_queue(self.queue_slots).items()}

    @property
    def rates_by_queue(self) -> dict[str, float]:
        """`queue_rates`, read."""
        return by_queue(self.queue_rates)


class SchedulesSettings(BaseSettings):
    """`SCHEDULES_*`: the schedules."""

    model_config = SettingsConfigDict(env_prefix="SCHEDULES_", frozen=True)

    time_zone: TimeZone = "UTC"
    """The shop's: of schedules that name no time zone of their own."""
    owner: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,63}$")] = "durable-jobs"
    """Whose schedules these are. Deployments that share a namespace and have different ones need different owners."""


# A comma may be part of a URL: only one before the next URL parts them.
_BETWEEN = re.compile(r"[\s,]+(?=[a-z][a-z0-9]*://)", re.IGNORECASE)
_URL = re.compile(r"[a-z][a-z0-9]*://\S+", re.IGNORECASE)


class SecretUrls(SecretStr):
    """URLs that are secret as a whole: a token may stand anywhere in them. Shown by their schemes alone."""


class AlertSettings(BaseSettings):
    """`ALERT_*`: who is told of what a person has to look at."""

    model_config = SettingsConfigDict(env_prefix="ALERT_", frozen=True)

    urls: SecretUrls | None = None
    """Of Apprise (https://appriseit.com/services/), with commas between them: `mailto://…,slack://…`. Without any,
    alerts are kept in the table, and are an error in the log."""
    window: Duration = timedelta(seconds=60)
    """How long the first alert waits for others about the same, to be told in one message."""
    timeout: Seconds = 20
    """For one message to one of the URLs."""

    @field_validator("urls")
    @classmethod
    def _readable(cls, urls: SecretUrls | None) -> SecretUrls | None:
        for number, url in enumerate(split(urls), start=1):
            if not _URL.fullmatch(url):
                raise ValueError(f"number {number} is not of the form scheme://…, without spaces")
        return urls

    @property
    def all_urls(self) -> tuple[str, ...]:
        """Each of them by itself."""
        return split(self.urls)


def split(urls: SecretUrls | None) -> tuple[str, ...]:
    """Each URL by itself."""
    told = urls.get_secret_value().strip().strip(",") if urls else ""
    return tuple(url.strip() for url in _BETWEEN.split(told)) if told else ()


class DeadLetterSettings(BaseSettings):
    """`DEAD_LETTERS_*`: when a job counts as dead that runs."""

    model_config = SettingsConfigDict(env_prefix="DEAD_LETTERS_", frozen=True)

    no_worker_after: Duration = timedelta(minutes=15)
    """How long a job may wait to be begun where no worker serves its queue. Paused and delayed ones don't count."""


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


_ORIGIN = re.compile(r"https?://([a-z0-9.-]+|\[[0-9a-f:.]+\])(:[0-9]+)?", re.IGNORECASE | re.ASCII)


class CodecSettings(BaseSettings):
    """`CODEC_*`: the codec server. Its keys are those of `JOBS_ENCRYPTION_KEYS`, its database is `DATABASE_*`."""

    model_config = SettingsConfigDict(env_prefix="CODEC_", frozen=True)

    origins: str | None = None
    """Where browsers have the Web UI from: `https://temporal.example.com`, or several with commas between them. Without
    any, that of `JOBS_WEB_UI`."""
    session: Duration = timedelta(hours=12)
    """How long a browser stays signed in."""
    cross_site: bool = False
    """Whether the Web UI is of another site (Temporal Cloud's): browsers send the cookie there too then, by HTTPS."""
    metrics_host: IpAddress = "127.0.0.1"
    """Of `/metrics`, which needs no key, and has a port of its own."""
    metrics_port: Port = 9480
    """Or the next free one: several processes have the ports after each other."""

    @field_validator("origins")
    @classmethod
    def _are_origins(cls, origins: str | None) -> str | None:
        for origin in split_origins(origins):
            if not _ORIGIN.fullmatch(origin):
                raise ValueError("each must be of the form https://host:port, where the port may be left out")
        return origins

    def all_origins(self, web_ui: str) -> tuple[str, ...]:
        """Each of them by itself; `web_ui` is the Web UI's address, which counts where none is set."""
        return split_origins(self.origins) or ("/".join(web_ui.split("/")[:3]),)


def split_origins(origins: str | None) -> tuple[str, ...]:
    """Each of several with commas between them."""
    return tuple(origin.strip().rstrip("/") for origin in (origins or "").split(",") if origin.strip())
