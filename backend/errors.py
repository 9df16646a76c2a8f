"""Errors a person can act on.

StudioError
├── SetupError       this machine or folder cannot run the studio as it stands
├── RecipeError      the recipe cannot be used as written
├── DataError        the data set cannot be used as given
├── ModelError       the model or adapter cannot be used as given
├── JobError         a run cannot do what was asked in its present state
├── ChatError        the question cannot be answered as asked
└── AccessError      the thing does not exist for this person

An error is a key and its values; the sentence is looked up in `backend/messages/<language>/<area>.json`, so that the
command line, the log and the page in three languages all say the same. Any other exception is a bug and propagates.
"""

from backend.messages import sentence


class StudioError(Exception):
    """Base class: `str(error)` is the English sentence, `say(language)` the one for the page.

    `key` is `"<area>.<name>"`; `values` fill the placeholders of the sentence.
    """

    def __init__(self, key: str, /, **values: object) -> None:
        super().__init__(key)
        self.key = key
        self.values = values

    def say(self, language: str = "en") -> str:
        return sentence(self.key, language, **self.values)

    def __str__(self) -> str:
        return self.say()

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild, (type(self), self.key, self.values)


def _rebuild(kind: type[StudioError], key: str, values: dict[str, object]) -> StudioError:
    return kind(key, **values)


class SetupError(StudioError):
    """This machine or folder cannot run the studio as it stands."""


class RecipeError(StudioError):
    """The recipe cannot be used as written."""


class DataError(StudioError):
    """The data set cannot be used as given."""


class ModelError(StudioError):
    """The model or adapter cannot be used as given."""


class JobError(StudioError):
    """A run cannot do what was asked in its present state."""


class ChatError(StudioError):
    """The question cannot be answered as asked."""


class AccessError(StudioError):
    """The thing does not exist for this person; the text is the same as when it really does not exist."""
