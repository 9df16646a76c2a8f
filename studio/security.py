"""In front of everything: host, origin, size and session are checked, and the answer gets its security headers.

Pure ASGI, so that streams pass through untouched. Gradio's own checks stay behind it as a second line.
"""

import re
from contextlib import suppress
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs, quote, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from backend.chats.pictures import kept
from backend.data.intake import uploads
from studio.sessions import LIFETIME, Sessions
from studio.text import Words, preferred
from studio.views.pages import no_session_page

JSON_LIMIT = 1_000_000
UPLOAD_LIMIT = 512_000_000
UPLOAD_PATH = "/gradio_api/upload"
# Written to the disk as they come.
DATA_LIMIT, DATA_PATH = uploads.MOST_BYTES, "/data/upload"
# A picture that somebody asks about.
PICTURE_LIMIT, PICTURE_PATH = kept.MOST_BYTES, "/chat/picture"
OPEN_PATHS = ("/assets/", "/healthz")
# Routes of Gradio that the page never asks: fetching from other hosts, saved links, reloading of source code.
UNUSED = re.compile(r"^/(en|ro|it)/(gradio_api/)?(proxy=|deep_link|dev/|vibe|run-history|mcp|monitoring)")
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
HEADERS = {
    # gr.HTML compiles its templates and Gradio's page starts from an inline script: both words are needed there.
    "content-security-policy": "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; media-src 'self' blob:; "
    "connect-src 'self'; worker-src 'self' blob:; object-src 'none'; base-uri 'self'; form-action 'self'; "
    "frame-ancestors 'none'",
    "x-frame-options": "DENY",
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(self), microphone=(), geolocation=()",
}


class TooLargeError(Exception):
    """The body grew over its limit while it was read."""


def cookies(headers: Headers) -> dict[str, str]:
    try:
        return {name: morsel.value for name, morsel in SimpleCookie(headers.get("cookie", "")).items()}
    except CookieError:
        return {}


@dataclass(frozen=True)
class Hosts:
    """Which Host headers are ours. Somebody else's name that points at us (DNS rebinding) is not."""

    names: frozenset[str]

    @classmethod
    def of(cls, host: str, *more: str) -> "Hosts":
        return cls(frozenset({"localhost", "127.0.0.1", "[::1]", host, *more}))

    def allow(self, header: str) -> bool:
        name = header.rsplit(":", 1)[0] if not header.endswith("]") else header
        return name in self.names or header in self.names


@dataclass(frozen=True)
class Gate:
    """The middleware. `prefix` is the path that a proxy puts before ours; `cookie` the name of the session cookie."""

    app: ASGIApp
    sessions: Sessions
    hosts: Hosts
    prefix: str = ""
    cookie: str = "studio_session"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self.app(scope, receive, send)
            return
        scope = self._placed(scope)
        headers = Headers(scope=scope)
        given = cookies(headers)
        words = Words(preferred(headers.get("accept-language", ""), given.get("studio_language", "")))
        guarded_send = with_headers(send)
        answer = self._refuse(scope, headers, words) or self._log_in(scope, given) or self._ask(scope, given, words)
        if answer is not None:
            await answer(scope, receive, guarded_send)
            return
        scope.setdefault("state", {})["person"] = self.sessions.person(given.get(self.cookie))
        meter = Meter(receive, body_limit(scope))

        async def unless_too_large(message: Message) -> None:
            """Whatever a handler makes of a body that was cut off, the answer is that it was too large."""
            if not meter.over:
                await guarded_send(message)

        with suppress(TooLargeError):
            await self.app(scope, meter.read, unless_too_large)
        if meter.over:
            await too_large(words, meter.limit)(scope, receive, guarded_send)

    def _placed(self, scope: Scope) -> Scope:
        """The scope as ASGI wants it, prefix included, whether or not the proxy has already taken the prefix away."""
        path = scope["path"]
        if self.prefix and path != self.prefix and not path.startswith(self.prefix + "/"):
            path = self.prefix + path
        return {**scope, "path": path, "raw_path": path.encode(), "root_path": self.prefix}

    def _refuse(self, scope: Scope, headers: Headers, words: Words) -> Response | None:
        host = headers.get("host", "")
        if not self.hosts.allow(host):
            return PlainTextResponse(words.t("gate.host"), 421)
        if scope["method"] not in SAFE_METHODS and not same_site(headers, host):
            return PlainTextResponse(words.t("gate.origin"), 403)
        if UNUSED.match(inner_path(scope)) or "\0" in scope["path"]:
            return PlainTextResponse(words.t("gate.not_found"), 404)
        try:
            length = int(headers.get("content-length", "0"))
        except ValueError:
            return PlainTextResponse(words.t("gate.length"), 400)
        return too_large(words, body_limit(scope)) if length > body_limit(scope) else None

    def _log_in(self, scope: Scope, given: dict[str, str]) -> Response | None:
        """`/?token=…` becomes a cookie and an address without the token."""
        if inner_path(scope) != "/" or scope["method"] != "GET":
            return None
        token = parse_qs(scope["query_string"].decode("latin1")).get("token", [""])[0]
        if not token:
            return None
        answer = RedirectResponse(f"{self.prefix}/", 303)
        if self.sessions.person(given.get(self.cookie)) is None:
            opened = self.sessions.exchange(token)
            if opened is None:
                return None
            answer.set_cookie(
                self.cookie,
                opened,
                max_age=LIFETIME,
                path=self.prefix or "/",
                httponly=True,
                samesite="lax",
                secure=scope["scheme"] == "https",
            )
        return answer

    def _ask(self, scope: Scope, given: dict[str, str], words: Words) -> Response | None:
        """Without a session: one plain page that says what to do; nothing else is answered."""
        if inner_path(scope).startswith(OPEN_PATHS) or self.sessions.person(given.get(self.cookie)) is not None:
            return None
        if scope["method"] == "GET" and "text/html" in Headers(scope=scope).get("accept", ""):
            return HTMLResponse(no_session_page(words, self.prefix), 401)
        return PlainTextResponse(words.t("gate.session"), 401)


def inner_path(scope: Scope) -> str:
    """The path without what a proxy puts before it: how we route."""
    path: str = scope["path"]
    return path.removeprefix(scope.get("root_path", "")) or "/"


def same_site(headers: Headers, host: str) -> bool:
    """Whether a changing request comes from our own page, or from a program (which sends neither header)."""
    origin = headers.get("origin")
    return headers.get("sec-fetch-site") not in ("cross-site", "same-site") and (
        origin is None or urlsplit(origin).netloc == host
    )


def body_limit(scope: Scope) -> int:
    if inner_path(scope) == DATA_PATH:
        return DATA_LIMIT
    if inner_path(scope) == PICTURE_PATH:
        return PICTURE_LIMIT
    return UPLOAD_LIMIT if scope["path"].endswith(UPLOAD_PATH) else JSON_LIMIT


def too_large(words: Words, limit: int) -> Response:
    return PlainTextResponse(words.t("gate.too_large", limit=words.size(limit)), 413)


@dataclass
class Meter:
    """Counts what is really read: a request without a length cannot be longer than one with it."""

    receive: Receive
    limit: int
    seen: int = 0

    @property
    def over(self) -> bool:
        return self.seen > self.limit

    async def read(self) -> Message:
        message = await self.receive()
        self.seen += len(message.get("body", b""))
        if self.over:
            raise TooLargeError
        return message


def with_headers(send: Send) -> Send:
    """Adds our headers; takes away Gradio's `Access-Control-Allow-*`, which would let other origins read answers."""

    async def changed(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(raw=message["headers"])
            for name in [name for name in headers if name.lower().startswith("access-control-allow")]:
                del headers[name]
            for name, value in HEADERS.items():
                headers[name] = value
        await send(message)

    return changed


def attachment(name: str) -> str:
    """A Content-Disposition that every browser reads: ASCII for the old ones, the whole name for the others."""
    plain = "".join(letter if letter.isascii() and (letter.isalnum() or letter in ".-_") else "_" for letter in name)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name)}"
