"""Chat templates of the papers, letter by letter; they travel with what was trained in them."""

import json
from pathlib import Path
from typing import Any, get_args

import pytest
import torch
from transformers import AutoTokenizer

from backend.data import shapes
from backend.inference.ask import Ask, Sampling
from backend.inference.decoding.loaded import Loaded
from backend.inference.decoding.run import made_row
from backend.inference.shelf import Target, own_words
from backend.jobs.folder import RunFolder
from backend.jobs.model import ExitCode
from backend.models import packing, templates
from backend.models.vocabulary import has_words
from backend.paths import RECIPES
from backend.recipes.schema import Template
from backend.training.network.load import load_tokenizer
from backend.training.text.chat import ChatFormat
from tests import families, tiny

NAMES = [name for name in get_args(Template) if name != "auto"]
SYSTEM = {"role": "system", "content": "Rispondi bene."}
TALK = [
    {"role": "user", "content": "Ciao, come stai?"},
    {"role": "assistant", "content": "Bene, grazie."},
    {"role": "user", "content": "Che ore sono?"},
    {"role": "assistant", "content": "Le tre."},
]
ONE = TALK[:2]
GIVEN = {"instruction": "Traduci.", "input": "Buongiorno.", "output": "Bună ziua."}


def written(name: str, messages: list[dict[str, str]], *, prompt: bool = False, **special: str) -> str:
    """What the template makes of it, in the environment of transformers; no token for begin and end unless given."""
    words = tiny.make_tokenizer(templates.named(name))
    marks: Any = {"bos_token": "", "eos_token": "", **special}
    return str(words.apply_chat_template(messages, tokenize=False, add_generation_prompt=prompt, **marks))


def row(**values: str) -> list[dict[str, str]]:
    return list(shapes.normalise(values, 1, 1)[1]["messages"])


def preamble(name: str, *, given: bool) -> str:
    """The sentence before the first header, which is ours."""
    return written(name, row(**GIVEN) if given else ONE).split("###")[0].rstrip("\n")


def test_llama_2_in_italian_has_the_markers_and_spaces_of_the_llamantino_readme() -> None:
    found = written("llama2-it", [SYSTEM, *TALK])
    assert found == (
        " [INST]<<SYS>>\nRispondi bene.\n<</SYS>>\n\nCiao, come stai?[/INST] Bene, grazie. </s> <s> "
        "[INST]Che ore sono?[/INST] Le tre. </s>"
    )
    assert written("llama2-it", [SYSTEM, *TALK[:3]], prompt=True) == found.removesuffix(" Le tre. </s>")
    assert written("llama2-it", TALK).replace(written("llama2-it", TALK).split("\n")[1], "Rispondi bene.") == found
    assert written("llama2-it", ONE, bos_token="<s>").startswith("<s> [INST]<<SYS>>\n")


def test_alpaca_in_italian_has_the_headers_and_lines_of_the_llamantino_readme() -> None:
    name = "alpaca-it"
    assert written(name, row(**GIVEN)) == (
        f"{preamble(name, given=True)}\n\n### Istruzione:\nTraduci.\n\n### Input:\nBuongiorno.\n\n### Risposta:\n"
        "Bună ziua."
    )
    assert written(name, ONE) == (
        f"{preamble(name, given=False)}\n\n### Istruzione:\nCiao, come stai?\n\n### Risposta:\nBene, grazie."
    )
    assert written(name, TALK[:1], prompt=True) == written(name, ONE).removesuffix("Bene, grazie.")
    assert written(name, ONE, bos_token="<s>", eos_token="</s>") == f"<s>{written(name, ONE)}</s>"


def test_alpaca_of_extremita_has_no_empty_lines() -> None:
    name = "alpaca-it-dense"
    assert written(name, row(**GIVEN)) == (
        f"{preamble(name, given=True)}\n### Istruzione:\nTraduci.\n### Input:\nBuongiorno.\n### Risposta:\nBună ziua."
    )
    assert written(name, ONE) == (
        f"{preamble(name, given=False)}\n### Istruzione:\nCiao, come stai?\n### Risposta:\nBene, grazie."
    )


def test_the_romanian_alpaca_is_laid_out_like_the_italian_one_and_says_that_it_is_ours() -> None:
    name = "alpaca-ro"
    assert written(name, row(**GIVEN)) == (
        f"{preamble(name, given=True)}\n\n### Instrucțiune:\nTraduci.\n\n### Intrare:\nBuongiorno.\n\n### Răspuns:\n"
        "Bună ziua."
    )
    assert "all of it is ours" in templates.named(name)


def test_llama_2_in_romanian_has_the_markers_of_openllm_ro() -> None:
    found = written("llama2-ro", [SYSTEM, *TALK], bos_token="<s>", eos_token="</s>")
    assert found == (
        "<s>[INST] <<SYS>>\nRispondi bene.\n<</SYS>>\n\nCiao, come stai? [/INST] Bene, grazie.</s>"
        "<s>[INST] Che ore sono? [/INST] Le tre.</s>"
    )


def test_llama_3_and_chatml_have_their_headers() -> None:
    assert written("llama3-it", [SYSTEM, *ONE], bos_token="<|begin_of_text|>") == (
        "<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\nRispondi bene.<|eot_id|>"
        "<|start_header_id|>user<|end_header_id|>\n\nCiao, come stai?<|eot_id|>"
        "<|start_header_id|>assistant<|end_header_id|>\n\nBene, grazie.<|eot_id|>"
    )
    assert (
        written("chatml", TALK[:1], prompt=True)
        == "<|im_start|>user\nCiao, come stai?<|im_end|>\n<|im_start|>assistant\n"
    )


@pytest.mark.parametrize("name", NAMES)
def test_every_template_is_a_file_that_says_whose_it_is_and_ends_its_prompt_where_the_answer_begins(name: str) -> None:
    assert (RECIPES / "templates" / f"{name}.jinja").read_text("utf-8").startswith("{#- ")
    whole = written(name, TALK, eos_token="</s>")
    prompt = written(name, TALK[:3], prompt=True, eos_token="</s>")
    assert whole.startswith(prompt)
    assert whole.removeprefix(prompt).strip().startswith("Le tre.")
    templates.check(templates.named(name))
    assert templates._hash(templates.named(name)) in templates.shipped()
    templates._try(templates.named(name))


def test_there_is_no_template_that_no_recipe_can_name() -> None:
    assert {path.stem for path in (RECIPES / "templates").iterdir()} == set(NAMES)


@pytest.mark.parametrize("fields", [("input", "output"), ("input", "response"), ("context", "response")])
def test_an_input_stays_apart_from_its_instruction_in_every_form_that_rows_have(fields: tuple[str, str]) -> None:
    given, answer = fields
    stored = row(**{"instruction": "Traduci.", given: "Buongiorno.", answer: "Bună ziua."})
    assert stored[0] == {"role": "user", "content": "Traduci.\n\nBuongiorno.", "input": "Buongiorno."}
    assert row(instruction="Saluta.", **{given: "", answer: "Ciao."})[0] == {"role": "user", "content": "Saluta."}
    assert shapes.normalise({"messages": stored}, 1, 1)[1]["messages"] == stored
    moved = [{**stored[0], "input": "altro"}, stored[1]]
    assert "input" not in shapes.normalise({"messages": moved}, 1, 1)[1]["messages"][0]
    assert written("chatml", stored).startswith("<|im_start|>user\nTraduci.\n\nBuongiorno.<|im_end|>")


@pytest.mark.parametrize("name", ["llama2-it", "llama2-ro", "alpaca-it", "alpaca-it-dense", "alpaca-ro"])
def test_exactly_the_answers_and_their_ends_are_learned_by_a_llama_2_tokenizer(name: str, tmp_path: Path) -> None:
    families.tokenizer("llama-2").save_pretrained(tmp_path)
    chat = ChatFormat.of(load_tokenizer(str(tmp_path), name), "llama")
    read = chat.document(TALK, row=1)
    learned = str(chat.tokenizer.decode(read.tokens[read.learned]))
    assert " ".join(learned.replace("</s>", " </s> ").split()) == "Bene, grazie. </s> Le tre. </s>"
    assert chat.tokenizer.eos_token_id in chat.ends()
    assert int(read.tokens[0]) == chat.tokenizer.bos_token_id


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, RunFolder]:
    folder = tmp_path_factory.mktemp("template")
    model = families.make("llama-2", folder / "model")
    asked = tiny.request(folder, model, families.chats(8), template="alpaca-it", schedule={"max_steps": 2})
    assert tiny.run(folder / "run", asked)[0] == ExitCode.DONE
    return model, RunFolder(folder / "run")


def test_the_chat_asks_an_adapter_in_the_template_it_was_trained_in_and_its_base_in_that_of_the_base(
    trained: tuple[Path, RunFolder],
) -> None:
    model, run = trained
    base = Target("tiny", "tiny", str(model))
    target = Target("run", "tiny", str(model), run.adapter, words=own_words(run.adapter))
    assert target.words == run.adapter
    loaded = Loaded(base, torch.device("cpu"))
    asked = TALK[:1]

    def prompt(of: Target) -> str:
        return str(loaded.voice.tokenizer.decode(made_row(Ask(of, asked, Sampling()), loaded).prompt))

    assert "### Istruzione:" in prompt(target)
    assert "[INST]" in prompt(base)
    assert "### Istruzione:" not in prompt(base)
    in_training = ChatFormat.of(load_tokenizer(str(model), "alpaca-it"), "tiny").prompt(asked)
    assert made_row(Ask(target, asked, Sampling()), loaded).prompt == in_training


def test_what_is_downloaded_brings_its_template(trained: tuple[Path, RunFolder]) -> None:
    _, run = trained
    assert AutoTokenizer.from_pretrained(run.adapter).chat_template == templates.named("alpaca-it")
    assert json.loads((run.adapter / "studio.json").read_text("utf-8"))["template"] == "alpaca-it"
    assert has_words(run.adapter)
    assert 'AutoTokenizer.from_pretrained(".")' in packing.load_adapter("o/base", tokens=has_words(run.adapter))


def test_a_run_in_the_template_of_its_model_leaves_no_words_beside_the_weights(tmp_path: Path) -> None:
    model = tiny.make_model(tmp_path / "model")
    asked = tiny.request(tmp_path, model, tiny.chats(8), schedule={"max_steps": 1})
    assert tiny.run(tmp_path / "run", asked)[0] == ExitCode.DONE
    adapter = RunFolder(tmp_path / "run").adapter
    assert not has_words(adapter)
    assert own_words(adapter) is None
