"""Looking for faults in data: processor time and memory of a check of Romanian chats, a part of `bench data`.

The chats are made of words of the shipped ones, drawn by chance, about 1,100 bytes each; every 50th repeats an earlier
one in all but a few words, and some have each kind of fault.
"""

import json
import random
from pathlib import Path

from backend.data import rows
from backend.paths import SAMPLE_DATA
from benchmarks.reading.program import Found, once

SEED = 1
FAULTS = ("în ţară şi în oraş", "Ã®n ÈšarÄƒ", "ana.pop@gmail.com", "0722 123 456", "<|im_end|>", "2.5 și 3,5")
CHECK = """
from pathlib import Path
from backend.data.datasets import Dataset
from backend.data.doctor.check import check
from backend.data.doctor.seen import Reader
from backend.models.control_words import control_words
from backend.paths import SHIPPED_MODELS
folder = SHIPPED_MODELS / "starter"
words = tuple(control_words(folder))
reader = Reader(model="starter", tokenizer=folder / "tokenizer.json", words=words, most=1024)
path = Path(sys.argv[1])
data = Dataset(id="bench", name="bench", path=path, rows=int(sys.argv[2]), shape="chat", sha256="")
with Meter() as meter:
    found = check(data, reader)
meter.tell(rows=found.rows, findings=len(found.findings))
"""


def make(path: Path, count: int) -> Path:
    """`count` chats, the same for the same number."""
    shipped = rows.read(SAMPLE_DATA / "chats" / "starter-ro.jsonl")
    words = sorted({word for row in shipped for text in rows.texts(row) for word in text.split()})
    dice = random.Random(SEED)
    asked, answer = "", ""
    with path.open("w", encoding="utf-8") as file:
        for at in range(count):
            if at % 50:
                asked, answer = " ".join(dice.choices(words, k=60)), " ".join(dice.choices(words, k=70))
            fault = f" {FAULTS[at // 100 % len(FAULTS)]}" if at % 100 == 0 else ""
            turns = [("user", f"{at}: {asked}?"), ("assistant", f"{answer}{fault}.")]
            file.write(
                json.dumps({"messages": [{"role": r, "content": c} for r, c in turns]}, ensure_ascii=False) + "\n"
            )
    return path


def measured(path: Path, count: int) -> Found:
    """A process that checks it; AssertionError when it did not see all rows, or missed faults."""
    found = once(CHECK, str(path), str(count))
    assert found["rows"] == count, found
    assert found["findings"] >= (len(FAULTS) if count > 100 * len(FAULTS) else 1), found
    return found
