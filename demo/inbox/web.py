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

from demo.inbox.mails import MailStore, OpenedMail
from demo.inbox.smtp import CONVENTIONS, Receiver

_PAGES = Path(__file__).with_name("pages")
_SHOWN = 100
_VIEWS = ("html", "text", "headers", "source")

# A mail's HTML is someone else's: no scripts, no forms, nothing loaded from anywhere, and its own origin.
_MAIL_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox"
_PAGE_POLICY = "default-src 'none'; style-src 'self'; frame-src 'self'"


def application(store: MailStore, receiver: Receiver) -> Starlette:
    """The page over a store and the refusals of a receiver."""
    templates = Jinja2Templates(_PAGES)
    templates.env.filters.update(local_time=_local_time, size=_size, name=_name, people=_people)

    def page(request: Request, name: str, **context: Any) -> Response:
        return templates.TemplateResponse(request, name, context, headers={"Content-Security-Policy": _PAGE_POLICY})

    def opened(request: Request) -> OpenedMail:
        try:
            return store.open(request.path_params["mail_id"])
        except KeyError:
            raise HTTPException(404, "There is no such mail.") from None

    async def home(request: Request) -> Response:
        wanted, before = (request.query_params.get(name, "").strip() for name in ("q", "before"))
        mails = store.newest_first(wanted)
        older = [mail for mail in mails if not before.isdecimal() or mail.id < int(before)]
        return page(
            request,
            "list.html",
            mails=older[:_SHOWN],
            count=len(mails),
            older=older[_SHOWN - 1].id if len(older) > _SHOWN else None,
            refusals=list(receiver.refusals)[:10],
            conventions=CONVENTIONS,
            q=wanted,
        )

    async def mail_page(request: Request) -> Response:
        mail = opened(request)
        views = [view for view in _VIEWS if getattr(mail, view) is not None]
        view = request.query_params.get("view")
        return page(request, "mail.html", mail=mail, views=views, view=view if view in views else views[0])

    async def mail_html(request: Request) -> Response:
        return HTMLResponse(opened(request).html or "", headers={"Content-Security-Policy": _MAIL_POLICY})

    async def api_list(request: Request) -> Response:
        if request.method == "DELETE":
            store.clear()
            receiver.forget()
        wanted = request.query_params.get("q", "").strip()
        return JSONResponse([mail.model_dump(mode="json", by_alias=True) for mail in store.newest_first(wanted)])

    async def api_mail(request: Request) -> Response:
        return JSONResponse(opened(request).model_dump(mode="json", by_alias=True))

    async def api_refusals(_request: Request) -> Response:
        return JSONResponse([refusal.model_dump(mode="json") for refusal in receiver.refusals])

    async def healthy(_request: Request) -> Response:
        return PlainTextResponse("ok")

    return Starlette(
        routes=[
            Route("/", home),
            Route("/mails/{mail_id:int}", mail_page),
            Route("/mails/{mail_id:int}/html", mail_html),
            Route("/api/mails", api_list, methods=["GET", "DELETE"]),
            Route("/api/mails/{mail_id:int}", api_mail),
            Route("/api/refusals", api_refusals),
            Route("/healthz", healthy),
            Mount("/static", StaticFiles(directory=_PAGES / "static")),
        ],
        # Other sites that a browser has open must not reach it under a name of their own.
        middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=["127.0.0.1", "localhost"])],
    )


def _local_time(moment: datetime) -> str:
    return moment.astimezone().strftime("%Y-%m-%d %H:%M:%S")


def _name(people: str) -> str:
    """Of the first of these people; the address if there is no name."""
    name, address = next(iter(getaddresses([people])), ("", ""))
    return name or address or people


def _people(people: str) -> Markup:
    # Names that are written from right to left would drag the address to their other side.
    parts = [(name, f"<{address}>" if name else address) for name, address in getaddresses([people])]
    return Markup(", ").join(Markup("<bdi>{}</bdi> <bdi>{}</bdi>").format(*part) for part in parts)


def _size(size: int) -> str:
    return f"{size} B" if size < 1024 else f"{size / 1024:.1f} KB"
