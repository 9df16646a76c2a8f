"""Places of the page that are filled later: by the page's own scripts, or by what a handler returns.

The markup is constant; everything a person or a model wrote is put in by the scripts as text, or is a SafeHtml.
"""

from studio.framework import gr


def place(name: str, *, elem_id: str | None = None) -> gr.HTML:
    """An empty element that assets/page.js fills; `select` is triggered with `{id}` when a run is chosen there, and
    `submit` with whatever the script wants to be done.
    """
    return gr.HTML(
        html_template="<div></div>",
        js_on_load=f"studioPage.mount({name!r}, element, (id) => trigger('select', {{id}}), "
        "(said) => trigger('submit', said))",
        apply_default_css=False,
        elem_id=elem_id,
    )


def filled(*, elem_id: str | None = None, elem_classes: str | None = None) -> gr.HTML:
    """An empty element that a handler fills with a SafeHtml."""
    return gr.HTML(
        html_template="${value}", apply_default_css=False, js_on_load=None, elem_id=elem_id, elem_classes=elem_classes
    )
