"""Set up and start Romanza Studio: `python3 launch.py`; what else it does: `python3 launch.py --help`.

This file is read by whatever Python is there, so it is written in words that Python 3.6 understands, and it imports
the rest (the standard library and `backend.setup`, no installed package) only when the version is new enough.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent
OLDEST_PYTHON = (3, 11)


def _old_python() -> str:
    """The sentence for somebody whose Python is too old, in their language."""
    language = (os.environ.get("LC_ALL") or os.environ.get("LANG") or "en")[:2].lower()
    messages = ROOT / "backend" / "messages"
    file = messages / language / "setup.json"
    words = json.loads((file if file.is_file() else messages / "en" / "setup.json").read_text(encoding="utf-8"))
    return str(words["old_python"]).replace("{version}", "{}.{}".format(*sys.version_info[:2]))


if sys.version_info[:2] < OLDEST_PYTHON:
    sys.stderr.write(_old_python() + "\n")
    sys.exit(3)

from argparse import Namespace  # noqa: E402

from backend.errors import SetupError  # noqa: E402
from backend.setup import checks, commands, doctor, install, pack  # noqa: E402
from backend.setup.environment import DEVELOPER, Environment  # noqa: E402
from backend.setup.start import serve  # noqa: E402
from backend.setup.voice import Voice, language  # noqa: E402


def start(options: Namespace, environment: Environment, voice: Voice) -> int:
    install.ensure(environment, voice, source=options.source)
    return serve.run(options, environment, voice)


def test(options: Namespace, environment: Environment, voice: Voice) -> int:
    install.ensure(environment, voice, DEVELOPER, options.source)
    return checks.run(options, environment, voice)


def save_pack(options: Namespace, environment: Environment, voice: Voice) -> int:
    install.ensure(environment, voice)
    voice.answer(pack.make(environment, voice, options.folder))
    return commands.DONE


def bench(options: Namespace, environment: Environment, voice: Voice) -> int:
    modules = {path.stem.replace("_", "-"): path.stem for path in (ROOT / "benchmarks").glob("[a-z]*.py")}
    module = modules.get(options.name.replace("_", "-"))
    if module is None:
        raise SetupError("setup.no_bench", name=options.name, names=", ".join(sorted(modules)))
    install.ensure(environment, voice, DEVELOPER)
    return become(environment, f"benchmarks.{module}", [*options.more, *(["--json"] if options.json else [])])


def headless(options: Namespace, environment: Environment, voice: Voice) -> int:
    """`train`, `chat`, `runs`, `export` and `import` read the same command line again, inside .venv."""
    install.ensure(environment, voice)
    return become(environment, "backend.cli", sys.argv[1:])


def become(environment: Environment, module: str, arguments: "list[str]") -> int:
    """Go on as `module` of .venv, in the person's folder, so that the paths they typed still lead somewhere."""
    # -P: a file of the person's own called backend.py or json.py is not what we import.
    command = [str(environment.python), "-P", "-m", module, *arguments]
    variables = {**os.environ, "PYTHONPATH": str(ROOT)}
    variables.pop("PYTHONDONTWRITEBYTECODE", None)  # compiled modules save seconds at every start
    sys.stdout.flush()
    if sys.platform == "win32":
        return subprocess.run(command, env=variables, check=False).returncode
    return os.execve(command[0], command, variables)


COMMANDS = {
    "start": start,
    "test": test,
    "pack": save_pack,
    "doctor": doctor.run,
    "bench": bench,
    "train": headless,
    "chat": headless,
    "ask": headless,
    "caption": headless,
    "runs": headless,
    "models": headless,
    "data": headless,
    "export": headless,
    "import": headless,
}


def exit_status(error: SetupError) -> int:
    """The documented status for what went wrong while setting up or starting."""
    name = error.key.partition(".")[2]
    if name == "no_bench":
        return commands.USAGE
    return {
        "workspace": commands.WORKSPACE,
        "port": commands.PORT,
        "host": commands.PORT,
        "page": commands.FAILED,
        "supervisor": commands.FAILED,
    }.get(name.partition("_")[0], commands.CANNOT_SET_UP)


def main(arguments: "list[str]") -> int:
    options = commands.read(arguments)
    to_a_program = options.json or COMMANDS[options.command] in (headless, bench)
    voice = Voice(language(), sys.stderr if to_a_program else sys.stdout, as_json=options.json)
    try:
        return COMMANDS[options.command](options, Environment(ROOT), voice)
    except SetupError as error:
        voice.error(error)
        return exit_status(error)
    except KeyboardInterrupt:
        voice.say("interrupted")
        return commands.INTERRUPTED


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
