"""The command line of `launch.py`: every command, its options and the exit statuses, written once.

`launch.py` reads its arguments with this parser before anything is installed, and `backend.cli` reads them again with
the same one inside .venv, so the help text is always there and always true. Only the standard library is used.
"""

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

from backend.setup import arguments

ROOT = Path(__file__).resolve().parent.parent.parent
DEFAULT_PORT = 7860
LOOPBACK = "127.0.0.1"
AFTER_SETUP = frozenset({"train", "chat", "ask", "caption", "runs", "models", "data", "export", "import", "bench"})
"""Commands that need the installed packages: `launch.py` hands them to `backend.cli`."""


# The exit statuses of launch.py; EXIT_TABLE says what they mean.
DONE = 0
FAILED = 1
USAGE = 2
CANNOT_SET_UP = 3
WORKSPACE = 4
PORT = 5
STOPPED = 77
INTERRUPTED = 130

EXIT_TABLE = """exit status:
  0    done
  1    it was tried and failed: the run failed, a check failed, something is missing
  2    the command line is wrong
  3    the studio cannot be set up here (Python, network, disk, damaged pack)
  4    the workspace cannot be used, or another studio uses it
  5    the port or the address cannot be used
  77   the run was stopped before its end and can go on
  130  interrupted with Ctrl-C (`start`: 0 once the studio is open, for that is how it ends)
`test` ends with the status of the check that failed, pytest's included.
With --json the last line of standard output is one JSON object; when something is in the way it is
{"error": sentence, "key": name of the sentence}."""

START_HELP = """options of `start`, which is what happens when no command is named:
  --no-browser --host ADDRESS --port NUMBER --root-path PATH --allowed-host NAME --from DIR --workspace DIR --json
Each command has its own --help."""


def parser() -> argparse.ArgumentParser:
    """The whole command line."""
    top = argparse.ArgumentParser(
        prog="launch.py",
        description="Romanza Studio: fine-tune language models from a web page.",
        epilog=f"{START_HELP}\n\n{EXIT_TABLE}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    commands = top.add_subparsers(dest="command", metavar="COMMAND", required=True)

    def command(name: str, about: str, *arguments: Callable[[argparse.ArgumentParser], None]) -> None:
        """One command: what it is for, its own arguments, then the two that all of them take."""
        added = commands.add_parser(
            name,
            help=about,
            description=about,
            epilog=EXIT_TABLE,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        for add in arguments:
            add(added)
        _add_common(added)

    command("start", "set up what is missing, then start the studio and open its page (the default)", _add_start)
    command("test", "set up the developer's tools, then run every check; arguments after -- go to pytest", _add_test)
    command("pack", "save packages and models for machines without internet", _add_pack)
    command("doctor", "say what this machine is and what is missing", _add_doctor)
    command("train", "train now, without the page", _add_train)
    command("chat", "ask a model or a trained run one question", _add_chat)
    command("ask", "ask a vision model about pictures", arguments.add_ask)
    command("caption", "have a vision model caption all pictures of a folder", arguments.add_caption)
    command("runs", "list the runs of the workspace")
    command("models", "list, search, look up, download or delete models", _add_models)
    command(
        "data",
        "check, mend or import any file of data; list data sets, add texts from the Hub, or delete one",
        _add_data,
    )
    command("export", "what a run made, in a form for other programs; checked against the chat", _add_export)
    command("import", "take in a capsule of a run, or a zip with an adapter", _add_import)
    command("bench", "measure the studio against its peers", _add_bench)
    return top


def read(given: Sequence[str]) -> argparse.Namespace:
    """The arguments of `launch.py` (without the program's name); the command is `start` when none is named.

    SystemExit 2 when they are wrong, 0 after --help.
    """
    words = list(given)
    if not words or (words[0].startswith("-") and words[0] not in ("-h", "--help")):
        words.insert(0, "start")
    if words[0] == "test":
        return _read_test(words)
    return arguments.parsed(parser(), words)


def _read_test(words: list[str]) -> argparse.Namespace:
    """What `test` does not know is pytest's."""
    own, _, after = (words, "", []) if "--" not in words else _cut(words, "--")
    options, rest = parser().parse_known_args(own)
    options.pytest = [*rest, *after]
    return options


def _cut(words: list[str], mark: str) -> tuple[list[str], str, list[str]]:
    at = words.index(mark)
    return words[:at], mark, words[at + 1 :]


def _add_common(to: argparse.ArgumentParser) -> None:
    to.add_argument(
        "--workspace",
        type=arguments.folder,
        default=ROOT / "workspace",
        metavar="DIR",
        help="where runs, models and data are kept (default: workspace/ in this folder)",
    )
    to.add_argument("--json", action="store_true", help="print one JSON object as the last line of standard output")


def _add_from(to: argparse.ArgumentParser) -> None:
    to.add_argument(
        "--from",
        dest="source",
        type=arguments.folder,
        metavar="DIR",
        help="install from a folder made by `launch.py pack DIR`, without internet",
    )


def _add_start(to: argparse.ArgumentParser) -> None:
    to.add_argument("--no-browser", action="store_true", help="print the address, open no browser")
    to.add_argument(
        "--host",
        default=LOOPBACK,
        metavar="ADDRESS",
        help=f"address of this machine alone to listen on, such as ::1 (default {LOOPBACK})",
    )
    to.add_argument(
        "--port",
        type=arguments.port,
        default=DEFAULT_PORT,
        metavar="NUMBER",
        help=f"port to listen on (default {DEFAULT_PORT}; 0: any free one)",
    )
    to.add_argument("--root-path", default="", metavar="PATH", help="path in front of the studio behind a proxy")
    to.add_argument(
        "--allowed-host",
        action="append",
        default=[],
        metavar="NAME",
        help="name under which a proxy shows the studio, such as hub.example.org; may be repeated",
    )
    _add_from(to)


def _add_test(to: argparse.ArgumentParser) -> None:
    to.usage = "launch.py test [--all] [--from DIR] [--workspace DIR] [--json] [pytest arguments]"
    to.add_argument("--all", action="store_true", help="the slow tests too")
    _add_from(to)


def _add_pack(to: argparse.ArgumentParser) -> None:
    to.add_argument("folder", type=arguments.folder, metavar="DIR", help="folder to fill, for example on a USB disk")


def _add_doctor(to: argparse.ArgumentParser) -> None:
    to.add_argument(
        "--bundle",
        type=arguments.folder,
        metavar="FILE",
        help="also write a zip for a bug report: no tokens, no chats, no rows of data",
    )


def _add_train(to: argparse.ArgumentParser) -> None:
    to.add_argument(
        "recipe",
        metavar="RECIPE",
        help="a recipe's name, such as starter-lora; a chain's, such as starter-chain, for several stages as one run; "
        "a YAML file; or run:NAME for the settings of an earlier run",
    )
    to.add_argument("--model", help="base model, for example starter, the one that ships (default: the recipe's)")
    to.add_argument("--data", help="data set: a name or a JSONL file (default: the recipe's)")
    to.add_argument("--name", help="name of the run (default: the recipe's and the date)")
    to.add_argument(
        "--card",
        default="auto",
        choices=("auto", "none", "6", "8", "12", "16", "24", "48", "80"),
        help="the recipe's variant for a graphics card of so many GB (default: that of this machine's card)",
    )
    to.add_argument(
        "--set",
        action="append",
        default=[],
        type=arguments.change,
        metavar="KEY=VALUE",
        help="change one setting of the recipe, for example --set lora.rank=8; of one stage of a chain "
        "--set 2.lora.rank=8 or 2.data=NAME, how its stages start --set way=merged; may be repeated",
    )
    to.add_argument("--fit", action="store_true", help="change what is needed so that the run fits into free memory")


def _add_chat(to: argparse.ArgumentParser) -> None:
    to.add_argument("model", metavar="MODEL|RUN", help="a model such as starter, or the name of a run")
    to.add_argument("--prompt", required=True, metavar="TEXT", help="what to ask")
    to.add_argument(
        "--max-tokens", type=arguments.positive, default=64, metavar="N", help="longest answer (default 64)"
    )
    to.add_argument(
        "--temperature",
        type=arguments.temperature,
        default=0.0,
        metavar="T",
        help="0: always the likeliest word (default)",
    )


def _add_export(to: argparse.ArgumentParser) -> None:
    to.add_argument("run", metavar="RUN", help="name of the run, such as romanian-demo, the one that ships")
    to.add_argument(
        "--to",
        required=True,
        choices=("merged", "gguf", "capsule", "hub"),
        help="a merged model, a GGUF file, a capsule to repeat the run from, or a repository on the Hub",
    )
    to.add_argument("--name", help="name of the export (default: the run's and the form)")
    to.add_argument(
        "--dtype",
        choices=("auto", "float16", "bfloat16", "float32"),
        default="auto",
        help="of a merged model (default: as the base is kept)",
    )
    to.add_argument("--rounded", action="store_true", help="merge into the weights as QLoRA rounded them")
    to.add_argument("--precision", choices=("f16", "q8_0"), default="q8_0", help="of a GGUF file (default q8_0)")
    to.add_argument("--hub", metavar="OWNER/NAME", help="repository to push to; private unless --public")
    to.add_argument("--merged", action="store_true", help="push the merged model instead of the adapter")
    to.add_argument("--public", action="store_true", help="everybody may see the repository")
    to.add_argument("--texts", action="store_true", help="a capsule also holds test questions, answers and the log")
    to.add_argument("--with-adapter", action="store_true", help="a capsule also holds the adapter")


def _add_models(to: argparse.ArgumentParser) -> None:
    actions = ("list", "search", "show", "download", "delete")
    to.add_argument("action", nargs="?", default="list", choices=actions, help="what to do (default list)")
    to.add_argument("name", nargs="?", metavar="NAME", help="words to search, a Hub id owner/name, or a model here")
    to.add_argument("--language", default="", metavar="CODE", help="search: only models with this language, such as ro")
    to.add_argument("--kind", default="", choices=("text", "vision"), help="search: what they read (default text)")
    to.add_argument("--page", type=arguments.page, default=1, metavar="N", help="search: which page of 20 (default 1)")
    to.add_argument("--curated", action="store_true", help="search: among the chosen models, without internet")
    to.add_argument("--accept-licence", action="store_true", help="download: the licence was read and is accepted")
    to.add_argument("--yes", action="store_true", help="delete: really remove it")


def _add_data(to: argparse.ArgumentParser) -> None:
    actions = ("list", "show", "check", "fix", "import", "prepare", "review", "tokens", "card", "add", "delete")
    to.add_argument("action", nargs="?", default="list", choices=actions, help="what to do (default list)")
    to.add_argument("ref", nargs="?", metavar="NAME", help="a file or folder, a Hub id owner/name, or a data set here")
    to.add_argument("--name", default="", help="import, add: name of the data set (default: the file's or the Hub's)")
    to.add_argument("--encoding", metavar="CODE", help="check, import: such as cp1250 (default: what the file is in)")
    to.add_argument("--separator", metavar="SIGN", help="check, import: what parts the values of a table in text")
    to.add_argument("--sheet", metavar="NAME", help="check, import: which sheet of a workbook (default: the first)")
    to.add_argument("--steps", metavar="FILE", help="prepare: a YAML file of steps (docs/data-preparing.md)")
    to.add_argument("--like", metavar="NAME", help="prepare: the steps by which this data set was prepared")
    to.add_argument("--model", metavar="NAME", help="check, fix, tokens: for which model")
    to.add_argument("--make", action="store_true", help="review: make the version of the approved rows")
    to.add_argument("--recipe", default="starter-lora", metavar="NAME", help="tokens: by which recipe (starter-lora)")
    to.add_argument("--rows", default="1-3", metavar="A-B", help="tokens: which rows (default 1-3)")
    to.add_argument(
        "--fix", action="append", default=[], metavar="NAME", help="fix: what `check` says mends it; may be repeated"
    )
    to.add_argument("--field", default="text", metavar="NAME", help="add: where the texts stand (default text)")
    to.add_argument("--config", default="", metavar="NAME", help="which data set of several in one repository")
    to.add_argument("--split", default="", metavar="NAME", help="which part of it (default train)")
    to.add_argument("--take", default="", metavar="A-B", help="add: which rows of it, such as 1-5000 (default all)")
    to.add_argument("--skip-bad", action="store_true", help="import, add: leave out faulty rows of a file")
    to.add_argument("--accept-licence", action="store_true", help="add: the licence was read and is accepted")
    to.add_argument("--yes", action="store_true", help="delete: really remove it")


def _add_import(to: argparse.ArgumentParser) -> None:
    to.add_argument("file", type=arguments.folder, metavar="FILE", help="a capsule, or a zip with an adapter")
    to.add_argument("--name", help="name of the run (default: the one it had)")


def _add_bench(to: argparse.ArgumentParser) -> None:
    names = "starter, train, start, chat, data, cache, forecast, duration, live, gpu or gpu-vision"
    to.add_argument("name", metavar="NAME", help=names)
    parts = "for gpu: a (memory), b (speed) or c (large models); options of a benchmark follow two dashes"
    to.add_argument("more", metavar="PART", nargs="*", help=parts)
