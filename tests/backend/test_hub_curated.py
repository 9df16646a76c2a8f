"""The curated models: every row is as the schema wants it, and is found by what a person knows of it."""

import pytest
import yaml

from backend.hub import curated
from backend.messages import LANGUAGES


def test_every_row_is_whole_and_there_is_none_twice() -> None:
    rows = curated.shelf().models
    assert len(rows) >= 40
    assert len({row.id for row in rows}) == len(rows)
    assert {row.kind for row in rows} == {"text", "vision"}
    assert all(set(words) == set(LANGUAGES) and all(words.values()) for words in curated.shelf().notes.values())
    used = {row.note for row in rows}, {row.licence for row in rows} - {None}
    assert used == (set(curated.shelf().notes), set(curated.shelf().licences))


def test_what_the_reference_knows_stands_there_and_what_it_does_not_is_null() -> None:
    paper = curated.by_id("andreidima/Llama-2-7b-Romanian-qlora")
    assert paper is not None
    assert (paper.bytes, paper.quantised, paper.licence) == (4.17e9, "bitsandbytes-4bit", None)
    gemma = curated.by_id("google/gemma-3-1b-it")
    assert gemma is not None
    assert (gemma.gated, gemma.licence, gemma.languages) == (True, "gemma", None)
    assert curated.shelf().terms(gemma) is not None
    assert curated.by_id("nobody/nothing") is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"licence": "unheard-of"},
        {"note": "unheard-of"},
        {"id": "no-owner"},
        {"kind": "sound"},
        {"parameters": 0},
        {"sice": 3},
    ],
)
def test_a_row_that_is_wrong_is_refused(wrong: dict[str, object]) -> None:
    whole = yaml.safe_load(curated.SOURCE.read_text(encoding="utf-8"))
    whole["models"][0] |= wrong
    with pytest.raises(ValueError, match=next(iter({*wrong, "licence", "note"} & set(wrong)), "")):
        curated.Shelf(**whole)


def ids(*args: str, **options: str) -> set[str]:
    return {row.id for row in curated.search(*args, **options)}


def test_models_are_found_by_name_language_licence_and_family() -> None:
    assert ids("eurollm 1.7b instruct") == {"utter-project/EuroLLM-1.7B-Instruct"}
    assert ids("romana rogpt2") == ids("română ROGPT2") == ids(family="RoGPT2")
    assert len(ids(family="RoGPT2")) == 3
    assert "sapienzanlp/Minerva-1B-base-v1.0" in ids(language="it")
    assert "sapienzanlp/Minerva-1B-base-v1.0" not in ids(language="ro")
    assert ids(licence="gemma", kind="text") == {
        "google/gemma-3-270m-it", "google/gemma-3-1b-it", "google/gemma-2-2b-it",
    }  # fmt: skip
    assert ids("no such model") == set()


def test_the_smallest_come_first() -> None:
    sizes = [row.parameters for row in curated.search(kind="text") if row.parameters]
    assert sizes == sorted(sizes)
