"""Reads the inbox from another program: the guided tour and the tests do."""

from __future__ import annotations

from types import TracebackType
from typing import Any, Self

import httpx

from demo.inbox.mails import OpenedMail, ReceivedMail, RefusedMail

LOCAL: dict[str, Any] = {"trust_env": False, "limits": httpx.Limits(keepalive_expiry=2)}
"""For clients of the demo's servers. The environment may name a proxy, which has no business here. The servers close a
connection that was unused for five seconds; so does httpx, and a request that is sent in that very moment is lost."""


class InboxReader:
    """The inbox's JSON API. Methods raise `httpx.HTTPError` while the inbox is away."""

    def __init__(self, url: str) -> None:
        """`url` is that of the inbox's page."""
        self._http = httpx.AsyncClient(base_url=url, **LOCAL)

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
