"""The provider as one web application: its interface, its controls, and a page that shows both at work."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from urllib.parse import parse_qs

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.templating import Jinja2Templates
from starlette.types import ASGIApp, Receive, Scope, Send

from demo.payments import api, control
from demo.payments.behaviour import Script
from demo.payments.book import Book
from demo.payments.callbacks import Callbacks
from demo.payments.connections import Connections
from domain.payments import NEXT, PaymentState

_PAGES = Path(__file__).with_name("pages")
_SHOWN = 100
_PAGE_POLICY = "default-src 'none'; style-src 'self'; form-action 'self'"


def application(book: Book, callbacks: Callbacks, connections: Connections) -> Starlette:
    """The provider over a book."""
    templates = Jinja2Templates(_PAGES)
    templates.env.filters.update(local_time=_local_time)
    script = Script()

    async def home(request: Request) -> Response:
        newest_first = list(reversed(book.payments.values()))
        context = {
            "payments": newest_first[:_SHOWN],
            "count": len(newest_first),
            "next": {state: sorted(following) for state, following in NEXT.items()},
            "deliveries": list(reversed(callbacks.deliveries))[:10],
            "callback_url": callbacks.settings.url,
        }
        response = templates.TemplateResponse(request, "list.html", context)
        response.headers["Content-Security-Policy"] = _PAGE_POLICY
        return response

    async def move(request: Request) -> Response:
        told = parse_qs((await request.body()).decode()).get("state", [""])[0]
        try:
            callbacks.tell(book.move(request.path_params["payment_id"], PaymentState(told)))
        except (KeyError, ValueError):
            raise HTTPException(404, "There is no such payment, or no such state for it.") from None
        return RedirectResponse("/", 303)

    async def healthy(_request: Request) -> Response:
        return PlainTextResponse("ok")

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        yield
        await callbacks.aclose()
        book.close()

    return Starlette(
        lifespan=lifespan,
        routes=[
            Route("/", home),
            Route("/payments/{payment_id}", move, methods=["POST"]),
            *api.routes(book, script, connections, callbacks.tell),
            *control.routes(book, script, callbacks),
            Route("/healthz", healthy),
            Mount("/static", StaticFiles(directory=_PAGES / "static")),
        ],
        # Other sites that a browser has open must not reach it, neither under a name of their own nor by a form.
        middleware=[
            Middleware(TrustedHostMiddleware, allowed_hosts=["127.0.0.1", "localhost"]),
            Middleware(_OwnPagesAlone),
        ],
    )


class _OwnPagesAlone:
    """Browsers say which site a request comes from; other programs say nothing."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            site = dict(scope["headers"]).get(b"sec-fetch-site", b"none")
            if scope["method"] != "GET" and site not in (b"same-origin", b"none"):
                await PlainTextResponse("Not from another site.", 403)(scope, receive, send)
                return
        await self._app(scope, receive, send)


def _local_time(moment: datetime) -> str:
    return moment.astimezone().strftime("%Y-%m-%d %H:%M:%S")
