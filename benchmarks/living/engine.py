"""A process that speaks as the chat engine does and thinks nothing: words at a steady pace. `python -m
benchmarks.living.engine WORKSPACE`. It lets a benchmark load the studio without the work of a model.
"""

import json
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from backend.jobs.folder import write_atomically
from backend.paths import Workspace

WORDS_PER_SECOND = 20
SECONDS = 12


class Answers(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.0"

    def do_GET(self) -> None:
        found: dict[str, Any] = {"data": [{"id": "starter"}], "models": [], "memory_bytes": 0, "device": "cpu"}
        body = json.dumps(found).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("content-length", "0")))
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.end_headers()
        for number in range(WORDS_PER_SECOND * SECONDS):
            self._say({"choices": [{"delta": {"content": f"word{number} "}}]})
            time.sleep(1 / WORDS_PER_SECOND)
        self._say({"choices": [{"delta": {}, "finish_reason": "stop"}], "usage": {"completion_tokens": number + 1}})
        self.wfile.write(b"data: [DONE]\n\n")

    def _say(self, chunk: dict[str, Any]) -> None:
        self.wfile.write(f"data: {json.dumps(chunk)}\n\n".encode())
        self.wfile.flush()

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: the terminal belongs to the benchmark."""


def main(root: str) -> None:
    workspace = Workspace(Path(root))
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    place = {"url": f"http://127.0.0.1:{server.server_port}", "token": "fake"}
    write_atomically(workspace.engine_address, json.dumps(place))
    server.serve_forever()


if __name__ == "__main__":
    main(sys.argv[1])
