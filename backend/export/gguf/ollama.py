"""The Modelfile beside a GGUF file, from the tokenizer of the model it was made of. Heavy."""

from pathlib import Path

from backend.export.gguf import modelfile
from backend.inference.decoding.voice import Voice

NAME = "Modelfile"
PLAIN = 'FROM ./{gguf}\nTEMPLATE """{{{{ .Prompt }}}}"""\n'


def write(model: Path, into: Path, gguf: str) -> None:
    """ModelError when the chat template cannot be said in Ollama's language."""
    voice = Voice(str(model))
    tokenizer = voice.tokenizer
    if not tokenizer.chat_template:
        (into / NAME).write_text(PLAIN.format(gguf=gguf), encoding="utf-8")
        return

    def render(messages: modelfile.Messages) -> str:
        return str(tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True))

    first = tokenizer("a")["input_ids"][:1]
    bos = str(tokenizer.bos_token) if tokenizer.bos_token_id is not None and first == [tokenizer.bos_token_id] else ""
    stops = [str(tokenizer.convert_ids_to_tokens(end)) for end in sorted(voice.ends)]
    (into / NAME).write_text(modelfile.modelfile(gguf, modelfile.markers(render, bos), stops), encoding="utf-8")
