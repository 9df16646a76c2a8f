"""Rows as tokens: how many, how many of them are learned, and each one with what it is."""

from typing import Any

from backend.training.shown.rows import Shown
from studio.text import Words


def row(found: Shown, words: Words) -> dict[str, Any]:
    """`pieces` are [text, number, how]: how is "learned", "read" or "cut"."""
    learned = sum(piece.learned for piece in found.pieces)
    counts = [
        words.t("data.row", row=words.number(found.row)),
        words.t(f"data.tokens.{found.side}") if found.side else "",
        words.count("data.tokens.count", len(found.pieces)),
        words.t("data.tokens.learned", count=words.number(learned)),
        words.t("data.tokens.cut", count=words.number(found.cut)) if found.cut else "",
    ]
    pieces = [
        [piece.text, piece.token, "cut" if not piece.kept else "learned" if piece.learned else "read"]
        for piece in found.pieces
    ]
    return {"said": " · ".join(filter(None, counts)), "pieces": pieces}
