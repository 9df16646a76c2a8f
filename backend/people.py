"""Who acts: every service function takes the acting person first."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Person:
    """Somebody who owns runs, data sets, recipes and chats; `id` is stored in the owner column of every row."""

    id: str
    name: str = ""


HOME = Person("home")
