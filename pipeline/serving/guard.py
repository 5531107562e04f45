"""Who may come in, and how often: before any request reaches the application.

On loopback everybody on the machine may, but no page of another site through a person's browser: a
request must name this host and come from it (DNS rebinding, cross-site requests). On other
addresses it takes the token, in a cookie after the first visit.
"""

from __future__ import annotations

import hmac
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import parse_qs, urlsplit

from pipeline.serving.options import LOOPBACK

COOKIE = "aqa_token"
HEADERS = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cache-control": "no-store",
}
_BURST_S = 4.0
_REMEMBERED = 10_000
_CHANGES = ("POST", "PUT", "PATCH", "DELETE")
Send = Callable[[dict[str, Any]], Awaitable[None]]


class Guard:
    """ASGI around an application. ``requests_s``: of one address, four seconds' worth at once;
    None: as many as there are.

    counts  answers by status, for the metrics.
    """

    def __init__(self, app: Any, *, token: str | None, requests_s: float | None) -> None:
        self._app, self._token, self._rate = app, token, requests_s
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self.counts: dict[int, int] = {}

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_safely(message: dict[str, Any]) -> None:
            if message["type"] == "http.response.start":
                status = message["status"]
                self.counts[status] = self.counts.get(status, 0) + 1
                there = {name.lower() for name, _ in message["headers"]}
                message["headers"] = [*message["headers"]] + [
                    (name.encode(), value.encode())
                    for name, value in HEADERS.items()
                    if name.encode() not in there
                ]
            await send(message)

        headers = {
            key.decode("latin-1"): value.decode("latin-1") for key, value in scope["headers"]
        }
        if not self._has_room((scope.get("client") or ("",))[0]):
            await _answer(
                send_safely, 429, "too many requests: wait a second", {"retry-after": "1"}
            )
        elif self._token is None and _host(headers) not in LOOPBACK:
            await _answer(send_safely, 403, "this server is for this machine alone")
        elif scope["method"] in _CHANGES and not _same_site(headers):
            await _answer(send_safely, 403, "a request from a page of another site")
        elif self._token is None or self._let_in(headers):
            await self._app(scope, receive, send_safely)
        elif self._is_token(
            parse_qs(scope["query_string"].decode("latin-1")).get("token", [""])[0]
        ):
            # Out of the address, where it would be seen and kept.
            cookie = f"{COOKIE}={self._token}; HttpOnly; SameSite=Strict; Path=/; Max-Age=31536000"
            await _answer(send_safely, 303, "", {"set-cookie": cookie, "location": scope["path"]})
        else:
            said = "this page needs its token: open the address that the server showed at its start"
            await _answer(send_safely, 401, said, {"www-authenticate": "Bearer"})

    def _let_in(self, headers: dict[str, str]) -> bool:
        kind, _, given = headers.get("authorization", "").partition(" ")
        if kind.lower() == "bearer" and self._is_token(given.strip()):
            return True
        try:
            cookie = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
        except CookieError:
            return False
        return cookie is not None and self._is_token(cookie.value)

    def _is_token(self, given: str) -> bool:
        return hmac.compare_digest(given.encode(), (self._token or "").encode())

    def _has_room(self, client: str) -> bool:
        """A bucket for each address, which fills up again at the rate."""
        if self._rate is None:
            return True
        now, most = time.monotonic(), self._rate * _BURST_S
        left, since = self._buckets.pop(client, (most, now))
        left = min(most, left + (now - since) * self._rate)
        self._buckets[client] = (max(left - 1, 0.0), now)
        if len(self._buckets) > _REMEMBERED:
            self._buckets.popitem(last=False)
        return left >= 1


def _host(headers: dict[str, str]) -> str | None:
    return urlsplit("//" + headers.get("host", "")).hostname


def _same_site(headers: dict[str, str]) -> bool:
    """Browsers say where a request comes from; programs say nothing."""
    if headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
        return False
    origin = headers.get("origin")
    return origin is None or urlsplit(origin).netloc == headers.get("host")


async def _answer(
    send: Send, status: int, text: str, headers: dict[str, str] | None = None
) -> None:
    every = {"content-type": "text/plain; charset=utf-8"} | (headers or {})
    listed = [(name.encode(), value.encode()) for name, value in every.items()]
    await send({"type": "http.response.start", "status": status, "headers": listed})
    await send({"type": "http.response.body", "body": text.encode()})
