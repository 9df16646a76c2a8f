"""The Hub as the studio asks it, through huggingface_hub: a search, the facts of one model, a small text."""

import hashlib
import os
import re
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from huggingface_hub import HfApi, ModelInfo, hf_hub_url
from huggingface_hub.utils import build_hf_headers, get_session, hf_raise_for_status

from backend.errors import ModelError
from backend.hub import architectures, credentials, selection
from backend.hub.offer import Found, HubFile, Licence, Offer, Page, Query, Said
from backend.hub.online.refusals import told
from backend.models.catalogue import HUB_ID
from backend.models.facts import facts, read_config

PATIENCE = 15.0
LARGEST_TEXT = 10_000_000
LARGEST_LICENCE = 400_000
CONVERTER = "SFconvertbot"
CONVERSION = "Adding `safetensors` variant of this model"
PIPELINES = {"text": "text-generation", "vision": "image-text-to-text", "": None}
WANTED: Any = ["downloads", "likes", "gated", "safetensors", "tags", "config", "lastModified"]
LANGUAGE = re.compile(r"^[a-z]{2,3}$")


@dataclass
class Hub:
    """`endpoint` None: the public Hub, or the one that HF_ENDPOINT names. Every method raises ModelError only."""

    endpoint: str | None = field(default_factory=lambda: os.environ.get("HF_ENDPOINT") or None)

    @property
    def api(self) -> HfApi:
        return HfApi(endpoint=self.endpoint, token=credentials.read())

    def search(self, query: Query) -> Page:
        """One page of models with safetensors weights, the most downloaded first."""
        start = query.page * query.size
        wanted = ["safetensors", *([query.language] if LANGUAGE.match(query.language) else [])]
        with told():
            # The library asks for a list again and again for 23 s when nobody answers; here a person waits.
            get_session().head(self.api.endpoint, timeout=PATIENCE)
            listed = self.api.list_models(
                search=query.text.strip() or None,
                pipeline_tag=PIPELINES[query.kind],
                filter=wanted,
                num_parameters=_bounds(query),
                sort="downloads",
                limit=start + query.size + 1,
                expand=WANTED,
            )
            found = [_found(info) for info in islice(listed, start, None)]
        return Page(found=tuple(found[: query.size]), more=len(found) > query.size)

    def look(self, hub_id: str) -> Offer:
        """Everything known before a download; what stands against it is in `problem`, not raised.

        ModelError when nothing can be known: no such model, no connection.
        """
        wanted = hub_id.strip()
        if not HUB_ID.match(wanted) or ".." in wanted:
            raise ModelError("models.import_hub_id", name=wanted[:100])
        with told(wanted):
            info = self.api.model_info(wanted, files_metadata=True, timeout=PATIENCE)
            offer = _bare(wanted, info)
        try:
            offer = self._chosen(offer, info)
            return self._read(offer)
        except ModelError as error:
            return offer.model_copy(update={"problem": Said.of(error)})

    def files(self, hub_id: str, names: Iterable[str]) -> tuple[str, list[HubFile]]:
        """The commit that is newest now, and those of the named files that it has."""
        with told(hub_id):
            info = self.api.model_info(hub_id, files_metadata=True, timeout=PATIENCE)
            listing = _listing(info)
        return str(info.sha), [listing[name] for name in names if name in listing]

    def _chosen(self, offer: Offer, info: ModelInfo) -> Offer:
        """With the files that would be fetched."""
        listing = _listing(info)
        branch: str | None = None
        if not selection.weights_of(listing):
            branch, info, listing = self._converted(offer.hub_id, listing)
        selection.refuse_without_weights(offer.hub_id, listing)
        selection.refuse_without_tokenizer(offer.hub_id, listing)
        chosen = tuple(listing[name] for name in selection.needed(listing))
        if unknown := [file.path for file in chosen if file.sha256 is None and file.blob is None]:
            raise ModelError("hub.no_hash", file=unknown[0])
        return offer.model_copy(update={"revision": str(info.sha), "branch": branch, "files": chosen})

    def _read(self, offer: Offer) -> Offer:
        """With what its licence and its settings say."""
        licence = self._licence(offer)
        texts = {
            file.path: self.text(offer.hub_id, file, offer.revision, LARGEST_TEXT)
            for file in offer.files
            if file.path in selection.CONFIGS
        }
        return offer.model_copy(update={"licence": licence, **_understood(texts)})

    def text(self, hub_id: str, file: HubFile, revision: str, most: int) -> str:
        """A small text file of a repository."""
        if file.size > most:
            raise ModelError("hub.text_too_large", file=file.path)
        with told(hub_id, file.path):
            url = hf_hub_url(hub_id, file.path, revision=revision, endpoint=self.endpoint)
            headers = build_hf_headers(token=credentials.read())
            answer = get_session().get(url, headers=headers, timeout=PATIENCE)
            hf_raise_for_status(answer)
            return answer.content.decode("utf-8", errors="replace")

    def _converted(self, hub_id: str, listing: dict[str, HubFile]) -> tuple[str, ModelInfo, dict[str, HubFile]]:
        """The branch on which the Hub's own robot has put the same weights as safetensors; ModelError without one."""
        olds = selection.pickles(listing)
        if olds:
            with told(hub_id):
                asked = self.api.get_repo_discussions(hub_id, author=CONVERTER, discussion_type="pull_request")
                branches = [
                    str(one.git_reference)
                    for one in asked
                    if one.author == CONVERTER and one.title == CONVERSION and one.git_reference
                ]
            for branch in branches:
                with told(hub_id):
                    info = self.api.model_info(hub_id, revision=branch, files_metadata=True, timeout=PATIENCE)
                there = _listing(info)
                # Made from exactly the weights that are on the main branch now.
                same = all(name in there and there[name].sha256 == listing[name].sha256 for name in olds)
                if same and selection.weights_of(there):
                    return branch, info, there
        selection.refuse_without_weights(hub_id, listing)
        raise ModelError("hub.no_safetensors", name=hub_id)

    def _licence(self, offer: Offer) -> Licence:
        named = selection.licence_file(file.path for file in offer.files)
        found = [file for file in offer.files if file.path == named]
        text = self.text(offer.hub_id, found[0], offer.revision, LARGEST_LICENCE) if found else None
        return digested(offer.licence.model_copy(update={"text": text}))


def digested(licence: Licence) -> Licence:
    """With the SHA-256 of what is shown: the text, else what the model's page states."""
    shown = licence.text or "\n".join(part or "" for part in (licence.id, licence.name, licence.link))
    return licence.model_copy(update={"digest": hashlib.sha256(shown.encode()).hexdigest()})


def _bounds(query: Query) -> str | None:
    least, most = query.least_parameters, query.most_parameters
    parts = [f"min:{least}" if least else "", f"max:{most}" if most else ""]
    return ",".join(filter(None, parts)) or None


def _found(info: ModelInfo) -> Found:
    tags = list(info.tags or [])
    return Found(
        hub_id=info.id,
        parameters=info.safetensors.total if info.safetensors else None,
        licence=next((tag.removeprefix("license:") for tag in tags if tag.startswith("license:")), None),
        languages=tuple(tag for tag in tags if LANGUAGE.match(tag)),
        gated=bool(info.gated),
        model_type=(info.config or {}).get("model_type"),
        downloads=info.downloads,
        likes=info.likes,
        updated=info.last_modified.date().isoformat() if info.last_modified else None,
    )


def _listing(info: ModelInfo) -> dict[str, HubFile]:
    """The files in the root of the repository by name; those in its folders are other programs' or other formats."""
    every = (
        HubFile(
            path=one.rfilename,
            size=int((one.lfs.size if one.lfs else one.size) or 0),
            sha256=one.lfs.sha256 if one.lfs else None,
            blob=None if one.lfs else one.blob_id,
        )
        for one in info.siblings or []
    )
    return {file.path: file for file in every if selection.PLAIN_NAME.match(file.path)}


def _bare(hub_id: str, info: ModelInfo) -> Offer:
    card: dict[str, Any] = info.card_data.to_dict() if info.card_data else {}
    names = card.get("language") or []
    stated = Licence(id=_one(card.get("license")), name=_one(card.get("license_name")), link=_link(hub_id, card))
    return Offer(
        hub_id=hub_id,
        revision=str(info.sha),
        model_type=(info.config or {}).get("model_type"),
        parameters=info.safetensors.total if info.safetensors else None,
        languages=tuple(map(str, [names] if isinstance(names, str) else names)),
        gated=bool(info.gated),
        private=bool(info.private),
        licence=digested(stated),
    )


def _one(value: Any) -> str | None:
    first = (value or [None])[0] if isinstance(value, list) else value
    return str(first) if first else None


def _link(hub_id: str, card: dict[str, Any]) -> str | None:
    link = _one(card.get("license_link"))
    if link is None or link.startswith("https://"):
        return link
    return f"https://huggingface.co/{hub_id}/blob/main/{link}" if selection.PLAIN_NAME.match(link) else None


def _understood(texts: dict[str, str]) -> dict[str, Any]:
    """What config.json says. ModelError: it brings its own program, is of a type or rounding that is not handled."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        for name, text in texts.items():
            (folder / name).write_text(text, encoding="utf-8")
        config = read_config(folder)
        model_type = str(config.get("model_type", ""))
        found: dict[str, Any] = {"config": config, "model_type": model_type}
        found |= {"kind": architectures.kind_of(model_type), "quantised": selection.quantised(config)}
        try:
            known = facts(folder)
        except ModelError as error:
            unknown = error.key == "models.unknown_type"
            warning = Said(key="hub.not_trained_here", values={"type": model_type}) if unknown else Said.of(error)
            return found | {"warning": warning}
        return found | {"parameters": known.parameters}
