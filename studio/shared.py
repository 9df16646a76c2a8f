"""What every tab may read: the language, the services, and the few states through which tabs tell each other things."""

from dataclasses import dataclass

from studio.framework import gr
from studio.services.door import Services
from studio.text import Words


@dataclass(frozen=True)
class Shared:
    """`run` is the id of the chosen run; `data` of the data set last added."""

    services: Services
    words: Words
    run: gr.State
    page: gr.Blocks

    @classmethod
    def create(cls, services: Services, words: Words, page: gr.Blocks) -> "Shared":
        return cls(services, words, gr.State(None), page)
