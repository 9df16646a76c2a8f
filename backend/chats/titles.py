"""What a conversation is called, and how its words are compared when somebody searches."""

import unicodedata

from backend import names
from backend.chats.model import Conversation
from backend.errors import ChatError

LONGEST = 100
SHOWN = 60


def of_question(question: str) -> str:
    """A title from the first question: its first line, without what cannot be seen, cut at a word."""
    line = next((line for line in question.strip().splitlines() if line.strip()), "")
    seen = " ".join("".join(" " if names.unseen(letter) else letter for letter in line).split())
    if len(seen) <= SHOWN:
        return seen or "…"
    cut = seen[:SHOWN].rpartition(" ")[0] or seen[:SHOWN]
    return cut.rstrip(" ,.;:") + "…"


def check(title: str) -> str:
    """The title without outer spaces; ChatError when it is empty or too long, JobError for invisible characters."""
    cleaned = unicodedata.normalize("NFC", title.strip())
    if not cleaned or len(cleaned) > LONGEST:
        raise ChatError("chat.title", most=LONGEST)
    names.refuse_unseen(cleaned)
    return cleaned


def folded(text: str) -> str:
    """Text without differences of case, accents and spacing: "stiinta" finds "Știința"."""
    plain = "".join(c for c in unicodedata.normalize("NFKD", text.casefold()) if not unicodedata.combining(c))
    return " ".join(plain.split())


def words_of(conversation: Conversation) -> str:
    """Everything in a conversation that a search may find."""
    said = [conversation.title]
    for turn in conversation.turns:
        said += [turn.question, *(answer.text for answer in turn.answers), *(answer.label for answer in turn.answers)]
    return folded("\n".join(said))
