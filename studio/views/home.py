"""What Home says first."""

from studio.text import Words
from studio.views.html import SafeHtml, element, join


def greeting(words: Words) -> SafeHtml:
    """One sentence, and the three steps behind it."""
    steps = [element("li", element("b", words.t(f"home.step{n}")), words.t(f"home.step{n}.text")) for n in (1, 2, 3)]
    return element(
        "section",
        element("h1", words.t("home.title")),
        element("p", words.t("home.sentence"), class_="lead"),
        element("ol", join(steps), class_="steps"),
        class_="greeting",
    )
