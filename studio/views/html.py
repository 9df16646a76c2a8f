"""HTML made from plain values: everything that is not our own constant is escaped. The only source of page markup."""

import html
from collections.abc import Iterable

Child = "SafeHtml | str | None"


class SafeHtml(str):
    """Markup in which every value was escaped; nothing but `element` and `join` makes one."""

    __slots__ = ()


def element(tag: str, *children: "SafeHtml | str | None", **attributes: str | None) -> SafeHtml:
    """`<tag attribute="…">children</tag>`: text is escaped, SafeHtml is kept, None is left out.

    A trailing underscore (`class_`) and inner underscores (`aria_label`) become what HTML calls them.
    """
    named = "".join(
        f' {name.rstrip("_").replace("_", "-")}="{html.escape(value)}"'
        for name, value in attributes.items()
        if value is not None
    )
    return SafeHtml(f"<{tag}{named}>{join(children)}</{tag}>")


def join(children: Iterable["SafeHtml | str | None"]) -> SafeHtml:
    return SafeHtml(
        "".join(child if isinstance(child, SafeHtml) else html.escape(child) for child in children if child is not None)
    )
