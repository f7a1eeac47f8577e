"""Settings of reports: where their files are kept, and the links by which they are downloaded."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from adapters.setting_types import Duration, base_url, is_loopback, safe_base_url, split_secrets

_SHORTEST_SECRET = 16
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
