"""A data set of the Hub as the studio asks for it, through huggingface_hub: everything known before it is fetched."""

from collections.abc import Iterable
from typing import Any

from huggingface_hub import DatasetInfo

from backend.errors import DataError, ModelError
from backend.hub.corpora import selection
from backend.hub.corpora.offer import CorpusOffer, Wanted
from backend.hub.corpora.selection import Splits
from backend.hub.offer import HubFile, Licence, Said
from backend.hub.online.client import PATIENCE, Hub, digested
from backend.hub.online.refusals import told
from backend.models.catalogue import HUB_ID

ABSENT = frozenset({"hub.not_found", "hub.file_gone"})


def look(hub: Hub, wanted: Wanted) -> CorpusOffer:
    """What stands against it is in `problem`, not raised. ModelError when nothing can be known."""
    if not HUB_ID.match(wanted.hub_id) or ".." in wanted.hub_id:
        raise ModelError("models.import_hub_id", name=wanted.hub_id[:100])
    info = _info(hub, wanted.hub_id)
    offer = CorpusOffer(
        hub_id=wanted.hub_id, revision=str(info.sha), gated=bool(info.gated), licence=_licence(wanted.hub_id, info)
    )
    try:
        return _chosen(hub, offer, wanted, _listing(info))
    except (DataError, ModelError) as error:
        return offer.model_copy(update={"problem": Said.of(error)})


def _info(hub: Hub, hub_id: str, revision: str | None = None) -> DatasetInfo:
    with told(hub_id):
        return hub.api.dataset_info(hub_id, revision=revision, files_metadata=True, timeout=PATIENCE)


def _chosen(hub: Hub, offer: CorpusOffer, wanted: Wanted, listing: dict[str, HubFile]) -> CorpusOffer:
    """With the files that would be fetched: the data set's own, else the Hub's conversion of it."""
    own = selection.own(listing)
    if own.paths and not own.short:
        return _with_files(offer, own, wanted, listing)
    try:
        info = _info(hub, offer.hub_id, selection.BRANCH)
    except ModelError as error:
        if error.key not in ABSENT:
            raise
        raise _lacking(offer.hub_id, own, listing) from error
    there = _listing(info)
    found = selection.converted(there)
    if not found.paths:
        raise _lacking(offer.hub_id, own, listing)
    at_branch = offer.model_copy(update={"revision": str(info.sha), "converted": True})
    return _with_files(at_branch, found, wanted, there)


def _lacking(hub_id: str, own: Splits, names: Iterable[str]) -> DataError:
    return DataError("hub.corpus_short", name=hub_id) if own.paths else selection.refuse_without(hub_id, names)


def _with_files(offer: CorpusOffer, found: Splits, wanted: Wanted, listing: dict[str, HubFile]) -> CorpusOffer:
    config, split = selection.chosen(found, wanted)
    if (config, split) in found.short:
        raise DataError("hub.corpus_partial", name=offer.hub_id, split=split)
    files = tuple(listing[path] for path in found.paths[config, split])
    if unknown := [file.path for file in files if file.sha256 is None and file.blob is None]:
        raise ModelError("hub.no_hash", file=unknown[0])
    chosen: dict[str, Any] = {"config": config, "split": split, "files": files}
    return offer.model_copy(update={**chosen, "configs": found.configs, "splits": found.splits(config)})


def _listing(info: DatasetInfo) -> dict[str, HubFile]:
    """Every file of the repository by its path."""
    return {
        one.rfilename: HubFile(
            path=one.rfilename,
            size=int((one.lfs.size if one.lfs else one.size) or 0),
            sha256=one.lfs.sha256 if one.lfs else None,
            blob=None if one.lfs else one.blob_id,
        )
        for one in info.siblings or []
    }


def _licence(hub_id: str, info: DatasetInfo) -> Licence:
    """As the page of the data set states it."""
    card: dict[str, Any] = info.card_data.to_dict() if info.card_data else {}
    stated = card.get("license") or []
    named = ", ".join(map(str, [stated] if isinstance(stated, str) else stated))
    name = card.get("license_name")
    link = f"https://huggingface.co/datasets/{hub_id}" if named else None
    return digested(Licence(id=named or None, name=str(name) if name else None, link=link))
