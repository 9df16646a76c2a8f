"""GGUF: what is written is read back by gguf's own reader, and by transformers', as the model that it was."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from gguf import GGUFReader, TokenType, dequantize
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers
from transformers import AutoModelForCausalLM, AutoTokenizer

from backend.errors import ModelError
from backend.export.gguf import converting, metadata, modelfile, ollama, reading, vocabulary, writing
from tests.tiny import MARKED, make_model, make_tokenizer

LLAMA3 = {
    "rope_type": "llama3", "rope_theta": 500000.0, "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
    "original_max_position_embeddings": 64,
}  # fmt: skip


def model_of(family: str, folder: Path, **changes: Any) -> Path:
    """A tiny model of a family, in float16 as exports are."""
    make_model(folder)
    config = json.loads((folder / "config.json").read_text())
    config |= {"model_type": family, "head_dim": 16 if family == "qwen3" else 8, **changes}
    config.pop("architectures")
    (folder / "config.json").write_text(json.dumps(config))
    from transformers import AutoConfig

    torch.manual_seed(3)
    made = AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(folder))
    for name, weight in made.named_parameters():
        weight.data = torch.randn_like(weight) * (0.3 if "norm" not in name else 0.1) + ("norm" in name)
    made.half().save_pretrained(folder)
    return folder


def fields(path: Path) -> dict[str, Any]:
    return {name: field.contents() for name, field in GGUFReader(path).fields.items()}


def logits(folder: Path, **options: Any) -> torch.Tensor:
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, **options)
    with torch.no_grad():
        return model.eval()(input_ids=torch.arange(1, 40)[None]).logits


@pytest.mark.parametrize("tied", [True, False], ids=["tied", "own-head"])
@pytest.mark.parametrize(
    ("family", "changes"),
    [
        ("llama", {}),
        ("llama", {"attention_bias": True}),
        ("mistral", {"sliding_window": None}),
        ("qwen2", {}),
        ("qwen3", {}),
    ],
    ids=["llama", "llama-bias", "mistral", "qwen2", "qwen3"],
)
def test_a_file_in_half_precision_says_exactly_what_the_model_says(
    tmp_path: Path, family: str, changes: dict[str, Any], *, tied: bool
) -> None:
    folder = model_of(family, tmp_path / "model", tie_word_embeddings=tied, **changes)
    writing.write(folder, tmp_path / "tiny.gguf", "f16", name="tiny")
    assert fields(tmp_path / "tiny.gguf")["general.architecture"] == ("llama" if family == "mistral" else family)
    (tmp_path / "back").mkdir()
    reading.back(tmp_path / "tiny.gguf", folder, tmp_path / "back")
    torch.testing.assert_close(logits(tmp_path / "back"), logits(folder), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("family", ["llama", "qwen2"])
def test_transformers_own_reader_finds_the_model(tmp_path: Path, family: str) -> None:
    folder = model_of(family, tmp_path / "model")
    writing.write(folder, tmp_path / "tiny.gguf", "f16", name="tiny")
    found = logits(tmp_path, gguf_file="tiny.gguf")
    torch.testing.assert_close(found, logits(folder), rtol=1e-5, atol=1e-5)


def test_the_tensors_are_those_of_the_model_and_rotary_rows_are_paired(tmp_path: Path) -> None:
    folder = model_of("llama", tmp_path / "model")
    writing.write(folder, tmp_path / "tiny.gguf", "q8_0", name="tiny")
    found = {one.name: dequantize(one.data, one.tensor_type) for one in GGUFReader(tmp_path / "tiny.gguf").tensors}
    weights = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).state_dict()
    value = weights["model.layers.1.self_attn.v_proj.weight"].numpy()
    assert np.abs(found["blk.1.attn_v.weight"] - value).max() <= np.abs(value).max() / 127
    query = weights["model.layers.1.self_attn.q_proj.weight"].numpy()
    order = [head * 8 + half * 4 + at for head in range(4) for at in range(4) for half in range(2)]
    assert np.abs(found["blk.1.attn_q.weight"] - query[order]).max() <= np.abs(query).max() / 127
    assert not np.allclose(found["blk.1.attn_q.weight"], query, atol=0.05)
    np.testing.assert_array_equal(found["output_norm.weight"], weights["model.norm.weight"].numpy())
    assert len(found) == 2 * 9 + 3


def test_the_words_are_those_of_the_tokenizer(tmp_path: Path) -> None:
    folder = model_of("llama", tmp_path / "model", vocab_size=270)
    writing.write(folder, tmp_path / "tiny.gguf", "f16", name="tiny")
    found, tokenizer = fields(tmp_path / "tiny.gguf"), AutoTokenizer.from_pretrained(folder)
    tokens = found["tokenizer.ggml.tokens"]
    assert tokens[:260] == tokenizer.convert_ids_to_tokens(range(260))
    assert tokens[260:] == [f"[PAD{number}]" for number in range(260, 270)]
    kinds = found["tokenizer.ggml.token_type"]
    assert kinds[256:260] == [TokenType.CONTROL] * 4
    assert (kinds[0], kinds[269]) == (TokenType.NORMAL, TokenType.UNUSED)
    assert (found["tokenizer.ggml.model"], found["tokenizer.ggml.pre"]) == ("gpt2", "gpt-2")
    assert found["tokenizer.ggml.eos_token_id"] == tokenizer.eos_token_id
    assert found["tokenizer.ggml.add_bos_token"] is False
    assert found["llama.context_length"] == 512
    assert found["llama.rope.freq_base"] == 10000.0


def test_the_chat_template_loses_the_marks_that_only_transformers_knows(tmp_path: Path) -> None:
    folder = make_model(tmp_path / "model", template=MARKED)
    found = vocabulary.plain_template(folder)
    assert found
    assert "generation %}" not in found.replace("add_generation_prompt %}", "")
    tokenizer = make_tokenizer(MARKED)
    talk = [{"role": "user", "content": "Ciao"}, {"role": "assistant", "content": "Salut"}]
    assert tokenizer.apply_chat_template(talk, tokenize=False, chat_template=found) == tokenizer.apply_chat_template(
        talk, tokenize=False
    )


def test_every_token_that_ends_an_answer_is_named(tmp_path: Path) -> None:
    folder = make_model(tmp_path / "model")
    (folder / "generation_config.json").write_text(json.dumps({"eos_token_id": [256, 258]}))
    ids = vocabulary.read(folder, 260).ids
    assert (ids["eos"], ids["eot"]) == (256, 258)


def test_sentence_pieces_are_joined_in_the_order_of_their_merges(tmp_path: Path) -> None:
    folder = make_model(tmp_path / "model")
    words = {"<unk>": 0, "<s>": 1, "</s>": 2, "<0x41>": 3, "▁": 4, "c": 5, "i": 6, "ci": 7, "▁ci": 8}
    inner = Tokenizer(models.BPE(vocab=words, merges=[("c", "i"), ("▁", "ci")], unk_token="<unk>", byte_fallback=True))
    inner.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    inner.decoder = decoders.ByteFallback()
    inner.add_special_tokens(["<s>", "</s>"])
    inner.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(json.dumps({"bos_token": "<s>", "eos_token": "</s>"}))
    found = vocabulary.read(folder, 10)
    assert (found.kind, found.rule, found.add_space) == ("llama", "default", True)
    assert found.scores[7] > found.scores[8] > found.scores[1]
    assert found.types[:4] == [TokenType.UNKNOWN, TokenType.CONTROL, TokenType.CONTROL, TokenType.BYTE]


@pytest.mark.parametrize(
    ("pattern", "rule"),
    [(pattern, rule) for pattern, rule in vocabulary.RULES.items()] + [("[a-z]+", None)],
    ids=[*vocabulary.RULES.values(), "unknown"],
)
def test_only_a_way_of_cutting_that_llama_cpp_knows_is_written(tmp_path: Path, pattern: str, rule: str | None) -> None:
    from tokenizers import Regex

    folder = make_model(tmp_path / "model")
    inner = Tokenizer.from_file(str(folder / "tokenizer.json"))
    split = pre_tokenizers.Split(Regex(pattern), "isolated")
    inner.pre_tokenizer = pre_tokenizers.Sequence(
        [split, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
    )
    inner.save(str(folder / "tokenizer.json"))
    if rule:
        assert vocabulary.read(folder, 260).rule == rule
        return
    with pytest.raises(ModelError) as refused:
        vocabulary.read(folder, 260)
    assert refused.value.key == "export.gguf_tokenizer"


def test_scaled_positions_are_those_of_transformers(tmp_path: Path) -> None:
    from transformers import LlamaConfig
    from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS

    config = LlamaConfig(hidden_size=64, num_attention_heads=2, rope_parameters=LLAMA3, max_position_embeddings=512)
    wanted, _ = ROPE_INIT_FUNCTIONS["llama3"](config, torch.device("cpu"))
    plain = 1 / 500000.0 ** (torch.arange(0, 32, 2) / 32)
    found = metadata.rope_factors({"rope_parameters": LLAMA3}, 32)
    assert found is not None
    torch.testing.assert_close(plain / torch.from_numpy(found), wanted)
    assert 1 < found.max() <= 8
    folder = model_of("llama", tmp_path / "model", rope_parameters=LLAMA3)
    writing.write(folder, tmp_path / "tiny.gguf", "f16", name="tiny")
    assert "rope_freqs.weight" in {one.name for one in GGUFReader(tmp_path / "tiny.gguf").tensors}


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"model_type": "gemma2"}, "export.gguf_family"),
        ({"vocab_size": 100}, "export.gguf_more_tokens"),
        ({"rope_parameters": {"rope_type": "longrope", "rope_theta": 1e4}}, "export.gguf_rope"),
    ],
)
def test_what_cannot_be_written_is_refused(tmp_path: Path, changes: dict[str, Any], key: str) -> None:
    folder = make_model(tmp_path / "model")
    config = json.loads((folder / "config.json").read_text()) | changes
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelError) as refused:
        writing.write(folder, tmp_path / "tiny.gguf", "f16", name="tiny")
    assert refused.value.key == key


def test_a_sliding_window_is_as_far_as_the_file_says_one_may_read(tmp_path: Path) -> None:
    folder = model_of("mistral", tmp_path / "model", sliding_window=128)
    writing.write(folder, tmp_path / "tiny.gguf", "f16", name="tiny")
    assert fields(tmp_path / "tiny.gguf")["llama.context_length"] == 128


@pytest.mark.parametrize("works", [True, False])
def test_llama_cpps_converter_comes_first_where_there_is_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, works: bool
) -> None:
    """A program in the place of llama.cpp's, with its arguments; one that fails is said, and we write the file."""
    program = (
        "import sys; from pathlib import Path; model, _, path, _, kind = sys.argv[1:]\n"
        "assert Path(model, 'config.json').is_file() and kind == 'f16'\nPath(path).write_text('theirs')"
    )
    (tmp_path / "convert_hf_to_gguf.py").write_text(program if works else "raise SystemExit('no such model')")
    monkeypatch.setenv("STUDIO_LLAMA_CPP", str(tmp_path))
    folder = model_of("llama", tmp_path / "model")
    made = converting.make(folder, tmp_path / "tiny.gguf", "f16", name="tiny")
    if works:
        assert made == converting.Made("llama.cpp")
        assert (tmp_path / "tiny.gguf").read_text() == "theirs"
    else:
        assert made == converting.Made("gguf", "no such model")
        assert fields(tmp_path / "tiny.gguf")["general.name"] == "tiny"


CHATML = (
    "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\n' + m['content'] + '<|im_end|>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
DEFAULT_SYSTEM = (
    "{% if messages[0]['role'] != 'system' %}{{ '<|im_start|>system\nHelp.<|im_end|>\n' }}{% endif %}" + CHATML
)
LLAMA3_CHAT = (
    "{% for m in messages %}{{ (bos_token if loop.first else '') + '<|start_header_id|>' + m['role'] + "
    "'<|end_header_id|>\n\n' + m['content'] + '<|eot_id|>' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{% endif %}"
)
LLAMA2_CHAT = (
    "{% if messages[0]['role'] == 'system' %}{% set loop_messages = messages[1:] %}"
    "{% set system = '<<SYS>>\n' + messages[0]['content'] + '\n<</SYS>>\n\n' %}"
    "{% else %}{% set loop_messages = messages %}{% set system = '' %}{% endif %}"
    "{% for m in loop_messages %}{% if m['role'] == 'user' %}"
    "{{ bos_token + '[INST] ' + (system if loop.first else '') + m['content'] + ' [/INST]' }}"
    "{% else %}{{ ' ' + m['content'] + ' </s>' }}{% endif %}{% endfor %}"
)
NO_SYSTEM = (
    "{% for m in messages %}{% if m['role'] == 'system' %}{{ raise_exception('no system') }}{% endif %}"
    "{{ '<|' + m['role'] + '|>' + m['content'] + '<|end|>' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
)
COUNTING = "{% for m in messages %}{{ '<|' + m['role'] + (loop.index | string) + '|>' + m['content'] }}{% endfor %}"


def rendering(template: str) -> modelfile.Render:
    tokenizer = make_tokenizer(template)

    def render(messages: modelfile.Messages) -> str:
        return str(tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True, bos_token="<s>"))

    return render


@pytest.mark.parametrize(
    ("template", "system", "folded"),
    [
        (CHATML, True, False),
        (DEFAULT_SYSTEM, True, False),
        (LLAMA3_CHAT, True, False),
        (NO_SYSTEM, False, False),
        (MARKED, True, False),
    ],
    ids=["chatml", "default-system", "llama3", "no-system", "marked"],
)
def test_a_template_is_said_again_for_ollama(template: str, *, system: bool, folded: bool) -> None:
    render = rendering(template)
    found = modelfile.markers(render, "<s>")
    assert (found.system, found.folded) == (system, folded)
    turns = [
        {"role": role, "content": word} for role, word in (("user", "Unu"), ("assistant", "Doi"), ("user", "Trei"))
    ]
    talks = [turns, turns[:1], *([[{"role": "system", "content": "Pe scurt."}, *turns]] if system else [])]
    assert [found.written(talk) for talk in talks] == [render(talk).removeprefix("<s>") for talk in talks]


def test_a_system_prompt_inside_the_first_question_is_found() -> None:
    render = rendering(LLAMA2_CHAT.replace("' ' + m['content']", "m['content']"))
    found = modelfile.markers(render, "<s>")
    assert found.folded
    talk = [{"role": "system", "content": "Pe scurt."}, {"role": "user", "content": "Unu"}]
    assert found.written(talk) == "[INST] <<SYS>>\nPe scurt.\n<</SYS>>\n\nUnu [/INST]"
    assert "not (and $.System (eq $at 1))" in modelfile.go_template(found)


@pytest.mark.parametrize("template", [COUNTING, "{{ messages[-1]['content'] }}", LLAMA2_CHAT])
def test_a_template_that_markers_cannot_say_is_refused(template: str) -> None:
    with pytest.raises(ModelError) as refused:
        modelfile.markers(rendering(template), "<s>")
    assert refused.value.key == "export.ollama_template"


def test_a_modelfile_names_the_file_the_template_and_the_ends(tmp_path: Path) -> None:
    folder = make_model(tmp_path / "model", template=CHATML.replace("<|im_end|>", "<|end|>"))
    ollama.write(folder, tmp_path, "tiny.gguf")
    assert (tmp_path / "Modelfile").read_text(encoding="utf-8") == (
        "FROM ./tiny.gguf\n"
        'TEMPLATE """{{ range $at, $message := .Messages }}'
        '{{ if eq .Role "user" }}{{ "<|im_start|>user\\n" }}{{ .Content }}{{ "<|end|>\\n<|im_start|>assistant\\n" }}'
        '{{ else if eq .Role "system" }}{{ "<|im_start|>system\\n" }}{{ .Content }}{{ "<|end|>\\n" }}'
        '{{ else if eq .Role "assistant" }}{{ .Content }}{{ "<|end|>\\n" }}{{ end }}{{ end }}"""\n'
        'PARAMETER stop "<|end|>"\n'
    )
