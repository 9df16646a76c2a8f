"""Models without the Hub: the real catalogue and ledger, and a Hub that offers what a test wants."""

from dataclasses import dataclass, field
from pathlib import Path

from backend.errors import ModelError
from backend.hub.credentials import Origin
from backend.hub.offer import Cached, Found, HubFile, Licence, Offer, Page, Query
from backend.jobs.service import Jobs
from backend.paths import Workspace
from backend.people import HOME
from studio.services.models import MyModels

CONFIG = {
    "model_type": "llama", "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2,
    "num_attention_heads": 4, "vocab_size": 1000,
}  # fmt: skip


def offer(hub_id: str = "ana/good", **values: object) -> Offer:
    """A small model that nothing stands against."""
    files = (HubFile(path="config.json", size=500, blob="b"), HubFile(path="model.safetensors", size=10**6, sha256="s"))
    licence = Licence(id="apache-2.0", text="Do with it what you like.", digest="d1")
    said = {"revision": "c0ffee" * 6, "kind": "text", "model_type": "llama", "config": CONFIG, "files": files}
    return Offer(**{"hub_id": hub_id, "licence": licence, "languages": ("ro", "it"), **said, **values})


@dataclass
class FakeHub:
    """`offers` by id; `asked` is every search; `token` is what was kept."""

    offers: dict[str, Offer] = field(default_factory=lambda: {"ana/good": offer()})
    found: tuple[Found, ...] = (Found(hub_id="ana/good", parameters=10**6, licence="apache-2.0", languages=("ro",)),)
    more: bool = False
    cached: list[Cached] = field(default_factory=list)
    asked: list[Query] = field(default_factory=list)
    token: str = ""
    error: ModelError | None = None


@dataclass(frozen=True)
class FakeModels(MyModels):
    hub: FakeHub = field(default_factory=FakeHub)

    @classmethod
    def at(cls, workspace: Workspace, jobs: Jobs) -> "FakeModels":
        return cls(workspace, jobs, HOME)

    def search(self, query: Query) -> Page:
        self.hub.asked.append(query)
        if self.hub.error:
            raise self.hub.error
        return Page(found=self.hub.found, more=self.hub.more)

    def look(self, typed: str) -> Offer:
        if self.hub.error:
            raise self.hub.error
        if typed not in self.hub.offers:
            raise ModelError("hub.not_found", name=typed)
        return self.offers.keep(self.hub.offers[typed])

    def cached(self) -> list[Cached]:
        used = {one.folder.resolve() for one in self.models()}
        return [one for one in self.hub.cached if Path(one.folder).resolve() not in used]

    def token(self) -> Origin:
        return "file" if self.hub.token else ""

    def keep_token(self, token: str) -> None:
        if not token.startswith("hf_"):
            raise ModelError("hub.token_shape")
        self.hub.token = token

    def forget_token(self) -> None:
        self.hub.token = ""
