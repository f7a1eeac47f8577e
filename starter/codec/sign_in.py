"""The page where people sign in: the Web UI can send a cookie of this server along, and no API key."""

from __future__ import annotations

from html import escape
from urllib.parse import parse_qs, urlsplit

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from starter.codec.access import COOKIE, Access
from starter.http.problems import Problem, ProblemType

_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}
_LONGEST = 1000
"""Bytes of the form."""

_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Codec server</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 36rem; margin: 4rem auto; padding: 0 1rem }}
input, button {{ font: inherit; padding: .4rem .6rem }}
input {{ width: 100%; box-sizing: border-box; margin: .3rem 0 .8rem }}
.wrong {{ color: #b00020 }}
</style>
<h1>Codec server</h1>
{body}
</html>
"""
_FORM = """<p>Decrypts what Temporal keeps of jobs, for the Web UI in this browser.</p>
{wrong}<form method="post" action="sign-in">
<label>API key (<code>jobs api-keys create NAME --codec</code>)
<input type="password" name="key" autocomplete="current-password" required autofocus></label>
<button>Sign in</button>
</form>"""
_SIGNED_IN = """<p>Signed in as <b>{name}</b>. In the Web UI, open <i>Codec Server</i>, give it
<code>{address}</code>, and tick <i>Include cross-origin credentials</i>.</p>
<form method="post" action="sign-out"><button>Sign out</button></form>"""


class SignIn:
    """The routes."""

    def __init__(self, access: Access, *, cross_site: bool) -> None:
        """`cross_site`: browsers send the cookie along for pages of other sites, too, which takes HTTPS."""
        self._access = access
        self._cross_site = cross_site

    async def page(self, request: Request) -> Response:
        """The form, or who is signed in."""
        try:
            visitor = await self._access.visitor(request)
        except Problem:
            return _html(_FORM.format(wrong=""))
        address = str(request.base_url).rstrip("/")
        return _html(_SIGNED_IN.format(name=escape(visitor.key.name), address=escape(address)))

    async def sign_in(self, request: Request) -> Response:
        """Take a key, and give a session for it."""
        _from_here(request)
        body = await request.body()
        given = parse_qs(body.decode(errors="replace")).get("key", [""])[0] if len(body) <= _LONGEST else ""
        key = await self._access.gate.key(given.strip())
        if key is None:
            wrong = (
                '<p class="wrong">This key does not open it: it is unknown, expired, revoked, or was made without '
                "<code>--codec</code>.</p>"
            )
            return _html(_FORM.format(wrong=wrong), 401)
        response = RedirectResponse("./", status_code=303)
        response.set_cookie(
            COOKIE,
            self._access.session_of(key),
            max_age=round(self._access.session.total_seconds()),
            httponly=True,
            secure=self._cross_site or request.url.scheme == "https",
            samesite="none" if self._cross_site else "strict",
        )
        return response

    async def sign_out(self, request: Request) -> Response:
        """Forget the session."""
        _from_here(request)
        response = RedirectResponse("./", status_code=303)
        response.delete_cookie(COOKIE)
        return response


def _from_here(request: Request) -> None:
    """Refuse forms of other pages. Raises a Problem, 401."""
    origin = request.headers.get("origin")
    if origin is not None and urlsplit(origin).netloc != request.headers.get("host"):
        raise Problem(ProblemType.unauthorized, "Sign in on this server's own page.")


def _html(body: str, status: int = 200) -> Response:
    return HTMLResponse(_PAGE.format(body=body), status_code=status, headers=_HEADERS)
