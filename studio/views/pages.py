"""The whole pages that are not Gradio's: what somebody without a session sees, and the head of every page."""

import json
from collections.abc import Mapping
from typing import Any

from studio.text import Words
from studio.views.html import SafeHtml, element

SCRIPTS = (
    "uPlot.iife.js", "page.js", "address.js", "drafts.js", "widgets.js", "keyboard.js", "form.js", "chain.js",
    "plot.js", "charts.js", "chart.js", "answers.js", "log.js", "compare.js", "runs.js", "notice.js", "export.js",
    "runs-stage.js", "head.js", "verdict.js", "home.js", "chat.js", "chat-fields.js", "chat-pictures.js",
    "chat-blind.js", "chat-stage.js", "chat-panes.js", "chat-list.js", "models.js", "models-here.js",
    "models-find.js", "models-details.js", "data.js", "data-send.js", "data-rows.js", "data-here.js", "data-hub.js",
    "data-add.js", "data-look.js", "data-review.js", "data-review-draw.js", "data-doctor.js", "data-prepare.js",
    "data-tokens.js", "data-one.js", "captions.js", "captions-draw.js", "live.js",
)  # fmt: skip
STYLES = (
    "uPlot.min.css", "studio.css", "runs.css", "export.css", "verdict.css", "charts.css", "train.css", "chat.css",
    "models.css", "data.css", "captions.css",
)  # fmt: skip
DARK_OR_LIGHT = "try{const s=localStorage.getItem('studio-theme');if(s)document.documentElement.dataset.theme=s}catch{}"


def no_session_page(words: Words, prefix: str) -> str:
    page = element(
        "html",
        element(
            "head",
            SafeHtml('<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'),
            element("title", words.t("studio.name")),
            SafeHtml(f'<link rel="stylesheet" href="{prefix}/assets/studio.css">'),
        ),
        element(
            "body",
            element(
                "main",
                element("h1", words.t("studio.name"), class_="brand"),
                element("p", words.t("gate.page.first")),
                element("p", words.t("gate.page.then")),
                class_="gate",
            ),
            class_="plain",
        ),
        lang=words.language,
    )
    return "<!doctype html>" + page


def page_head(words: Words, prefix: str, stamp: str, drafts: Mapping[str, Any]) -> str:
    """Goes into Gradio's page before its own scripts: our style and scripts, and the words these scripts say.

    Gradio chooses the language of its widgets from the browser; on our page it is the page that decides. It has no
    Italian, so there the English catalogue is overwritten (`studio.pages`). `stamp` changes when a file changed;
    `drafts` are what the person had typed, for assets/drafts.js.
    """
    spoken = "en" if words.language == "it" else words.language
    told = {"language": words.language, "prefix": prefix, "words": words.section("live."), "drafts": drafts}
    said = json.dumps(told, ensure_ascii=False).replace("<", "\\u003c")
    scripts = "".join(f'<script defer src="{prefix}/assets/{name}?{stamp}"></script>' for name in SCRIPTS)
    styles = "".join(f'<link rel="stylesheet" href="{prefix}/assets/{name}?{stamp}">' for name in STYLES)
    return (
        f"<script>Object.defineProperty(navigator,'language',{{value:'{spoken}'}});"
        f"window.studioPage={said};{DARK_OR_LIGHT}</script>{styles}{scripts}"
        f'<link rel="icon" href="{prefix}/assets/icon.svg" type="image/svg+xml">'
    )
