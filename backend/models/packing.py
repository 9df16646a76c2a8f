"""What a run made, as a zip archive that is written while it is sent: it is never whole in memory or on the disk."""

import json
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from backend.data.datasets import Dataset
from backend.data.versions import card
from backend.errors import ModelError
from backend.jobs.folder import RunFolder
from backend.jobs.model import Job
from backend.messages import sentence
from backend.models.adapters import CONFIG, RECORD
from backend.models.catalogue import HUB_ID
from backend.models.catalogue import RECORD as OWN_RECORD
from backend.models.vocabulary import has_words

Made = Literal["adapter", "model"]

PIECE = 2**20
README = "README.md"
LOAD_ADAPTER = """from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer

base = {base}
tokenizer = AutoTokenizer.from_pretrained(base)
model = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(base), ".")
"""
LOAD_TOKENS = """from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer

tokenizer = AutoTokenizer.from_pretrained(".")
model = AutoModelForCausalLM.from_pretrained({base})
model.resize_token_embeddings(max(len(tokenizer), model.config.vocab_size), mean_resizing=False)
model = PeftModel.from_pretrained(model, ".")
"""
LOAD_MODEL = """from transformers import AutoModelForCausalLM, AutoTokenizer

tokenizer = AutoTokenizer.from_pretrained(".")
model = AutoModelForCausalLM.from_pretrained(".")
"""
LOAD_SEEING = """from transformers import AutoModelForImageTextToText, AutoProcessor

processor = AutoProcessor.from_pretrained(".")
model = AutoModelForImageTextToText.from_pretrained(".")
"""
LOAD_SEEING_ADAPTER = """from peft import PeftModel
from transformers import AutoModelForImageTextToText, AutoProcessor

base = {base}
processor = AutoProcessor.from_pretrained(base)
model = PeftModel.from_pretrained(AutoModelForImageTextToText.from_pretrained(base), ".")
"""
# An adapter with words of its own: the same, and its chat template.
OWN_TEMPLATE = """
with open("chat_template.jinja", encoding="utf-8") as file:
    processor.chat_template = file.read()
"""
ASK_SEEING = """from PIL import Image

said = [{"type": "image"}, {"type": "text", "text": "..."}]
text = processor.apply_chat_template([{"role": "user", "content": said}], add_generation_prompt=True)
picture = Image.open("picture.jpg").convert("RGB")
inputs = processor(text=[text], images=[picture], add_special_tokens=False, return_tensors="pt")
inputs.pop("token_type_ids", None)
answer = model.generate(**inputs, max_new_tokens=64, do_sample=False)
print(processor.tokenizer.decode(answer[0, inputs["input_ids"].shape[1]:], skip_special_tokens=True))
"""
ASK = """messages = [{"role": "user", "content": "..."}]
tokens = tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_dict=True, return_tensors="pt")
answer = model.generate(**tokens, max_new_tokens=64, do_sample=False)
print(tokenizer.decode(answer[0, tokens["input_ids"].shape[1]:], skip_special_tokens=True))
"""


@dataclass
class Outlet:
    """A file that zipfile can only write to, and whose bytes are taken away as they come."""

    pieces: list[bytes] = field(default_factory=list)

    def write(self, piece: bytes, /) -> int:
        self.pieces.append(bytes(piece))
        return len(piece)

    def flush(self) -> None:
        """zipfile asks for it, as for `close`."""

    def close(self) -> None:
        """Nothing is open."""

    def drain(self) -> bytes:
        whole = b"".join(self.pieces)
        self.pieces.clear()
        return whole


def made_by(folder: RunFolder) -> Path:
    """The folder of what a run made; ModelError when it has made nothing (yet)."""
    found = made_what(folder)
    if found is None:
        raise ModelError("models.nothing_made")
    return folder.adapter if found == "adapter" else folder.model


def made_what(folder: RunFolder) -> Made | None:
    """Whether a run made an adapter or, where all weights were trained, a whole model; None for nothing (yet)."""
    return "adapter" if folder.adapter.is_dir() else "model" if folder.model.is_dir() else None


def packed(job: Job, folder: RunFolder, language: str) -> Iterator[bytes]:
    """The bytes of the archive: one folder with the files, and a README that says how to load them without the studio.

    The places where things lay on this computer are left out. Not compressed: weights do not get smaller.
    """
    made, outlet, top = made_by(folder), Outlet(), file_name(job)
    with zipfile.ZipFile(outlet, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr(f"{top}/{README}", readme(job, folder, language))
        data = data_card(folder)
        if data:
            archive.writestr(f"{top}/{card.FILE}", data)
        for path in sorted(path for path in made.iterdir() if path.is_file()):
            if path.name in (CONFIG, RECORD):
                archive.writestr(f"{top}/{path.name}", json.dumps(portable(path, base(folder)), indent=1))
                continue
            yield from _sent(path, top, archive, outlet)
    yield outlet.drain()


def zipped(folder: Path, top: str) -> Iterator[bytes]:
    """The bytes of an archive with the files of a folder as they are, without what the catalogue keeps beside them."""
    outlet = Outlet()
    with zipfile.ZipFile(outlet, "w", zipfile.ZIP_STORED) as archive:
        for path in sorted(path for path in folder.iterdir() if path.is_file() and path.name != OWN_RECORD):
            yield from _sent(path, top, archive, outlet)
    yield outlet.drain()


def _sent(path: Path, top: str, archive: zipfile.ZipFile, outlet: Outlet) -> Iterator[bytes]:
    entry = zipfile.ZipInfo.from_file(path, f"{top}/{path.name}")
    with path.open("rb") as source, archive.open(entry, "w", force_zip64=True) as target:
        while piece := source.read(PIECE):
            target.write(piece)
            yield outlet.drain()


def file_name(job: Job) -> str:
    """The run's name as the name of a file: names hold nothing that a file system refuses."""
    return "-".join(job.name.split())


def data_card(folder: RunFolder) -> str:
    """Of the data that a run learned from; "" for one that was brought from elsewhere."""
    known = folder.read(folder.request).get("data")
    return card.written(Dataset(**known)) if known else ""


def base(folder: RunFolder) -> dict[str, Any]:
    """{id, name, source} of the model it belongs to, as the request or the record beside the weights says."""
    known: dict[str, Any] | None = folder.read(folder.request).get("model")
    return known or folder.read(folder.adapter / RECORD).get("base") or {}


def portable(path: Path, model: dict[str, Any]) -> dict[str, Any]:
    """adapter_config.json or studio.json without this computer's folders."""
    values: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    if path.name == CONFIG:
        return values | {"base_model_name_or_path": public_name(model)}
    values.get("base", {}).pop("location", None)
    return values


def readme(job: Job, folder: RunFolder, language: str) -> str:
    request, whole = folder.read(folder.request), made_what(folder) == "model"
    recipe = request.get("recipe", {}).get("title", {})
    said = [f"# {job.name}", sentence("models.readme_what_model" if whole else "models.readme_what", language)]
    said.append(sentence("models.readme_base", language, name=base(folder).get("name", "?")))
    if recipe:
        said.append(sentence("models.readme_recipe", language, name=recipe.get(language) or recipe.get("en") or "?"))
    if not whole and Path(str(base(folder).get("location", ""))).is_relative_to(folder.path):
        said.append(sentence("chains.readme_merged", language, name=base(folder).get("name", "?")))
    said.append(sentence("models.readme_load_model" if whole else "models.readme_load", language))
    named = None if whole else public_name(base(folder))
    seeing = (request.get("recipe") or {}).get("objective") == "vision"
    tokens = not whole and has_words(folder.adapter)
    said.append(f"```python\n{program(named, tokens=tokens, sees=seeing)}```")
    return "\n\n".join(said) + "\n"


def program(base: str | None, *, tokens: bool = False, sees: bool = False) -> str:
    """What loads a model, or the adapter of a `base`, and prints one answer. `tokens`: the adapter brings a tokenizer;
    `sees`: it is asked about a picture.
    """
    if not sees:
        load = LOAD_MODEL if base is None else load_adapter(base, tokens=tokens)
        return f"{load}\n{ASK}"
    load = LOAD_SEEING if base is None else LOAD_SEEING_ADAPTER.format(base=json.dumps(base))
    return f"{load}{OWN_TEMPLATE if tokens else ''}\n{ASK_SEEING}"


def load_adapter(base: str, *, tokens: bool) -> str:
    """A program that puts an adapter on its base; `tokens`: it brings a tokenizer of its own."""
    return (LOAD_TOKENS if tokens else LOAD_ADAPTER).format(base=json.dumps(base))


def public_name(model: dict[str, Any]) -> str:
    """How the base model is called elsewhere: its Hub id, else the name it has here."""
    source = str(model.get("source", ""))
    return source if HUB_ID.match(source) else str(model.get("id") if model.get("shipped") else model.get("name", ""))
