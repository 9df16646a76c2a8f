"""The places that the page's own scripts draw into: the list of runs, the chosen run, what runs now.

The markup is constant; everything a person or a model wrote is put in by the scripts as text.
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
