"""Texts that hold what they should not: the answer beside the question, or a whole conversation in one message."""

import re

from backend.data.doctor.finding import Example, example
from backend.data.doctor.rules.rule import Rule
from backend.data.doctor.seen import Seen

SAID = re.compile(
    r"(?:\b(?:răspuns(?:ul)?(?: corect)?|raspuns(?:ul)?(?: corect)?|varianta corectă|risposta(?: (?:corretta|esatta))?"
    r"|correct answer|answer|label|eticheta|etichetă|etichetta|clasa|classe|class|categoria|categorie|category"
    r"|sentiment|sentimento)\b)\s*[:=]\s*[\"'„“«(\[]?\s*(\w[\w .-]*)",
    re.IGNORECASE,
)
SPEAKERS = re.compile(
    r"^[ \t]*(?:#{2,4} ?|\*\*|<\|?)?"
    r"(?:user|human|utilizator|utente|assistant|asistent|assistente|gpt|instruction|response)"
    r"(?:\*\*|\|?>)?[ \t]*:",
    re.IGNORECASE | re.MULTILINE,
)


class Leaks(Rule):
    """The label, or the number or letter of the right option, written into what is asked."""

    code, fix = "leak", "drop_leaks"

    def look(self, seen: Seen) -> Example | None:
        row = seen.row
        if seen.shape == "label":
            text, right = row["text"], {part.strip().casefold() for part in row["label"].split(",")}
        elif seen.shape == "exam":
            text = row["question"]
            right = {str(place) for place in row["answers"]} | {
                "abcdefghij"[place - 1 : place] for place in row["answers"]
            }
            right |= {row["options"][place - 1].casefold() for place in row["answers"]}
        else:
            return None
        for found in SAID.finditer(text):
            if right & {found[1].strip().casefold(), found[1].split()[0].rstrip(".-").casefold()}:
                return example(seen.place, text, found.start(), found.end())
        return None


class Unparted(Rule):
    """Both speakers at the beginnings of lines in one message: a conversation that was not taken apart."""

    code = "turns_in_text"

    def look(self, seen: Seen) -> Example | None:
        if seen.shape not in ("chat", "preference") or ":" not in seen.whole:
            return None
        for text in seen.texts:
            found = list(SPEAKERS.finditer(text))
            if len({one[0].strip(" \t#*<|>:").casefold() for one in found}) > 1:
                return example(seen.place, text, found[1].start(), found[1].end())
        return None
