"""Model and adapter files: what is wrong with them is said before any of it is loaded."""

import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from backend.errors import AccessError, ModelError
from backend.messages import LANGUAGES
from backend.models import adapters, catalogue, templates, weights
from backend.models.catalogue import Model
from backend.models.control_words import control_words
from backend.paths import SHIPPED_MODELS, Workspace
from backend.people import HOME, Person

CONFIG = {
    "model_type": "llama", "hidden_size": 8, "intermediate_size": 12, "num_hidden_layers": 2,
    "num_attention_heads": 2, "vocab_size": 20,
}  # fmt: skip


def safetensors(path: Path, tensors: dict[str, "np.ndarray[Any, Any]"], dtype: str = "F32") -> None:
    """A file in the safetensors format, written by its description."""
    entries, place = {}, 0
    for name, tensor in tensors.items():
        entries[name] = {"dtype": dtype, "shape": tensor.shape, "data_offsets": [place, place + tensor.nbytes]}
        place += tensor.nbytes
    head = json.dumps(entries).encode()
    path.write_bytes(struct.pack("<Q", len(head)) + head + b"".join(t.tobytes() for t in tensors.values()))


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path / "workspace").create()


@pytest.fixture
def model(tmp_path: Path) -> Model:
    return base(tmp_path / "tiny")


def base(folder: Path, **changes: Any) -> Model:
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({**CONFIG, **changes}))
    safetensors(folder / "model.safetensors", {"w": np.ones((2, 2), np.float32)})
    return Model(id=folder.name, name=folder.name, location=str(folder))


def lora(hidden: int = 8, inner: int = 12, fill: float = 0.5) -> dict[str, "np.ndarray[Any, Any]"]:
    sizes = {"self_attn.q_proj": (hidden, hidden), "mlp.down_proj": (inner, hidden)}
    return {
        f"base_model.model.model.layers.{n}.{name}.lora_{side}.weight": np.full(shape, fill, np.float32)
        for n in range(2)
        for name, (inputs, outputs) in sizes.items()
        for side, shape in (("A", (4, inputs)), ("B", (outputs, 4)))
    }


def adapter(folder: Path, tensors: dict[str, "np.ndarray[Any, Any]"], **config: Any) -> Path:
    folder.mkdir()
    known = {"peft_type": "LORA", "base_model_name_or_path": "tiny", "target_modules": ["q_proj", "down_proj"]}
    (folder / "adapter_config.json").write_text(json.dumps({**known, **config}))
    safetensors(folder / "adapter_model.safetensors", tensors)
    return folder


def refusal(act: Callable[[], object]) -> str:
    with pytest.raises(ModelError) as caught:
        act()
    for language in LANGUAGES:
        assert caught.value.say(language)
    return str(caught.value)


def test_a_sound_adapter_passes(tmp_path: Path, model: Model) -> None:
    adapters.check(adapter(tmp_path / "a", lora()), model)


def test_an_adapter_with_invalid_numbers_is_refused(tmp_path: Path, model: Model) -> None:
    broken = adapter(tmp_path / "a", lora(fill=float("nan")))
    assert refusal(lambda: adapters.check(broken, model)) == (
        "The adapter contains invalid numbers (NaN) in 8 of 8 tensors. It was probably damaged by a diverged training."
    )


@pytest.mark.parametrize("dtype", ["F16", "F32", "F64", "BF16"])
@pytest.mark.parametrize("odd", [float("nan"), float("inf"), -float("inf")])
def test_one_number_that_is_not_finite_is_found_in_every_format(tmp_path: Path, dtype: str, odd: float) -> None:
    kind = {"F16": np.float16, "F32": np.float32, "F64": np.float64, "BF16": np.float32}[dtype]
    numbers = np.array([0, 1, -3e4, 1e-3, 65000, odd], kind)
    stored = (numbers.view(np.uint32) >> 16).astype(np.uint16) if dtype == "BF16" else numbers
    path = tmp_path / "a.safetensors"
    safetensors(path, {"bad": stored, "good": stored[:5], "none": stored[:0]}, dtype)
    found = weights.header(path)
    assert [adapters.finite(path, found[name]) for name in ("bad", "good", "none")] == [False, True, True]


def test_an_adapter_for_another_model_is_refused_by_its_sizes(tmp_path: Path, model: Model) -> None:
    other = adapter(tmp_path / "a", lora(hidden=16), base_model_name_or_path="meta/other")
    assert refusal(lambda: adapters.check(other, model)) == (
        'This adapter was made for "meta/other". The loaded model is "tiny".'
    )


def test_an_adapter_with_more_layers_is_refused(tmp_path: Path, model: Model) -> None:
    deep = {name.replace("layers.1", "layers.7"): tensor for name, tensor in lora().items()}
    assert "The loaded model is" in refusal(lambda: adapters.check(adapter(tmp_path / "a", deep), model))


def test_an_adapter_for_other_weights_of_the_same_size_is_refused_by_its_record(tmp_path: Path, model: Model) -> None:
    mine = adapter(tmp_path / "a", lora())
    record = {"base": {"name": "twin", "sha256": weights.fingerprint(model.folder)}}
    (mine / "studio.json").write_text(json.dumps(record))
    adapters.check(mine, model)
    safetensors(model.folder / "model.safetensors", {"w": np.zeros((2, 2), np.float32)})
    assert refusal(lambda: adapters.check(mine, model)) == (
        'This adapter was made for "twin". The loaded model is "tiny".'
    )


def test_an_adapter_for_layers_that_do_not_exist_is_refused(tmp_path: Path, model: Model) -> None:
    nope = adapter(tmp_path / "a", lora(), target_modules=["q_proj", "nope"])
    assert refusal(lambda: adapters.check(nope, model)) == (
        'The layers "nope" do not exist in this model. '
        "Available: q_proj, k_proj, v_proj, o_proj, gate_proj, up_proj, down_proj."
    )


def test_a_pattern_of_layers_is_never_run(tmp_path: Path, model: Model) -> None:
    adapters.check(adapter(tmp_path / "a", lora(), target_modules="(a+)+$" * 50), model)


@pytest.mark.parametrize("kind", ["EVIL", "IA3", "", None])
def test_an_unknown_kind_of_adapter_is_refused(tmp_path: Path, model: Model, kind: str | None) -> None:
    odd = adapter(tmp_path / "a", lora(), peft_type=kind)
    assert refusal(lambda: adapters.check(odd, model)) == f'Adapter type "{kind}" is not supported.'


def test_a_pickled_adapter_is_refused(tmp_path: Path, model: Model) -> None:
    folder = adapter(tmp_path / "a", lora())
    (folder / "adapter_model.safetensors").rename(folder / "adapter_model.bin")
    assert refusal(lambda: adapters.check(folder, model)) == (
        "This model has no safetensors file. For safety only safetensors are loaded."
    )


def test_a_folder_without_an_adapter_says_what_is_missing(tmp_path: Path, model: Model) -> None:
    assert refusal(lambda: adapters.check(tmp_path, model)) == (
        "This folder holds no adapter: adapter_config.json is missing."
    )


def test_the_base_of_an_adapter_is_looked_for_here_only(tmp_path: Path, workspace: Workspace) -> None:
    far = adapter(tmp_path / "a", lora(), base_model_name_or_path="evil/repo")
    assert refusal(lambda: adapters.base_of(HOME, workspace, far)) == (
        'The base model "evil/repo" is not installed here.'
    )
    base(tmp_path / "mine")
    mine = catalogue.bring(HOME, workspace, str(tmp_path / "mine"))
    near = adapter(tmp_path / "b", lora(), base_model_name_or_path=mine.location)
    assert adapters.base_of(HOME, workspace, near) == mine
    assert "not installed" in refusal(lambda: adapters.base_of(Person("other"), workspace, near))


FILES = [
    (b"<!DOCTYPE html><html>", "The file is a web page, not a model. The download probably needed a login."),
    (b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 9\n",
     "The file is only a Git LFS pointer (126 bytes). Download the real file."),
    (struct.pack("<Q", 2**60) + b"{}", "The model file is damaged. Download it again (model.safetensors)."),
    (b"", "The model file is damaged. Download it again (model.safetensors)."),
    (struct.pack("<Q", 2) + b"[]", "The model file is damaged. Download it again (model.safetensors)."),
    (struct.pack("<Q", 4) + b"oops", "The model file is damaged. Download it again (model.safetensors)."),
]  # fmt: skip


@pytest.mark.parametrize(("content", "sentence"), FILES, ids=[f"{n}-{s[:30]}" for n, (_, s) in enumerate(FILES)])
def test_a_file_that_is_no_safetensors_says_what_it_is(tmp_path: Path, content: bytes, sentence: str) -> None:
    (tmp_path / "model.safetensors").write_bytes(content)
    assert refusal(lambda: weights.require(tmp_path)) == sentence


def test_a_file_that_was_cut_off_is_damaged(model: Model) -> None:
    path = model.folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-1])
    assert "damaged" in refusal(lambda: weights.require(model.folder))


def test_the_header_of_a_real_file_is_read() -> None:
    from safetensors import safe_open

    path = SHIPPED_MODELS / "starter" / "model.safetensors"
    with safe_open(path, "np") as file:
        real = {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118 - no mapping
    assert {name: tensor.shape for name, tensor in weights.header(path).items()} == real


def test_only_pickled_weights_are_no_model(workspace: Workspace, tmp_path: Path) -> None:
    made = base(tmp_path / "mine")
    (made.folder / "model.safetensors").rename(made.folder / "pytorch_model.bin")
    assert refusal(lambda: catalogue.bring(HOME, workspace, str(made.folder))) == (
        "This model has no safetensors file. For safety only safetensors are loaded."
    )


def test_a_folder_named_on_the_command_line_becomes_a_model_of_that_person(
    workspace: Workspace, tmp_path: Path
) -> None:
    base(tmp_path / "mine")
    mine = catalogue.bring(HOME, workspace, str(tmp_path / "mine"))
    assert catalogue.bring(HOME, workspace, str(tmp_path / "mine")) == mine
    assert catalogue.find(HOME, workspace, mine.id) == catalogue.find(HOME, workspace, "Mine") == mine
    assert catalogue.available(HOME, workspace)[-1] == mine
    with pytest.raises(AccessError, match="There is no model"):
        catalogue.find(Person("other"), workspace, mine.id)


def test_a_path_is_no_model_for_the_page(workspace: Workspace, tmp_path: Path) -> None:
    base(tmp_path / "mine")
    with pytest.raises(AccessError):
        catalogue.find(HOME, workspace, str(tmp_path / "mine"))


def test_a_model_of_the_hub_is_used_when_it_is_on_this_machine(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    assert refusal(lambda: catalogue.bring(HOME, workspace, "org/tiny")) == (
        'The model "org/tiny" is not on this machine. Download it first: hf download org/tiny'
    )
    cache = tmp_path / "hub" / "models--org--tiny"
    (cache / "refs").mkdir(parents=True)
    (cache / "refs" / "main").write_text("abc")
    (cache / "snapshots").mkdir()
    base(cache / "snapshots" / "abc")
    found = catalogue.bring(HOME, workspace, "org/tiny")
    assert (found.name, found.source, found.folder.name) == ("tiny", "org/tiny", "abc")
    assert catalogue.bring(HOME, workspace, "org/tiny") == found


def test_the_shipped_starter_is_in_the_catalogue(workspace: Workspace) -> None:
    starter = catalogue.find(HOME, workspace, "starter")
    assert starter.shipped
    assert set(starter.titles) == set(starter.about) == set(LANGUAGES)
    assert catalogue.bring(HOME, workspace, starter.location) == starter
    assert catalogue.find(Person("other"), workspace, starter.title("it")) == starter


def test_control_words_are_read_from_the_tokenizer(tmp_path: Path) -> None:
    assert "<|im_end|>" in control_words(SHIPPED_MODELS / "starter")
    tokens = [{"content": "</s>", "special": True}, {"content": "the", "special": True}, {"content": "<x>"}]
    (tmp_path / "tokenizer.json").write_text(json.dumps({"added_tokens": tokens}))
    assert control_words(tmp_path) == ["</s>"]


FORBIDDEN = [
    "{{ ''.__class__ }}",
    "{{ ''.__class__.__mro__ }}",
    "{{ ''|attr('__class__') }}",
    "{{ ''['__cl' ~ 'ass__'].mro() }}",
]


@pytest.mark.parametrize("template", FORBIDDEN)
def test_a_template_that_reaches_for_the_machine_is_refused(template: str) -> None:
    assert refusal(lambda: templates.check(template)) == "The chat template was refused (forbidden attribute)."


def test_a_template_that_does_not_end_is_stopped() -> None:
    loop = "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}"
    assert refusal(lambda: templates.check(loop)) == "The chat template took longer than 1 s and was stopped."


@pytest.mark.parametrize(
    "template",
    [
        "{{ 'a' * 800000000 }}",
        "{% set n = namespace(a=[1]) %}{% for i in range(60) %}{% set n.a = n.a + n.a %}{% endfor %}",
    ],
)
def test_a_template_that_fills_the_memory_is_stopped(template: str) -> None:
    assert refusal(lambda: templates.check(template)) == (
        "The chat template took more than 200 MB of memory and was stopped."
    )


def test_a_template_that_does_not_work_says_why() -> None:
    assert refusal(lambda: templates.check("{{ raise_exception('no user') }}")) == (
        "The chat template cannot be used: no user"
    )
    assert "Expected an expression" in refusal(lambda: templates.check("{% if %}"))


def test_an_ordinary_template_passes() -> None:
    written = templates.of(SHIPPED_MODELS / "starter")
    assert written
    templates.check(written)
    templates.check(written + "{{ messages | tojson }}{{ strftime_now('%Y') }}")


def test_the_template_of_a_folder_is_found_in_either_file(tmp_path: Path) -> None:
    assert templates.of(tmp_path) is None
    named = [{"name": "tool_use", "template": "b"}, {"name": "default", "template": "a"}]
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"chat_template": named}))
    assert templates.of(tmp_path) == "a"
    (tmp_path / "chat_template.jinja").write_text("c")
    assert templates.of(tmp_path) == "c"
