"""Speaks as much of the Hub's API as searching, looking and downloading need, and misbehaves on demand.

Paths and headers as huggingface_hub 2.4 uses them: /api/models, /api/models/<id>[/revision/<r>]?blobs=True,
/api/models/<id>/discussions, the same of /api/datasets, and [/datasets]/<id>/resolve/<r>/<file>, which redirects large
files to another address (the "CDN").
"""

import hashlib
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlsplit

LARGE = 2000
LOGIN_PAGE = b"<!DOCTYPE html><html><head><title>Log in</title></head><body>Please log in to this network</body></html>"


@dataclass
class Repository:
    """`files` of the main branch, `branches` by reference ("refs/pr/1"); `gated`: tokens in `let_in` may read it."""

    files: dict[str, bytes]
    card: dict[str, Any] = field(default_factory=lambda: {"license": "apache-2.0", "language": ["ro", "it"]})
    branches: dict[str, dict[str, bytes]] = field(default_factory=dict)
    discussions: list[dict[str, Any]] = field(default_factory=list)
    gated: str | bool = False
    private: bool = False
    let_in: frozenset[str] = frozenset()
    downloads: int = 10

    def revision(self, name: str) -> tuple[str, dict[str, bytes]] | None:
        """(commit, files) of "main", a reference, or a commit."""
        known = {"main": self.files, **self.branches}
        for reference, files in known.items():
            if name in (reference, commit(files)):
                return commit(files), files
        return None


def commit(files: dict[str, bytes]) -> str:
    return hashlib.sha1(b"".join(name.encode() + content for name, content in sorted(files.items()))).hexdigest()


@dataclass
class Faults:
    """How it misbehaves. `bytes_each_second`: slow; `cut_after`: closes the connection after that many bytes of a file;
    `cuts`: how often; `instead`: other bytes than promised, by file; `codes`: statuses to answer with first, by file.
    """

    bytes_each_second: int | None = None
    cut_after: int | None = None
    cuts: int = 10**9
    instead: dict[str, bytes] = field(default_factory=dict)
    codes: dict[str, list[int]] = field(default_factory=dict)
    no_ranges: bool = False
    api_code: int | None = None
    api_page: bool = False


@dataclass
class HubServer:
    repositories: dict[str, Repository]
    """Models and data sets: here no two of them have one name."""
    tokens: frozenset[str] = frozenset()
    faults: Faults = field(default_factory=Faults)
    sent: list[tuple[str, str, int]] = field(default_factory=list)
    """(file, address "hub" or "cdn", first byte) of everything that was sent."""
    seen_by_cdn: list[str | None] = field(default_factory=list)
    """The Authorization header of every request to the CDN."""
    url: str = ""
    cdn: str = ""

    def taken(self, file: str) -> list[int]:
        """The first bytes from which this file was asked for, in order."""
        return [start for name, _, start in self.sent if name == file]


@contextmanager
def running(hub: HubServer) -> Iterator[HubServer]:
    """Two addresses: the Hub on 127.0.0.1, its CDN on another port under another name."""
    servers = []
    for role in ("hub", "cdn"):
        handler = type(f"{role}Handler", (Handler,), {"hub": hub, "role": role})
        server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        servers.append(server)
    hub.url = f"http://127.0.0.1:{servers[0].server_port}"
    hub.cdn = f"http://localhost:{servers[1].server_port}"
    try:
        yield hub
    finally:
        for server in servers:
            server.shutdown()
            server.server_close()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: HubServer
    role: str

    def log_message(self, *_: object) -> None:
        """Quiet."""

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def _answer(self, *, body: bool) -> None:
        try:
            path = unquote(urlsplit(self.path).path)
            if self.role == "cdn":
                self.hub.seen_by_cdn.append(self.headers.get("Authorization"))
                self._bytes(*path.lstrip("/").split("/", 3)[:3], path.split("/", 4)[4], body=body)
            elif path == "/":
                self._send(200, b"")
            elif path.startswith(("/api/models", "/api/datasets")):
                _, _, _, *what = path.rstrip("/").split("/", 3)
                self._api("".join(what), parse_qs(urlsplit(self.path).query))
            else:
                owner, name, _, rest = path.removeprefix("/datasets").lstrip("/").split("/", 3)
                self._resolve(f"{owner}/{name}", rest, body=body)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    # The API

    def _api(self, what: str, query: dict[str, list[str]]) -> None:
        faults = self.hub.faults
        if faults.api_page:
            return self._send(200, LOGIN_PAGE, {"Content-Type": "text/html"})
        if faults.api_code is not None:
            return self._send(faults.api_code, b"{}")
        if not what:
            return self._search(query)
        owner, name, *rest = what.split("/", 3)
        hub_id = f"{owner}/{name}"
        repository = self._readable(hub_id, listing=True)
        if repository is None:
            return None
        if rest[:1] == ["discussions"]:
            listed = [
                one
                for one in repository.discussions
                if query.get("author", [one["author"]["name"]])[0] == one["author"]["name"]
            ]
            return self._json({"discussions": listed, "count": len(listed), "start": 0})
        found = repository.revision(rest[1] if rest[:1] == ["revision"] else "main")
        if found is None:
            return self._send(404, b"{}", {"X-Error-Code": "RevisionNotFound"})
        return self._json(self._info(hub_id, repository, *found))

    def _search(self, query: dict[str, list[str]]) -> None:
        text, filters = query.get("search", [""])[0].lower(), query.get("filter", [])
        listed = [
            self._info(hub_id, repository, *(repository.revision("main") or ("", {})))
            for hub_id, repository in self.hub.repositories.items()
            if text in hub_id.lower() and not repository.private
        ]
        listed = [one for one in listed if all(wanted in one["tags"] for wanted in filters)]
        pipeline = query.get("pipeline_tag", [""])[0]
        listed = [one for one in listed if pipeline in ("", one["pipeline_tag"])]
        if bounds := query.get("num_parameters"):
            least, most = _bounds(bounds[0])
            listed = [one for one in listed if least <= (one["safetensors"] or {"total": 0})["total"] <= most]
        listed.sort(key=lambda one: -one["downloads"])
        self._json(listed[: int(query.get("limit", ["100"])[0])])

    def _info(self, hub_id: str, repository: Repository, sha: str, files: dict[str, bytes]) -> dict[str, Any]:
        whole = any(name.endswith(".safetensors") for name in files)
        languages = repository.card.get("language", [])
        tags = [*(["safetensors"] if whole else []), *languages, f"license:{repository.card.get('license')}"]
        config = json.loads(files.get("config.json", b"{}") or b"{}") if _is_json(files.get("config.json")) else {}
        return {
            "id": hub_id,
            "sha": sha,
            "private": repository.private,
            "gated": repository.gated,
            "downloads": repository.downloads,
            "likes": 3,
            "lastModified": "2026-11-01T10:00:00.000Z",
            "pipeline_tag": repository.card.get("pipeline_tag", "text-generation"),
            "tags": tags,
            "cardData": repository.card,
            "config": {"model_type": config.get("model_type")},
            "safetensors": {"parameters": {"F32": 1000}, "total": 1000} if whole else None,
            "siblings": [_sibling(name, content) for name, content in files.items()],
        }

    # Files

    def _resolve(self, hub_id: str, rest: str, *, body: bool) -> None:
        repository = self._readable(hub_id, listing=False)
        if repository is None:
            return
        reference, file = self._split(repository, rest)
        if codes := self.hub.faults.codes.get(file):
            self._send(codes.pop(0), b"", {"Retry-After": "0"})
            return
        found = repository.revision(reference)
        if found is None or file not in found[1]:
            self._send(404, b"", {"X-Error-Code": "EntryNotFound" if found else "RevisionNotFound"})
            return
        if len(found[1][file]) >= LARGE:
            place = f"{self.hub.cdn}/{hub_id}/{quote(found[0], safe='')}/{file}"
            self._send(302, b"", {"Location": place})
            return
        self._bytes(*hub_id.split("/"), found[0], file, body=body)

    def _split(self, repository: Repository, rest: str) -> tuple[str, str]:
        for reference in repository.branches:
            if rest.startswith(f"{reference}/"):
                return reference, rest.removeprefix(f"{reference}/")
        reference, _, file = rest.partition("/")
        return reference, file

    def _bytes(self, owner: str, name: str, reference: str, file: str, *, body: bool) -> None:
        faults = self.hub.faults
        found = self.hub.repositories[f"{owner}/{name}"].revision(reference)
        content = faults.instead.get(file, (found or ("", {}))[1].get(file, b""))
        start = int((self.headers.get("Range") or "bytes=0-").removeprefix("bytes=").split("-")[0])
        start = 0 if faults.no_ranges else start
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(content) - start))
        self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        self.send_header("ETag", f'"{hashlib.sha256(content).hexdigest()}"')
        self.send_header("X-Repo-Commit", reference)
        self.end_headers()
        self.hub.sent.append((file, self.role, start))
        if body:
            self._pour(file, content[start:])

    def _pour(self, file: str, content: bytes) -> None:
        faults = self.hub.faults
        if (
            faults.cut_after is not None
            and faults.cuts > 0
            and len(content) > faults.cut_after
            and len(content) >= LARGE
        ):
            faults.cuts -= 1
            self.wfile.write(content[: faults.cut_after])
            self.close_connection = True
            return
        if faults.bytes_each_second is None or len(content) < LARGE:
            self.wfile.write(content)
            return
        piece = max(faults.bytes_each_second // 20, 1)
        for at in range(0, len(content), piece):
            self.wfile.write(content[at : at + piece])
            self.wfile.flush()
            time.sleep(0.05)

    # Who may

    def _readable(self, hub_id: str, *, listing: bool) -> Repository | None:
        """The repository, or None when a refusal was sent, as the Hub sends it."""
        repository = self.hub.repositories.get(hub_id)
        token = (self.headers.get("Authorization") or "").removeprefix("Bearer ")
        if token and token not in self.hub.tokens:
            self._send(401, b"{}", {"X-Error-Message": "Invalid credentials in Authorization header"})
        elif repository is None or (repository.private and token not in repository.let_in):
            self._send(404 if token else 401, b"{}", {"X-Error-Code": "RepoNotFound"})
        elif repository.gated and not listing and token not in repository.let_in:
            self._send(403 if token else 401, b"{}", {"X-Error-Code": "GatedRepo"})
        else:
            return repository
        return None

    def _json(self, values: Any) -> None:
        self._send(200, json.dumps(values).encode(), {"Content-Type": "application/json"})

    def _send(self, code: int, content: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(code)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(content)


def _sibling(name: str, content: bytes) -> dict[str, Any]:
    blob = hashlib.sha1(f"blob {len(content)}\0".encode() + content).hexdigest()
    known: dict[str, Any] = {"rfilename": name, "size": len(content), "blobId": blob}
    if name.endswith((".safetensors", ".parquet", ".bin", ".model", "tokenizer.json")):
        known["lfs"] = {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content), "pointerSize": 130}
    return known


def _is_json(content: bytes | None) -> bool:
    try:
        return isinstance(json.loads(content or b""), dict)
    except ValueError:
        return False


def _bounds(text: str) -> tuple[float, float]:
    parts = dict(part.split(":") for part in text.split(","))
    return float(parts.get("min", 0)), float(parts.get("max", "inf"))


def files_of(folder: Path) -> dict[str, bytes]:
    """A model's folder as the files of a repository."""
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.is_file()}


def conversion(number: int = 1, author: str = "SFconvertbot") -> dict[str, Any]:
    """The Hub's own pull request with safetensors weights."""
    return {
        "num": number,
        "title": "Adding `safetensors` variant of this model",
        "status": "open",
        "author": {"name": author},
        "repo": {"name": "a/b", "type": "model"},
        "isPullRequest": True,
        "createdAt": "2026-10-01T10:00:00.000Z",
    }
