"""One question to the Hub, answered by a process of its own: `python -m backend.hub.online.ask`.

Reads {"ask": one of `QUESTIONS`, "values": {...}} from standard input and writes {"answer": ...} or
{"error": {"key", "values"}} to standard output. So the page stays offline, never holds the token, and a Hub that does
not answer holds up nobody.
"""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from huggingface_hub import scan_cache_dir
from huggingface_hub.errors import CacheNotFound

from backend.errors import StudioError
from backend.hub import selection
from backend.hub.corpora.offer import Wanted
from backend.hub.offer import Cached, Query, Said
from backend.hub.online import corpora
from backend.hub.online.client import Hub


def search(values: dict[str, Any]) -> Any:
    return Hub().search(Query(**values)).model_dump(mode="json")


def look(values: dict[str, Any]) -> Any:
    return Hub().look(str(values["hub_id"])).model_dump(mode="json")


def corpus(values: dict[str, Any]) -> Any:
    return corpora.look(Hub(), Wanted(**values)).model_dump(mode="json")


def cached(values: dict[str, Any]) -> Any:
    """The whole models that huggingface_hub has on this machine, newest first."""
    try:
        repositories = [one for one in scan_cache_dir().repos if one.repo_type == "model"]
    except CacheNotFound:
        return []
    found = []
    for repository in sorted(repositories, key=lambda one: one.last_modified, reverse=True):
        whole = [one for one in repository.revisions if _whole(one.snapshot_path)]
        if whole:
            newest = max(whole, key=lambda one: one.last_modified)
            place = Cached(hub_id=repository.repo_id, folder=str(newest.snapshot_path), size=newest.size_on_disk)
            found.append(place.model_dump(mode="json"))
    return found


def _whole(folder: Path) -> bool:
    names = [path.name for path in folder.iterdir() if path.is_file()]
    return "config.json" in names and bool(selection.weights_of(names))


QUESTIONS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "search": search,
    "look": look,
    "corpus": corpus,
    "cached": cached,
}


def main() -> int:
    asked = json.load(sys.stdin)
    try:
        said = {"answer": QUESTIONS[asked["ask"]](asked["values"])}
    except StudioError as error:
        said = {"error": Said.of(error).model_dump(mode="json")}
    json.dump(said, sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
