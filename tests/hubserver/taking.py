"""The part of the Hub's API that takes a repository in: made, asked about, large files put beside it, one commit.

As huggingface_hub 2.4 calls it: /api/repos/create, /api/validate-yaml, /api/models/<id>, .../preupload/main,
<id>.git/info/lfs/objects/batch, .../commit/main with one JSON object a line.
"""

import base64
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast

TOKEN = "hf_" + "a" * 30
COMMIT = "c" * 40


@dataclass
class Taken:
    """`files` by name once a commit has named them; `private` by repository; `tokens` of every request to the Hub,
    `stored_with` of those that put a large file into its storage.
    """

    url: str = ""
    private: dict[str, bool] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    large: dict[str, bytes] = field(default_factory=dict)
    tokens: set[str] = field(default_factory=set)
    stored_with: set[str] = field(default_factory=set)
    refuse: int = 0


class Server(ThreadingHTTPServer):
    hub: Taken


class Handler(BaseHTTPRequestHandler):
    @property
    def hub(self) -> Taken:
        return cast(Server, self.server).hub

    def log_message(self, *_: object) -> None:
        """Quiet."""

    def do_GET(self) -> None:
        self._hear()
        name = self.path.split("?")[0].removeprefix("/api/models/")
        if name not in self.hub.private:
            return self._say({"error": "not found"}, 404, {"X-Error-Code": "RepoNotFound"})
        return self._say({"id": name, "private": self.hub.private[name], "sha": COMMIT, "siblings": [], "tags": []})

    def do_PUT(self) -> None:
        self.hub.large[self.path.rsplit("/", 1)[1]] = self._hear()
        self._say({})

    def do_POST(self) -> None:
        body = self._hear()
        if self.hub.refuse:
            return self._say({"error": "no"}, self.hub.refuse)
        if self.path == "/api/validate-yaml":
            return self._say({"errors": [], "warnings": []})
        if self.path == "/api/repos/create":
            return self._create(json.loads(body))
        if "/preupload/" in self.path:
            files = json.loads(body)["files"]
            modes = [{"path": f["path"], "uploadMode": mode_of(f["path"]), "shouldIgnore": False} for f in files]
            return self._say({"files": modes})
        if self.path.endswith("/info/lfs/objects/batch"):
            return self._say(self._batch(json.loads(body)))
        return self._commit([json.loads(line) for line in body.decode().splitlines() if line])

    def _create(self, asked: dict[str, Any]) -> None:
        name = f"{asked['organization']}/{asked['name']}" if asked.get("organization") else asked["name"]
        if name in self.hub.private:
            return self._say({"url": f"{self.hub.url}/{name}"}, 409)
        self.hub.private[name] = asked["private"] if "private" in asked else asked.get("visibility") == "private"
        return self._say({"url": f"{self.hub.url}/{name}"})

    def _batch(self, asked: dict[str, Any]) -> dict[str, Any]:
        actions = [
            {**one, "actions": {"upload": {"href": f"{self.hub.url}/large/{one['oid']}"}}} for one in asked["objects"]
        ]
        return {"transfer": "basic", "objects": actions}

    def _commit(self, lines: list[dict[str, Any]]) -> None:
        for line in lines:
            value = line["value"]
            if line["key"] == "file":
                self.hub.files[value["path"]] = base64.b64decode(value["content"])
            elif line["key"] == "lfsFile":
                self.hub.files[value["path"]] = self.hub.large[value["oid"]]
        name = self.path.removeprefix("/api/models/").split("/commit/")[0]
        self._say({"success": True, "commitUrl": f"{self.hub.url}/{name}/commit/{COMMIT}", "commitOid": COMMIT})

    def _hear(self) -> bytes:
        heard = self.hub.stored_with if self.command == "PUT" else self.hub.tokens
        heard.add(self.headers.get("Authorization", "").removeprefix("Bearer "))
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        whole = b""
        while size := int(self.rfile.readline(), 16):
            whole += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return whole

    def _say(self, values: Any, code: int = 200, headers: dict[str, str] | None = None) -> None:
        raw = json.dumps(values).encode()
        self.send_response(code)
        for name, text in {"Content-Type": "application/json", **(headers or {})}.items():
            self.send_header(name, text)
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)


@contextmanager
def taking() -> Iterator[Taken]:
    with Server(("127.0.0.1", 0), Handler) as server:
        server.hub = Taken(url=f"http://127.0.0.1:{server.server_address[1]}")
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.hub
        server.shutdown()


def mode_of(path: str) -> str:
    return "lfs" if path.endswith(".safetensors") else "regular"
