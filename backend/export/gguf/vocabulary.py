"""A tokenizer.json as llama.cpp wants it: tokens with their kinds, merges or scores, special tokens, chat template.

llama.cpp splits text by rules that it knows by name; a tokenizer whose rules have no name there is refused, because
it would read other tokens than the model learned, and say nothing.
"""

import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gguf import GGUFWriter, TokenType
from tokenizers import Tokenizer

from backend.errors import ModelError
from backend.models import templates

CONTRACTIONS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)"
REST = r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
UPPER, LOWER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
START = r"[^\r\n\p{L}\p{N}]?"
# How a text is cut before merging, and what llama.cpp calls it (`llama-vocab.cpp`).
RULES = {
    CONTRACTIONS + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}" + REST: "llama-bpe",
    CONTRACTIONS + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}" + REST: "qwen2",
    f"{START}{UPPER}*{LOWER}+|{START}{UPPER}+{LOWER}*"
    r"|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+": "tekken",
}
BYTE = re.compile(r"^<0x[0-9A-F]{2}>$")
MARK = re.compile(r"(\{%[-+]?)\s*(end)?generation\s*([-+]?%\})")
NAMES = ("bos", "eos", "unk", "pad")
KEYS = {"unk": "unknown", "pad": "padding"}


@dataclass(frozen=True)
class Vocabulary:
    """`kind`: "gpt2" (bytes) or "llama" (sentence pieces). `ids` are those of bos, eos, eot, unk and pad if any."""

    kind: str
    rule: str
    tokens: list[str]
    types: list[TokenType]
    merges: list[str] = field(default_factory=list)
    scores: list[float] = field(default_factory=list)
    ids: dict[str, int] = field(default_factory=dict)
    add_bos: bool = False
    add_space: bool = False
    template: str | None = None


def read(model: Path, size: int) -> Vocabulary:
    """The vocabulary of the model in this folder, filled up to `size` tokens; ModelError when it has no name there."""
    whole = _json(model / "tokenizer.json")
    inner = whole.get("model") or {}
    if inner.get("type") != "BPE":
        raise ModelError("export.gguf_tokenizer", what=str(inner.get("type") or "?"))
    pieces = bool(inner.get("byte_fallback"))
    rule = "default" if pieces else _rule(whole.get("pre_tokenizer") or {})
    tokens, types = _tokens(whole, size, pieces=pieces)
    ids = _ids(model, {token: number for number, token in enumerate(tokens)})
    merges = [one if isinstance(one, str) else " ".join(one) for one in inner.get("merges", [])]
    first = Tokenizer.from_file(str(model / "tokenizer.json")).encode("a").ids[:1]
    return Vocabulary(
        kind="llama" if pieces else "gpt2",
        rule=rule,
        tokens=tokens,
        types=types,
        merges=[] if pieces else merges,
        scores=_scores(tokens, inner.get("merges", [])) if pieces else [],
        ids=ids,
        add_bos="bos" in ids and first == [ids["bos"]],
        add_space=_adds_space(whole),
        template=plain_template(model),
    )


def add(writer: GGUFWriter, found: Vocabulary) -> None:
    writer.add_tokenizer_model(found.kind)
    writer.add_tokenizer_pre(found.rule)
    writer.add_token_list(found.tokens)
    writer.add_token_types(found.types)
    if found.kind == "llama":
        writer.add_token_scores(found.scores)
        writer.add_add_space_prefix(found.add_space)
    else:
        writer.add_token_merges(found.merges)
    for name, number in found.ids.items():
        writer.add_uint32(f"tokenizer.ggml.{KEYS.get(name, name)}_token_id", number)
    writer.add_add_bos_token(found.add_bos)
    writer.add_add_eos_token(value=False)
    if found.template:
        writer.add_chat_template(found.template)


def plain_template(model: Path) -> str | None:
    """The chat template without the marks that only transformers knows; they print nothing."""
    template = templates.of(model)
    return template and MARK.sub(lambda m: f"{m[1]} {'endif' if m[2] else 'if true'} {m[3]}", template)


def _rule(pre: dict[str, Any]) -> str:
    """llama.cpp's name for the way a byte-level tokenizer cuts a text."""
    parts = pre.get("pretokenizers", [pre])
    last = parts[-1] if parts else {}
    if last.get("type") != "ByteLevel" or last.get("add_prefix_space"):
        raise ModelError("export.gguf_tokenizer", what=str(pre.get("type") or "?"))
    before = parts[:-1]
    if not before and last.get("use_regex", True):
        return "gpt-2"
    if len(before) == 1 and before[0].get("type") == "Digits" and before[0].get("individual_digits"):
        return "smollm"
    patterns = [part.get("pattern", {}).get("Regex", "") for part in before if part.get("type") == "Split"]
    if len(before) == 1 and patterns and patterns[0] in RULES and not last.get("use_regex", True):
        return RULES[patterns[0]]
    raise ModelError("export.gguf_tokenizer", what=(patterns or [str(pre.get("type"))])[0][:80])


def _tokens(whole: dict[str, Any], size: int, *, pieces: bool) -> tuple[list[str], list[TokenType]]:
    added = {int(token["id"]): token for token in whole.get("added_tokens", [])}
    named = {number: token for token, number in whole["model"]["vocab"].items()}
    named |= {number: token["content"] for number, token in added.items()}
    if named and max(named) >= size:
        raise ModelError("export.gguf_more_tokens", tokens=max(named) + 1, size=size)
    unknown = whole["model"].get("unk_token")

    def kind(number: int) -> TokenType:
        if number not in named:
            return TokenType.UNUSED
        if pieces and named[number] == unknown:
            return TokenType.UNKNOWN
        if number in added:
            return TokenType.CONTROL if added[number].get("special") else TokenType.USER_DEFINED
        return TokenType.BYTE if pieces and BYTE.match(named[number]) else TokenType.NORMAL

    return [named.get(number, f"[PAD{number}]") for number in range(size)], [kind(number) for number in range(size)]


def _scores(tokens: list[str], merges: list[Any]) -> list[float]:
    """sentencepiece joins the pair with the best score first, tokenizers the one that is listed first."""
    rank: dict[str, int] = {}
    for number, pair in enumerate(merges):
        rank.setdefault("".join(pair.split(" ") if isinstance(pair, str) else pair), number)
    last = len(merges) + 1
    return [-float(rank.get(token, last)) for token in tokens]


def _ids(model: Path, numbers: dict[str, int]) -> dict[str, int]:
    settings = _json(model / "tokenizer_config.json")
    found: dict[str, int] = {}
    for name in NAMES:
        token = settings.get(f"{name}_token")
        text = token.get("content") if isinstance(token, dict) else token
        if text in numbers:
            found[name] = numbers[str(text)]
    ends = _json(model / "generation_config.json").get("eos_token_id")
    others = [
        end for end in (ends if isinstance(ends, list) else [ends]) if end is not None and end != found.get("eos")
    ]
    if others and "eos" not in found:
        found["eos"] = int(others.pop(0))
    return found | ({"eot": int(others[0])} if others else {})


def _adds_space(whole: dict[str, Any]) -> bool:
    """Whether a text is read as if a space stood before it."""
    normalizer, pre = whole.get("normalizer") or {}, whole.get("pre_tokenizer") or {}
    steps = normalizer.get("normalizers", [normalizer])
    scheme = pre.get("prepend_scheme", "always" if pre.get("add_prefix_space") else "never")
    return any(step.get("type") == "Prepend" for step in steps) or scheme != "never"


def _json(path: Path) -> dict[str, Any]:
    if not path.is_file():
        if path.name == "tokenizer.json":
            raise ModelError("export.gguf_tokenizer", what="tokenizer.json")
        return {}
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found
