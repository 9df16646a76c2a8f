"""Chats made tokens and what is learned of them, by us out of the file and by TRL's own mapping of a loaded data set.

The starter's tokenizer, whose template marks the answers; at most 1,024 tokens, only answers are learned. Ours has the
environment of a job. Both must have made the same: every token, and of each whether it is learned.
"""

import os
import tempfile
from pathlib import Path

from backend.jobs.supervisor.start import environment
from benchmarks.reading.program import Found, once

SAME = """
import hashlib
import numpy as np
def same(rows):
    found = hashlib.sha256()
    for tokens, learned in rows:
        found.update(np.asarray(tokens, dtype=np.int32).tobytes() + np.asarray(learned, dtype=bool).tobytes() + b".")
    return found.hexdigest()
"""
OURS = (
    SAME
    + """
from pathlib import Path
from backend.data import rows
from backend.paths import SHIPPED_MODELS
from backend.training.network.load import load_tokenizer
from backend.training.text.chat import ChatFormat
from backend.training.text.documents import chats
chat = ChatFormat.of(load_tokenizer(str(SHIPPED_MODELS / "starter")), "starter")
with Meter() as meter:
    found = list(chats(rows.read(Path(sys.argv[1])), chat, 1024))
meter.tell(rows=len(found), same=same((one.tokens, one.learned) for one in found))
"""
)
THEIRS = (
    SAME
    + """
os.environ["HF_HUB_OFFLINE"] = "1"
import datasets
from transformers import AutoModelForCausalLM
from trl import SFTConfig, SFTTrainer
from backend.paths import SHIPPED_MODELS
from backend.training.network.load import load_tokenizer
datasets.disable_progress_bars()
meter, own = Meter(), SFTTrainer._prepare_dataset
def prepare(self, *given):
    with meter:
        return own(self, *given)
SFTTrainer._prepare_dataset = prepare
file, folder = sys.argv[1:]
place = str(SHIPPED_MODELS / "starter")
chosen = dict(output_dir=folder + "/run", bf16=False, use_cpu=True, report_to=[])
trainer = SFTTrainer(
    model=AutoModelForCausalLM.from_pretrained(place),
    args=SFTConfig(assistant_only_loss=True, max_length=1024, packing=False, **chosen),
    train_dataset=datasets.load_dataset("json", data_files=file, cache_dir=folder, split="train"),
    processing_class=load_tokenizer(place),
)
found = trainer.train_dataset
pairs = ((row["input_ids"], np.asarray(row["labels"]) != -100) for row in found)
meter.tell(rows=len(found), same=same(pairs))
"""
)


def turn(file: Path, rows: int) -> tuple[Found, Found]:
    """(ours, theirs); AssertionError when they did not make the same of all rows."""
    with tempfile.TemporaryDirectory(dir=file.parent) as folder:
        ours = once(OURS, str(file), environment=environment() | {"PYTHONPATH": os.environ.get("PYTHONPATH", "")})
        theirs = once(THEIRS, str(file), folder)
    assert ours["rows"] == theirs["rows"] == rows, (ours, theirs)
    assert ours["same"] == theirs["same"], (ours, theirs)
    return ours, theirs
