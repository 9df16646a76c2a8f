"""What the Hub offers: models found by a search, and everything known of one before any of it is fetched."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from backend.errors import StudioError
from backend.messages import sentence

Kind = Literal["text", "vision", ""]


class Plain(BaseModel):
    """Values that travel as JSON between processes and stay as they are."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Said(Plain):
    """A sentence to come, as in `StudioError`."""

    key: str
    values: dict[str, str | int | float] = Field(default_factory=dict)

    @classmethod
    def of(cls, error: StudioError) -> "Said":
        shown = {name: value if isinstance(value, int | float) else str(value) for name, value in error.values.items()}
        return cls(key=error.key, values=shown)

    def say(self, language: str = "en") -> str:
        return sentence(self.key, language, **self.values)


class Query(Plain):
    """What to look for on the whole Hub; `parameters` bounds are numbers of weights, `page` counts from 0."""

    text: str = ""
    language: str = ""
    kind: Kind = "text"
    least_parameters: int | None = None
    most_parameters: int | None = None
    page: int = Field(default=0, ge=0, le=49)
    size: int = Field(default=20, ge=1, le=50)


class Found(Plain):
    """One line of a search. None where the Hub says nothing."""

    hub_id: str
    parameters: int | None = None
    licence: str | None = None
    languages: tuple[str, ...] = ()
    gated: bool = False
    model_type: str | None = None
    downloads: int | None = None
    likes: int | None = None
    updated: str | None = None


class Page(Plain):
    found: tuple[Found, ...] = ()
    more: bool = False


class Cached(Plain):
    """A whole model in the cache of huggingface_hub; `size` in bytes."""

    hub_id: str
    folder: str
    size: int


class HubFile(Plain):
    """`sha256` of a large file, `blob` (git's SHA-1) of a small one: what arrives is compared with it."""

    path: str
    size: int
    sha256: str | None = None
    blob: str | None = None


class Licence(Plain):
    """As the model's page states it; `text` is the licence file of the repository, if it has one.

    `digest` is the SHA-256 of what a person is shown; who accepts names it.
    """

    id: str | None = None
    name: str | None = None
    link: str | None = None
    text: str | None = None
    digest: str = ""

    @property
    def title(self) -> str:
        return self.name or self.id or ""


class Offer(Plain):
    """One model at one commit (`revision`); `branch` when its safetensors are on the Hub's conversion branch.

    `problem`: why it is not fetched; `warning`: what to know before. `config` is its config.json, {} when hidden.
    """

    hub_id: str
    revision: str
    branch: str | None = None
    kind: Kind = ""
    model_type: str | None = None
    parameters: int | None = None
    quantised: str | None = None
    languages: tuple[str, ...] = ()
    gated: bool = False
    private: bool = False
    licence: Licence = Licence()
    files: tuple[HubFile, ...] = ()
    config: dict[str, Any] = Field(default_factory=dict)
    problem: Said | None = None
    warning: Said | None = None

    @property
    def bytes(self) -> int:
        """All that would be fetched."""
        return sum(file.size for file in self.files)
