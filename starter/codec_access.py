"""Who may have payloads decrypted: a client with an API key of the scope `codec`, or a browser that signed in by one.

The Web UI can send a cookie of this server along, and no API key: so there is a page to sign in. The cookie holds the
key's id, signed; it ends with the key.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta
from html import escape
from urllib.parse import parse_qs, urlsplit

from itsdangerous import BadSignature, URLSafeTimedSerializer
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from domain.api_keys import ApiKey, ApiKeyStore, KeyScope
from starter.http.gate import Gate
from starter.http.problems import Problem, ProblemType

COOKIE = "durable_jobs_codec"

_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}
_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Codec server</title>
<style>body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 36rem; margin: 4rem auto }}</style>
<h1>Codec server</h1>
{body}
</html>
"""
_FORM = """<p>Decrypts what Temporal keeps of jobs, for the Web UI in this browser. {problem}</p>
<form method="post" action="sign-in">
<label>API key (<code>jobs api-keys create NAME --codec</code>)
<input type="password" name="key" autocomplete="current-password" required autofocus></label>
<button>Sign in</button>
</form>"""
_REFUSED = "<b>This key was refused: it is unknown, expired, revoked, or was made without <code>--codec</code>.</b>"
_SIGNED_IN = """<p>Signed in as <b>{name}</b>. In the Web UI, open <i>Codec Server</i>, give it
<code>{address}</code>, and tick <i>Include cross-origin credentials</i>.</p>
<form method="post" action="sign-out"><button>Sign out</button></form>"""


class Access:
    """Finds out who sends a request, and serves the page to sign in."""

    def __init__(
        self,
        keys: ApiKeyStore,
        *,
        secrets: Sequence[bytes],
        session: timedelta,
        origins: Collection[str],
        cross_site: bool,
    ) -> None:
        """`secrets` sign sessions: the last one does, each is accepted. `origins` are those of the Web UI.

        `cross_site`: browsers send the cookie along for pages of other sites, too, which takes HTTPS.
        """
        self._keys = keys
        self._gate = Gate(keys, scope=KeyScope.codec)
        self._signer = URLSafeTimedSerializer([*secrets], salt="codec-session")
        self._session = round(session.total_seconds())
        self._origins = origins
        self._cross_site = cross_site

    async def allowed(self, request: Request) -> ApiKey:
        """The key of a request that may have payloads converted. Raises a Problem, 401; a TransientError."""
        if (key := await self._bearer(request)) is not None:
            return key
        # A browser sends the cookie along whatever page makes it ask: so the page has to be the Web UI's.
        if (key := await self._signed_in(request)) is not None and request.headers.get("origin") in self._origins:
            return key
        raise Problem(
            ProblemType.unauthorized,
            "Send `Authorization: Bearer dj_…` with a key of `jobs api-keys create NAME --codec`; or sign in with it "
            f"at {request.base_url}, in the browser that has the Web UI, whose address must be in CODEC_ORIGINS.",
            headers={"WWW-Authenticate": "Bearer"},
        )

    async def page(self, request: Request) -> Response:
        """The form, or who is signed in."""
        key = await self._signed_in(request)
        if key is None:
            return _html(_FORM.format(problem=""))
        return _html(_SIGNED_IN.format(name=escape(key.name), address=escape(str(request.base_url).rstrip("/"))))

    async def sign_in(self, request: Request) -> Response:
        """Take a key, and give a session for it."""
        _from_this_server(request)
        given = parse_qs((await request.body()).decode(errors="replace")).get("key", [""])[0]
        key = await self._gate.key(given.strip())
        if key is None:
            return _html(_FORM.format(problem=_REFUSED), 401)
        response = RedirectResponse("./", status_code=303)
        response.set_cookie(
            COOKIE,
            self._signer.dumps(key.id),
            max_age=self._session,
            httponly=True,
            secure=self._cross_site or request.url.scheme == "https",
            samesite="none" if self._cross_site else "strict",
        )
        return response

    async def sign_out(self, request: Request) -> Response:
        """Forget the session."""
        _from_this_server(request)
        response = RedirectResponse("./", status_code=303)
        response.delete_cookie(COOKIE)
        return response

    async def _bearer(self, request: Request) -> ApiKey | None:
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        return await self._gate.key(given.strip()) if scheme.lower() == "bearer" else None

    async def _signed_in(self, request: Request) -> ApiKey | None:
        try:
            key_id = self._signer.loads(request.cookies.get(COOKIE, ""), max_age=self._session)
        except BadSignature:
            return None
        found = await self._keys.find(key_id)
        if found is None or found[0].scope is not KeyScope.codec or not found[0].is_valid(datetime.now(UTC)):
            return None
        return found[0]


def _from_this_server(request: Request) -> None:
    """Refuse forms of other pages. Raises a Problem, 401."""
    origin = request.headers.get("origin")
    if origin is not None and urlsplit(origin).netloc != request.headers.get("host"):
        raise Problem(ProblemType.unauthorized, "Sign in on this server's own page.")


def _html(body: str, status: int = 200) -> Response:
    return HTMLResponse(_PAGE.format(body=body), status_code=status, headers=_HEADERS)
