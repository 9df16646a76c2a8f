"""The gate in front of everything, asked over HTTP; Gradio behind it is the real one."""

import asyncio
import json
import re
import stat
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx

from studio.app import Flags, create_app
from studio.security import HEADERS, Hosts
from studio.sessions import Sessions
from tests.fakes import FakeServices

TOKEN = "one-time"
HOST = "127.0.0.1:7860"
Session = Callable[[httpx.AsyncClient], Coroutine[Any, Any, None]]


@asynccontextmanager
async def studio(root: Path, **flags: Any) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a studio that has just started; its server's own beginning and end included."""
    app = create_app(FakeServices(root), Sessions(root / "sessions.json", TOKEN), Flags(root, **flags))
    said: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    ready = asyncio.Event()

    async def send(message: Any) -> None:
        ready.set()

    running = asyncio.create_task(app({"type": "lifespan", "asgi": {"version": "3.0"}}, said.get, send))
    await said.put({"type": "lifespan.startup"})
    await ready.wait()
    transport = httpx.ASGITransport(app=app, client=("127.0.0.1", 1))
    async with httpx.AsyncClient(transport=transport, base_url=f"http://{HOST}") as client:
        yield client
    await said.put({"type": "lifespan.shutdown"})
    await running


def asked(root: Path, session: Session, **flags: Any) -> None:
    async def whole() -> None:
        async with studio(root, **flags) as client:
            await session(client)

    asyncio.run(whole())


async def log_in(client: httpx.AsyncClient) -> None:
    answer = await client.get("/", params={"token": TOKEN})
    assert answer.status_code == 303


def test_without_a_session_nothing_is_answered_but_the_way_in(tmp_path: Path) -> None:
    async def session(client: httpx.AsyncClient) -> None:
        for path in ("/", "/en/", "/ro/config", "/live?language=en", "/log?run=run1", "/en/gradio_api/heartbeat/x",
                     "/en/gradio_api/app_id", "/openapi.json", "/en/gradio_api/info", "/en/theme.css"):  # fmt: skip
            assert (await client.get(path)).status_code == 401, path
        assert (await client.post("/en/gradio_api/run/predict", json={"data": []})).status_code == 401
        page = await client.get("/", headers={"accept": "text/html", "accept-language": "ro"})
        assert page.status_code == 401
        assert "adresa afișată în terminal" in page.text
        assert (await client.get("/assets/studio.css")).status_code == 200
        assert (await client.get("/healthz")).text == "ok"

    asked(tmp_path, session)


def test_the_token_opens_one_session_once_and_the_session_outlives_the_studio(tmp_path: Path) -> None:
    kept: dict[str, str] = {}

    async def first(client: httpx.AsyncClient) -> None:
        answer = await client.get("/", params={"token": TOKEN})
        cookie = answer.headers["set-cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=lax" in cookie
        assert TOKEN not in answer.headers["location"]
        kept.update(client.cookies)
        assert (await client.get("/")).status_code == 303
        client.cookies.clear()
        assert (await client.get("/", params={"token": TOKEN})).status_code == 401
        assert (await client.get("/", params={"token": "guess"})).status_code == 401

    async def after_a_restart(client: httpx.AsyncClient) -> None:
        assert (await client.get("/", params={"token": TOKEN})).status_code == 401
        client.cookies.update(kept)
        assert (await client.get("/")).status_code == 303
        assert (await client.get("/", params={"token": TOKEN})).status_code == 303

    asked(tmp_path, first)
    file = tmp_path / "sessions.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert all(secret not in file.read_text() for secret in (TOKEN, *kept.values()))
    asked(tmp_path, after_a_restart)


def test_another_site_cannot_make_the_browser_act_here(tmp_path: Path) -> None:
    async def session(client: httpx.AsyncClient) -> None:
        await log_in(client)
        path, body = "/en/gradio_api/run/predict", {"data": [], "fn_index": 0, "session_hash": "x"}
        status = {}
        for name, headers in {
            "own": {"origin": f"http://{HOST}"},
            "program": {},
            "evil": {"origin": "http://evil.example"},
            "null": {"origin": "null"},
            "cross-site": {"sec-fetch-site": "cross-site"},
            "other port": {"origin": "http://127.0.0.1:9999"},
        }.items():
            status[name] = (await client.post(path, json=body, headers=headers)).status_code
        assert status == {"own": 200, "program": 200, "evil": 403, "null": 403, "cross-site": 403, "other port": 403}
        upload = {"files": ("a.jsonl", b"x")}
        evil = await client.post("/en/gradio_api/upload", files=upload, headers={"origin": "http://evil.example"})
        assert evil.status_code == 403
        seen = await client.get("/en/config", headers={"origin": "http://evil.example"})
        assert not [name for name in seen.headers if name.startswith("access-control-allow")]

    asked(tmp_path, session)


def test_a_name_that_was_pointed_at_us_is_not_ours(tmp_path: Path) -> None:
    async def session(client: httpx.AsyncClient) -> None:
        await log_in(client)
        hosts = {"evil.example": 421, "127.0.0.1.evil.example": 421, "": 421, "localhost:7860": 303, "[::1]:7860": 303}
        found = {host: (await client.get("/", headers={"host": host})).status_code for host in hosts}
        assert found == hosts

    asked(tmp_path, session)


def test_a_proxy_is_known_by_the_name_that_was_given() -> None:
    hosts = Hosts.of("127.0.0.1", "lab.example")
    assert hosts.allow("lab.example")
    assert hosts.allow("lab.example:8443")
    assert not hosts.allow("other.example")
    assert not hosts.allow("192.168.1.7")


def test_a_body_is_at_most_one_megabyte_whether_it_says_its_length_or_not(tmp_path: Path) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(20):
            yield b"x" * 100_000

    async def session(client: httpx.AsyncClient) -> None:
        await log_in(client)
        path = "/en/gradio_api/run/predict"
        big = await client.post(path, content=json.dumps({"data": ["x" * 2_000_000]}))
        assert (big.status_code, big.text) == (413, "The request is too large: at most 1 MB.")
        assert (await client.post(path, content=pieces())).status_code == 413
        assert (await client.post(path, content=b"", headers={"content-length": "many"})).status_code == 400
        italian = await client.post(path, content=b"x" * 2_000_000, headers={"accept-language": "it"})
        assert italian.text == "La richiesta è troppo grande: al massimo 1 MB."
        upload = await client.post("/en/gradio_api/upload", files={"files": ("a.jsonl", b"x" * 2_000_000)})
        assert upload.status_code == 200

    asked(tmp_path, session)


def test_every_answer_has_the_security_headers(tmp_path: Path) -> None:
    async def session(client: httpx.AsyncClient) -> None:
        refused = await client.get("/en/")
        await log_in(client)
        for answer in (refused, await client.get("/en/"), await client.get("/assets/page.js")):
            assert {name: answer.headers[name] for name in HEADERS} == HEADERS
        assert "connect-src 'self';" in HEADERS["content-security-policy"]
        assert "img-src 'self' data: blob:;" in HEADERS["content-security-policy"]

    asked(tmp_path, session)


def test_the_page_is_in_its_language_and_asks_nothing_of_other_hosts(tmp_path: Path) -> None:
    async def session(client: httpx.AsyncClient) -> None:
        await log_in(client)
        for language in ("en", "ro", "it"):
            page = await client.get(f"/{language}/", headers={"accept-encoding": "br"})
            assert f'lang="{language}"' in page.text[:200]
            outside = re.findall(r'(?:src|href)="(https?://[^"]+)"', page.text)
            assert outside == []
            assert "studioPage" in page.text.split("<script type=")[0]
        assert (await client.get("/", headers={"accept-language": "en"})).headers["location"] == "/it/"

    asked(tmp_path, session)


HOSTILE = (
    "/etc/passwd", "../../../../etc/passwd", "..%2f..%2f..%2fetc%2fpasswd", "%2e%2e/%2e%2e/etc/passwd",
    "....//etc/passwd", "/proc/self/environ", "file:///etc/passwd", "C:\\Windows\\win.ini", "/en/../../etc/passwd",
    "~/.ssh/id_rsa", "//etc/passwd", "/etc/passwd%00.png", "http://169.254.169.254/latest",
)  # fmt: skip


def test_no_file_of_the_machine_can_be_fetched(tmp_path: Path) -> None:
    async def session(client: httpx.AsyncClient) -> None:
        await log_in(client)
        for path in (*HOSTILE, str(tmp_path / "sessions.json")):
            for route in ("/en/gradio_api/file=", "/en/file=", "/assets/", "/en/gradio_api/proxy=", "/en/static/"):
                answer = await client.get(route + path)
                assert answer.status_code in (400, 403, 404, 405), (route, path, answer.status_code)

    asked(tmp_path, session)


def test_what_gradio_offers_and_we_do_not_use_is_off(tmp_path: Path) -> None:
    async def session(client: httpx.AsyncClient) -> None:
        await log_in(client)
        for path in ("/docs", "/redoc", "/openapi.json", "/en/docs", "/en/openapi.json", "/en/gradio_api/runs",
                     "/en/monitoring", "/en/monitoring/summary", "/en/gradio_api/mcp/sse"):  # fmt: skip
            assert (await client.get(path)).status_code in (403, 404), path
        config = (await client.get("/en/config")).json()
        assert config["show_error"] is False
        assert config["analytics_enabled"] is False
        assert config["footer_links"] == []
        assert config["run_history"] is False
        assert not config["mcp_server"]

    asked(tmp_path, session)


def test_behind_a_proxy_addresses_carry_its_prefix_whether_it_was_taken_away_or_not(tmp_path: Path) -> None:
    async def session(client: httpx.AsyncClient) -> None:
        answer = await client.get("/hub/x/", params={"token": TOKEN})
        assert answer.headers["location"] == "/hub/x/"
        assert "Path=/hub/x" in answer.headers["set-cookie"]
        client.cookies = httpx.Cookies(dict(client.cookies.items()))
        assert (await client.get("/")).headers["location"].startswith("/hub/x/")
        assert (await client.get("/hub/x/en")).headers["location"] == "/hub/x/en/"
        page = (await client.get("/hub/x/en/")).text
        assert 'src="/hub/x/assets/page.js' in page
        assert f'"root":"http://{HOST}/hub/x/en"' in page

    asked(tmp_path, session, root_path="/hub/x")


def test_an_unknown_run_has_no_log(tmp_path: Path) -> None:
    async def session(client: httpx.AsyncClient) -> None:
        await log_in(client)
        assert (await client.get("/log", params={"run": "../../etc"})).status_code == 404
        assert (await client.get("/live", params={"language": "xx"})).status_code == 404

    asked(tmp_path, session)
