"""An engine that only has an address, a lock and an /unload; it says in a file how it was asked to make room."""

import json
import os
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

from filelock import FileLock

from backend.jobs.folder import write_atomically
from backend.paths import Workspace

workspace = Workspace(Path(sys.argv[sys.argv.index("--workspace") + 1]))


class Answers(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        """One model is loaded until it is unloaded."""
        models = [] if (workspace.root / "unloaded").exists() else ["one"]
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps({"models": models, "memory_bytes": 1_200_000_000}).encode())

    def do_POST(self) -> None:
        with (workspace.root / "asked").open("a", encoding="utf-8") as file:
            file.write(f"{self.path} {self.headers['Authorization']}\n")
        busy = (workspace.root / "busy").exists() and "force=1" not in self.path
        if not busy:
            (workspace.root / "unloaded").touch()
        self.send_response(409 if busy else 200)
        self.end_headers()


if __name__ == "__main__":
    if (workspace.root / "broken").exists():
        sys.exit(3)
    with FileLock(workspace.root / "engine.lock", is_singleton=False):
        server = HTTPServer(("127.0.0.1", 0), Answers)
        address = {"url": f"http://127.0.0.1:{server.server_port}", "token": "t0", "pid": os.getpid()}
        write_atomically(workspace.engine_address, json.dumps(address), mode=0o600)
        server.serve_forever()
