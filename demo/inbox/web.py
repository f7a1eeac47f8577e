"""The inbox's page and its JSON API."""

from __future__ import annotations

from datetime import datetime
from email.utils import getaddresses
from pathlib import Path
from typing import Any

from markupsafe import Markup
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.templating import Jinja2Templates

from demo.inbox.behaviour import CONVENTIONS
from demo.inbox.smtp import Receiver
from demo.inbox.store import MailStore, StoredMail, read_content

_PAGES = Path(__file__).with_name("pages")
_SHOWN = 100
_VIEWS = ("html", "text", "headers", "source")

# A mail's HTML is someone else's: no scripts, no forms, nothing loaded from anywhere, and its own origin.
_MAIL_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox"
_PAGE_POLICY = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; frame-src 'self'"


def application(store: MailStore, receiver: Receiver) -> Starlette:
    """The page over a store and the refusals of a receiver."""
    templates = Jinja2Templates(_PAGES)
    templates.env.filters.update(local_time=_local_time, size=_size, name=_name, people=_people)

    def page(request: Request, name: str, **context: Any) -> Response:
        response = templates.TemplateResponse(request, name, context)
        response.headers["Content-Security-Policy"] = _PAGE_POLICY
        return response

    def listing(request: Request) -> dict[str, Any]:
        wanted = request.query_params.get("q", "").strip()
        before = request.query_params.get("before", "")
        mails = [mail for mail in store.newest_first() if _matches(mail, wanted)]
        older = [mail for mail in mails if not before.isdecimal() or mail.id < int(before)]
        return {
            "mails": older[:_SHOWN],
            "count": len(mails),
            "older": older[_SHOWN - 1].id if len(older) > _SHOWN else None,
            "refusals": list(receiver.refusals)[:10],
            "q": wanted,
        }

    def one(request: Request) -> StoredMail:
        mail = store.get(request.path_params["mail_id"])
        if mail is None:
            raise HTTPException(404, "There is no such mail.")
        return mail

    async def home(request: Request) -> Response:
        return page(request, "list.html", conventions=CONVENTIONS, **listing(request))

    async def rows(request: Request) -> Response:
        return page(request, "rows.html", **listing(request))

    async def mail_page(request: Request) -> Response:
        mail = one(request)
        content = read_content(store.path(mail.id))
        views = [view for view in _VIEWS if view not in ("html", "text") or getattr(content, view) is not None]
        view = request.query_params.get("view")
        shown = view if view in views else views[0]
        return page(request, "mail.html", mail=mail, content=content, views=views, view=shown)

    async def mail_html(request: Request) -> Response:
        html = read_content(store.path(one(request).id)).html
        return HTMLResponse(html or "", headers={"Content-Security-Policy": _MAIL_POLICY})

    async def mail_raw(request: Request) -> Response:
        return PlainTextResponse(store.path(one(request).id).read_bytes())

    async def api_list(request: Request) -> Response:
        if request.method == "DELETE":
            store.clear()
            receiver.forget()
            return Response(status_code=204)
        wanted = request.query_params.get("q", "").strip()
        return JSONResponse([_as_json(mail) for mail in store.newest_first() if _matches(mail, wanted)])

    async def api_mail(request: Request) -> Response:
        mail = one(request)
        content = read_content(store.path(mail.id))
        return JSONResponse(
            {
                **_as_json(mail),
                "headers": content.headers,
                "text": content.text,
                "html": content.html,
                "attachments": content.attachments,
                "source": content.source,
            }
        )

    async def api_refusals(_request: Request) -> Response:
        return JSONResponse(
            [{"at": r.at.isoformat(), "recipient": r.recipient, "answer": r.answer} for r in receiver.refusals]
        )

    async def healthy(_request: Request) -> Response:
        return PlainTextResponse("ok")

    return Starlette(
        routes=[
            Route("/", home),
            Route("/rows", rows),
            Route("/mails/{mail_id:int}", mail_page),
            Route("/mails/{mail_id:int}/html", mail_html),
            Route("/mails/{mail_id:int}/raw", mail_raw),
            Route("/api/mails", api_list, methods=["GET", "DELETE"]),
            Route("/api/mails/{mail_id:int}", api_mail),
            Route("/api/refusals", api_refusals),
            Route("/healthz", healthy),
            Mount("/static", StaticFiles(directory=_PAGES / "static")),
        ],
        # Other sites that a browser has open must not reach it under a name of their own.
        middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=["127.0.0.1", "localhost"])],
    )


def _matches(mail: StoredMail, wanted: str) -> bool:
    haystack = (mail.subject, mail.sender, mail.to, mail.message_id, *mail.envelope_to)
    return any(wanted.casefold() in text.casefold() for text in haystack)


def _as_json(mail: StoredMail) -> dict[str, Any]:
    return {
        "id": mail.id,
        "envelope_from": mail.envelope_from,
        "envelope_to": mail.envelope_to,
        "from": mail.sender,
        "to": mail.to,
        "subject": mail.subject,
        "message_id": mail.message_id,
        "received_at": mail.received_at.isoformat(),
        "size": mail.size,
    }


def _local_time(moment: datetime) -> str:
    return moment.astimezone().strftime("%Y-%m-%d %H:%M:%S")


def _name(people: str) -> str:
    """Of the first of these people; the address where it has no name."""
    name, address = next(iter(getaddresses([people])), ("", ""))
    return name or address or people


def _people(people: str) -> Markup:
    # Names that are written from right to left would drag the address to their other side.
    parts = [(name, f"<{address}>" if name else address) for name, address in getaddresses([people])]
    return Markup(", ").join(Markup("<bdi>{}</bdi> <bdi>{}</bdi>").format(*part) for part in parts)


def _size(size: int) -> str:
    return f"{size} B" if size < 1024 else f"{size / 1024:.1f} KB"
