"""Reads the inbox from another program: the guided tour and the tests do."""

from __future__ import annotations

from datetime import datetime
from types import TracebackType
from typing import Annotated, Self

import httpx
from pydantic import BaseModel, ConfigDict, Field

from demo.keeping import BRIEFLY


class ReceivedMail(BaseModel):
    """A mail in the list."""

    model_config = ConfigDict(frozen=True)

    id: int
    envelope_from: str
    envelope_to: tuple[str, ...]
    sender: Annotated[str, Field(alias="from")]
    to: str
    subject: str
    message_id: str
    """With its angle brackets."""
    received_at: datetime
    size: int


class OpenedMail(ReceivedMail):
    """A mail with all that is in it."""

    headers: tuple[tuple[str, str], ...]
    text: str | None
    html: str | None
    attachments: tuple[str, ...]
    source: str


class RefusedMail(BaseModel):
    """A mail that was refused, or whose answer got lost, since the inbox was started or cleared."""

    model_config = ConfigDict(frozen=True)

    at: datetime
    recipient: str
    answer: str


class InboxReader:
    """The inbox's JSON API. Methods raise `httpx.HTTPError` while the inbox is away."""

    def __init__(self, url: str) -> None:
        """`url` is that of the inbox's page."""
        # The environment may name a proxy, which has no business with the loopback interface.
        self._http = httpx.AsyncClient(base_url=url, trust_env=False, limits=BRIEFLY)

    async def mails(self, search: str = "") -> list[ReceivedMail]:
        """Mails with `search` in an address, the subject or the Message-ID; newest first."""
        answer = await self._http.get("/api/mails", params={"q": search})
        return [ReceivedMail.model_validate(mail) for mail in answer.raise_for_status().json()]

    async def open(self, mail_id: int) -> OpenedMail:
        """One mail."""
        answer = await self._http.get(f"/api/mails/{mail_id}")
        return OpenedMail.model_validate(answer.raise_for_status().json())

    async def refusals(self) -> list[RefusedMail]:
        """Up to the last 1000, newest first."""
        answer = await self._http.get("/api/refusals")
        return [RefusedMail.model_validate(refusal) for refusal in answer.raise_for_status().json()]

    async def clear(self) -> None:
        """Remove all mails and refusals, and forget how often each address has been refused."""
        (await self._http.delete("/api/mails")).raise_for_status()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.aclose()
