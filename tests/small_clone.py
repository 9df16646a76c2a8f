"""A small clone of the studio: the real launch.py and set-up, with wheels of a kilobyte and a page of twenty lines."""

import base64
import csv
import hashlib
import importlib.metadata
import io
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
COPIED = (
    "launch.py",
    "backend/__init__.py",
    "backend/errors.py",
    "backend/paths.py",
    "backend/messages",
    "backend/setup",
)
PAGE = """
import os, sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from backend.setup.start import tether
value = lambda name: sys.argv[sys.argv.index(name) + 1]
workspace = Path(value("--workspace"))
(workspace / "page.pid").write_text(str(os.getpid()))
if (workspace / "page-must-fail").exists():
    sys.exit("the page has a bug")
class Page(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write((os.environ["STUDIO_TOKEN"] + " " + self.path).encode())
server = HTTPServer((value("--host"), int(value("--port"))), Page)
tether.hold()
server.serve_forever()
"""
SUPERVISOR = """
import os, sys, time
from pathlib import Path
from backend.setup.lock import Lock
from backend.setup.start import tether
workspace = Path(sys.argv[sys.argv.index("--workspace") + 1])
if not Lock(workspace / "supervisor.lock").take():
    sys.exit(75)
(workspace / "supervisor.pid").write_text(str(os.getpid()))
tether.hold()
time.sleep(600)
"""


class SmallClone:
    """`run` starts its launch.py; installers see nothing but the folder `shelf` with hand-made wheels."""

    def __init__(self, root: Path, shelf: Path) -> None:
        self.root = root
        self.shelf = shelf

    @classmethod
    def make(cls, root: Path, shelf: Path, requirements: str = "leaf==1.0\n") -> "SmallClone":
        for name in COPIED:
            source, target = ROOT / name, root / name
            target.parent.mkdir(parents=True, exist_ok=True)
            if source.is_dir():
                shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy2(source, target)
        for name, text in {
            "studio/app.py": PAGE,
            "backend/jobs/supervisor.py": SUPERVISOR,
            "backend/cli.py": "import os, sys, json\nprint(json.dumps([os.getcwd(), *sys.argv[1:]]))\nsys.exit(77)\n",
            "requirements.txt": requirements,
            "requirements-dev.txt": "-r requirements.txt\ntwig==1.0\n",
            "sample_data/models/starter/config.json": "{}",
        }.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text, encoding="utf-8")
        return cls(root, shelf)

    def variables(self, **more: str) -> dict[str, str]:
        kept = {name: text for name, text in os.environ.items() if not name.startswith(("PIP_", "UV_", "STUDIO_"))}
        # What this machine's pip is told, in a file or a variable, must not reach the test.
        own = {
            "PIP_CONFIG_FILE": os.devnull,
            "PIP_NO_INDEX": "1",
            "PIP_FIND_LINKS": str(self.shelf),
            "LC_ALL": "C.UTF-8",
        }
        own |= {"UV_CACHE_DIR": str(self.root.parent / "uv-cache"), "UV_NO_CONFIG": "1"}
        return kept | own | more

    def run(self, *arguments: str, variables: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*arguments),
            capture_output=True,
            text=True,
            env=dict(variables or self.variables()),
            stdin=subprocess.DEVNULL,
            timeout=240,
            cwd=self.root.parent,
        )

    def start(self, *arguments: str, variables: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
        return subprocess.Popen(
            self.command(*arguments),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=dict(variables or self.variables()),
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            cwd=self.root.parent,
        )

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, str(self.root / "launch.py"), *arguments]

    def has(self, module: str) -> bool:
        """Whether .venv can import `module`, whole."""
        return (
            subprocess.run([self.root / ".venv/bin/python", "-c", f"import {module}; {module}.whole()"]).returncode == 0
        )


def make_wheel(shelf: Path, name: str, version: str = "1.0", *, modules: int = 3, filler: int = 0) -> Path:
    """A wheel of `modules` tiny modules, plus `filler` random bytes; `name.whole()` imports every one of them."""
    parts = {f"{name}/part{number}.py": f"number = {number}\n".encode() for number in range(modules)}
    whole = "import importlib\ndef whole():\n"
    whole += f"    for n in range({modules}): importlib.import_module('{name}.part' + str(n))\n"
    files = parts | {f"{name}/__init__.py": whole.encode()}
    if filler:
        files[f"{name}/filler.bin"] = os.urandom(filler)
    files[f"{name}-{version}.dist-info/METADATA"] = (
        f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n".encode()
    )
    files[f"{name}-{version}.dist-info/WHEEL"] = (
        b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    )
    return _zip(shelf / f"{name}-{version}-py3-none-any.whl", files, f"{name}-{version}.dist-info")


def uv_wheel(shelf: Path) -> Path | None:
    """The uv that is installed beside us, put back into a wheel; None when there is none."""
    try:
        uv = importlib.metadata.distribution("uv")
    except importlib.metadata.PackageNotFoundError:
        return None
    info = f"uv-{uv.version}.dist-info"
    files = {}
    for file in uv.files or []:
        path = Path(str(uv.locate_file(file)))
        name = f"uv-{uv.version}.data/scripts/{path.name}" if path.parent.name == "bin" else str(file)
        if path.is_file() and "__pycache__" not in name and path.name not in ("RECORD", "INSTALLER", "REQUESTED"):
            files[name] = path.read_bytes()
    tag = next(line for line in files[f"{info}/WHEEL"].decode().splitlines() if line.startswith("Tag: "))[5:]
    return _zip(shelf / f"uv-{uv.version}-{tag}.whl", files, info)


def _zip(wheel: Path, files: Mapping[str, bytes], info: str) -> Path:
    rows = io.StringIO()
    writer = csv.writer(rows, lineterminator="\n")
    with zipfile.ZipFile(wheel, "w") as archive:
        for name, content in files.items():
            member = zipfile.ZipInfo(name)
            member.external_attr = (0o100755 if "/scripts/" in name else 0o100644) << 16
            archive.writestr(member, content)
            digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
            writer.writerow([name, f"sha256={digest}", len(content)])
        writer.writerow([f"{info}/RECORD", "", ""])
        archive.writestr(f"{info}/RECORD", rows.getvalue())
    return wheel
