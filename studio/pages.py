"""One Gradio page per language, built when somebody first visits it and served under /en, /ro and /it."""

import asyncio
from dataclasses import dataclass, field

from fastapi import FastAPI
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from studio.framework import gr
from studio.services.door import Services
from studio.shared import Shared
from studio.tabs import chat, data, home, models, runs, train, vision
from studio.text import Words
from studio.theme import theme
from studio.views.html import element
from studio.views.pages import page_head

TABS = (
    ("home", home.build),
    ("models", models.build),
    ("data", data.build),
    ("train", train.build),
    ("runs", runs.build),
    ("chat", chat.build),
    ("vision", vision.build),
)
# These have a heading that is seen.
GREETED = {"home"}
MOST_THREADS = 200
QUEUE_SECONDS = 0.05
UPLOAD = "500mb"


def build_page(services: Services, words: Words) -> gr.Blocks:
    """All tabs in one language."""
    page = gr.Blocks(title=words.t("studio.name"), analytics_enabled=False, delete_cache=(3600, 86400), fill_width=True)
    with page:
        shared = Shared.create(services, words, page)
        gr.HTML(
            html_template='<div class="top"></div>',
            js_on_load='studioPage.mount("top", element, trigger)',
            apply_default_css=False,
            elem_id="top",
        )
        with gr.Tabs(elem_id="tabs"):
            for name, build in TABS:
                with gr.Tab(words.t(f"tab.{name}"), id=name, elem_id=f"tab-{name}") as tab:
                    if name not in GREETED:
                        titled(words.t(f"tab.{name}"))
                    build(shared, tab)
    # Gradio never runs more events at once than this, however many people there are; it is read by queue().
    page.max_threads = MOST_THREADS
    page.queue(max_size=200, default_concurrency_limit=8, api_open=False)
    # Its queue looks for work a thousand times a second, in each language: 4 % of a core for nothing.
    page._queue.sleep_when_free = page._queue.progress_update_sleep_when_free = QUEUE_SECONDS
    return page


def titled(title: str) -> None:
    """The heading of a tab, for who hears the page: the eye has it in the row of tabs."""
    gr.HTML(
        element("h1", title),
        html_template="${value}",
        apply_default_css=False,
        js_on_load=None,
        elem_classes="tab-title",
    )


def widget_words(words: Words) -> gr.I18n:
    """Gradio's own words for its widgets. It has no Italian: there our words stand in the place of its English ones.

    Whole keys, because Gradio adds its own words after ours, in nested catalogues that are only searched afterwards.
    """
    return gr.I18n(**{"ro" if words.language == "ro" else "en": words.section("gradio.")})


@dataclass
class Pages:
    """An ASGI application for each language. Close it when the server ends."""

    services: Services
    prefix: str
    stamp: str
    _built: dict[str, ASGIApp] = field(default_factory=dict)
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    _ends: asyncio.Event = field(default_factory=asyncio.Event)
    _running: list[asyncio.Task[None]] = field(default_factory=list)

    def serve(self, language: str) -> ASGIApp:
        """The page of one language; building it is left to the first request."""

        async def page(scope: Scope, receive: Receive, send: Send) -> None:
            if language not in self._built:
                async with self._lock:
                    if language not in self._built:
                        self._built[language] = await self._build(Words(language))
            app = self._built[language]
            if scope["path"] == f"{self.prefix}/{language}/":
                words = Words(language)
                drafts = await asyncio.to_thread(self.services.drafts.shown)
                app = with_head(app, page_head(words, self.prefix, self.stamp, drafts), words)
            await app(scope, receive, send)

        return page

    async def _build(self, words: Words) -> ASGIApp:
        page = await asyncio.to_thread(build_page, self.services, words)
        parent = mounted(page, words)
        started = asyncio.Event()
        self._running.append(asyncio.create_task(self._keep(parent, started)))
        await started.wait()
        return parent

    async def _keep(self, app: FastAPI, started: asyncio.Event) -> None:
        """Gradio's queue lives between entering and leaving this, which must happen in one task."""
        async with app.router.lifespan_context(app):
            started.set()
            await self._ends.wait()

    async def close(self) -> None:
        self._ends.set()
        await asyncio.gather(*self._running)


def mounted(page: gr.Blocks, words: Words) -> FastAPI:
    """Gradio's application with everything off that we do not use: share, MCP, monitoring, history, API pages."""
    parent = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    gr.mount_gradio_app(
        parent,
        page,
        path=f"/{words.language}",
        footer_links=[],
        run_history=False,
        show_error=False,
        max_file_size=UPLOAD,
        ssr_mode=False,
        enable_monitoring=False,
        pwa=False,
        mcp_server=False,
        i18n=widget_words(words),
        theme=theme(),
        app_kwargs={"docs_url": None, "redoc_url": None, "openapi_url": None},
    )
    return parent


def with_head(app: ASGIApp, head: str, words: Words) -> ASGIApp:
    """Gradio's page with our head in front of its scripts, and the language it is really in.

    Its own `head=` is applied by its scripts after the page is drawn, which shows as a flash of unstyled text.
    """

    async def changed(scope: Scope, receive: Receive, send: Send) -> None:
        plain = [(name, value) for name, value in scope["headers"] if name.lower() != b"accept-encoding"]
        start: Message | None = None
        body = b""

        async def collect(message: Message) -> None:
            nonlocal start, body
            if message["type"] == "http.response.start":
                start = message
                return
            body += message.get("body", b"")
            if message.get("more_body"):
                return
            text = body.decode()
            text = text.replace('lang="en"', f'lang="{words.language}"', 1).replace("<head>", f"<head>{head}", 1)
            text = text.replace('<link rel="manifest" href="/manifest.json" />', "", 1)
            sent = text.encode()
            headers = [pair for pair in (start or {}).get("headers", []) if pair[0].lower() != b"content-length"]
            headers += [(b"content-length", str(len(sent)).encode()), (b"cache-control", b"no-store")]
            headers.append((b"set-cookie", f"studio_language={words.language}; Path=/; SameSite=Lax".encode()))
            await send({**(start or {}), "headers": headers})
            await send({"type": "http.response.body", "body": sent})

        await app({**scope, "headers": plain}, receive, collect)

    return changed
