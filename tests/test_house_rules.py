"""Rules of the house that no linter knows. Each says what to do when it fails."""

import ast
import json
import re
import string
import subprocess
import sys
from pathlib import Path

import pytest

from backend.messages import LANGUAGES, catalogue

ROOT = Path(__file__).resolve().parent.parent
CODE = [ROOT / "launch.py", *(p for d in ("backend", "studio", "benchmarks") for p in sorted((ROOT / d).rglob("*.py")))]
MAX_FILE, MAX_FUNCTION, MAX_FOLDER = 300, 50, 12
HEAVY = ("torch", "transformers", "trl", "peft", "datasets", "bitsandbytes", "accelerate")


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", CODE, ids=named)
def test_a_file_fits_in_the_head(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= MAX_FILE, "Split it by what it is about."


@pytest.mark.parametrize("path", CODE, ids=named)
def test_a_function_fits_on_a_screen(path: Path) -> None:
    functions = [n for n in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(n, ast.FunctionDef)]
    long = [f.name for f in functions if (f.end_lineno or 0) - f.lineno >= MAX_FUNCTION]
    assert not long, "Name a part of it and move that part out."


@pytest.mark.parametrize("top", ["backend", "studio", "benchmarks"])
def test_a_folder_fits_in_the_head(top: str) -> None:
    folders = [ROOT / top, *(p for p in (ROOT / top).rglob("*") if p.is_dir())]
    sizes = {named(f): len([p for p in f.glob("*.py") if p.name != "__init__.py"]) for f in folders}
    assert {name: size for name, size in sizes.items() if size > MAX_FOLDER} == {}


def test_the_readme_names_files_that_exist() -> None:
    tree = re.findall(
        r"^(\S+\.(?:py|txt|toml)|\S+/) {2,}\S", (ROOT / "README.md").read_text("utf-8"), flags=re.MULTILINE
    )
    assert len(tree) > 20
    assert [name for name in tree if not (ROOT / name).exists()] == []


def test_every_folder_of_the_code_is_in_the_readme() -> None:
    text = (ROOT / "README.md").read_text("utf-8")
    folders = {p.parent.relative_to(ROOT).as_posix() + "/" for p in CODE if p.parent != ROOT}
    assert {name for name in folders if name not in text and "migrations" not in name} == set()


def test_no_two_files_of_tests_have_one_name() -> None:
    """Side by side in one process, pytest takes the second for the first and runs none of its tests."""
    names = [path.name for path in (ROOT / "tests").rglob("test_*.py")]
    assert {name for name in names if names.count(name) > 1} == set(), "Name it by what it is about."


def test_the_agents_page_stays_short() -> None:
    assert len((ROOT / "AGENTS.md").read_text("utf-8").splitlines()) <= 60


@pytest.mark.parametrize(
    "module", ["studio.app", "backend.jobs.supervisor.house", "backend.cli.__main__", "backend.training.submit"]
)
def test_a_light_process_loads_no_heavy_library(module: str) -> None:
    code = f"import {module}, sys; print([m for m in {HEAVY!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip().splitlines()[-1] == "[]"


def test_every_runner_named_by_the_worker_exists() -> None:
    from backend.worker import RUNNERS

    assert RUNNERS
    assert [name for name in RUNNERS.values() if not (ROOT / (name.replace(".", "/") + ".py")).exists()] == []


def placeholders(text: str) -> set[str]:
    return set(re.findall(r"{(\w+)}", text))


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_sentence_of_the_backend_is_in_every_language(language: str) -> None:
    english, other = catalogue("en"), catalogue(language)
    assert english
    assert other.keys() == english.keys()
    assert [key for key in english if placeholders(english[key]) != placeholders(other[key])] == []


ERROR = re.compile(r"^(StudioError|SetupError|RecipeError|DataError|ModelError|JobError|ChatError|AccessError)$")


def said_keys(path: Path) -> list[str]:
    """The literal keys of errors and notes in a file."""
    found = []
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if not isinstance(node, ast.Call):
            continue
        name = getattr(node.func, "id", getattr(node.func, "attr", ""))
        if ERROR.match(name) and node.args and isinstance(node.args[0], ast.Constant):
            found.append(node.args[0].value)
        if name == "Note":
            found += [k.value.value for k in node.keywords if k.arg == "key" and isinstance(k.value, ast.Constant)]
    return found


@pytest.mark.parametrize("path", CODE, ids=named)
def test_every_error_has_its_sentence(path: Path) -> None:
    assert [key for key in said_keys(path) if key not in catalogue("en")] == []


WORDS = [*sorted((ROOT / "backend/messages").rglob("*.json")), *sorted((ROOT / "studio/locales").glob("*.json"))]


@pytest.mark.parametrize("path", WORDS, ids=named)
def test_romanian_is_written_with_commas_below(path: Path) -> None:
    assert not re.search("[şţŞŢ]", path.read_text("utf-8")), "Use ș and ț."


@pytest.mark.parametrize("path", WORDS, ids=named)
def test_no_sentence_is_left_empty(path: Path) -> None:
    words = json.loads(path.read_text("utf-8"))
    assert [key for key, text in words.items() if not text.strip(string.whitespace)] == []


def test_remote_code_is_never_trusted() -> None:
    assert [named(p) for p in CODE if re.search(r"trust_remote_code\s*=\s*(?!False)", p.read_text("utf-8"))] == []


def loads(path: Path) -> list[tuple[int, str, set[str]]]:
    """(line, class, the safe arguments it passes) of every `Auto….from_pretrained` in a file."""
    found = []
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        called = node.func if isinstance(node, ast.Call) else None
        if not isinstance(node, ast.Call) or not isinstance(called, ast.Attribute) or called.attr != "from_pretrained":
            continue
        kind = getattr(called.value, "id", "")
        if kind.startswith("Auto"):
            said = {(k.arg, k.value.value) for k in node.keywords if isinstance(k.value, ast.Constant)}
            safe = {("trust_remote_code", False), ("use_safetensors", True)} & said
            gguf = {"gguf_file"} & {k.arg for k in node.keywords}  # a format of its own, without pickles
            found.append((node.lineno, kind, {str(name) for name, _ in safe} | gguf))
    return found


def test_whatever_loads_a_model_says_that_it_runs_no_code_and_reads_no_pickle() -> None:
    every = [(path, *load) for path in CODE for load in loads(path)]
    assert len(every) > 5
    assert [(named(p), line) for p, line, _, safe in every if "trust_remote_code" not in safe] == []
    models = [(named(p), line, safe) for p, line, kind, safe in every if kind.startswith("AutoModel")]
    assert [one for one in models if not {"use_safetensors", "gguf_file"} & one[2]] == []


def test_the_translations_of_the_page_have_the_same_keys_and_values() -> None:
    pages = {p.stem: json.loads(p.read_text("utf-8")) for p in (ROOT / "studio/locales").glob("*.json")}
    assert set(pages) == set(LANGUAGES)
    for words in pages.values():
        assert words.keys() == pages["en"].keys()
        assert [k for k in words if placeholders(words[k]) != placeholders(pages["en"][k])] == []
