"""Who may come in: token, this machine alone, pages of other sites, how often, headers."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from pipeline.serving.guard import HEADERS, Guard

TOKEN = "secret-token"
HOME = {"host": "127.0.0.1:8000"}


async def application(scope: dict[str, Any], receive: Any, send: Any) -> None:
    headers = [(b"content-type", b"text/plain"), (b"cache-control", b"max-age=5")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"inside"})


def ask(guard: Guard, path: str = "/", method: str = "GET", **headers: str) -> httpx.Response:
    async def once() -> httpx.Response:
        transport = httpx.ASGITransport(guard)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000") as web:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            return await web.request(method, path, headers=named)

    return asyncio.run(once())


def guard(token: str | None = None, requests_s: float | None = None) -> Guard:
    return Guard(application, token=token, requests_s=requests_s)


def test_every_answer_has_the_headers() -> None:
    for status, answer in ((200, ask(guard())), (401, ask(guard(TOKEN)))):
        assert answer.status_code == status
        for name, value in HEADERS.items():
            if (status, name) != (200, "cache-control"):
                assert answer.headers[name] == value
    assert ask(guard()).headers["cache-control"] == "max-age=5"  # of the application's own


def test_on_loopback_only_under_its_name() -> None:
    for host in ("127.0.0.1:8000", "localhost:1", "[::1]:8000"):
        assert ask(guard(), host=host).text == "inside"
    for host in ("evil.example", "evil.example:8000", "127.0.0.1.evil.example"):
        refused = ask(guard(), host=host)
        assert refused.status_code == 403 and "this machine alone" in refused.text


@pytest.mark.parametrize("method", ["POST", "DELETE"])
def test_no_page_of_another_site_changes_anything(method: str) -> None:
    assert ask(guard(), method=method).status_code == 200
    assert ask(guard(), method=method, origin="http://127.0.0.1:8000", **HOME).status_code == 200
    for other in ({"origin": "http://evil.example"}, {"origin": "http://127.0.0.1:9000"},
                  {"origin": "null"}, {"sec_fetch_site": "cross-site"}):  # fmt: skip
        assert ask(guard(), method=method, **HOME, **other).status_code == 403, other


def test_the_token_opens_and_stays_in_a_cookie() -> None:
    locked = guard(TOKEN)
    assert ask(locked, host="any.example").status_code == 401
    assert ask(locked, "/?token=wrong").status_code == 401
    assert ask(locked, authorization=f"Bearer {TOKEN}").text == "inside"
    assert ask(locked, authorization="Bearer wrong").status_code == 401
    first = ask(locked, f"/v1/jobs?token={TOKEN}")
    assert first.status_code == 303 and first.headers["location"] == "/v1/jobs"
    cookie = first.headers["set-cookie"]
    assert "HttpOnly" in cookie and "SameSite=Strict" in cookie
    assert ask(locked, cookie=cookie.split(";")[0]).text == "inside"
    assert ask(locked, cookie="aqa_token=wrong").status_code == 401
    assert ask(locked, cookie="aqa_token;=;;").status_code == 401


def test_so_many_requests_at_once_and_then_at_the_rate() -> None:
    slow = guard(requests_s=0.5)
    answers = [ask(slow).status_code for _ in range(4)]
    assert answers == [200, 200, 429, 429]
    assert ask(slow).headers["retry-after"] == "1"
    assert slow.counts == {200: 2, 429: 3}
