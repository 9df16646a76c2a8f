"""What nobody may call a run, a data set or a recipe, and what each of them is."""

NO_NAMES = {
    "empty": "", "spaces": "   ", "up": "../../etc", "slash": "a/b", "backslash": "a\\b", "drive": "C:\\x",
    "host": "\\\\host\\x", "dot": ".", "dots": "..", "hidden": ".hidden", "trailing dot": "name.", "CON": "CON",
    "nul.txt": "nul.txt", "LPT1": "LPT1", "long": "x" * 300, "emoji": "\U0001f600" * 70, "NUL": "a\0b",
    "newline": "a\nb", "escape": "a\x1b[31mb", "bidi": "a\u202eb", "zero width": "a\u200bb", "surrogate": "a\ud800b",
    "taken": "RULAREA ȘAPTE", "NFD twin": "rularea s\u0326apte", "option": "-rf",
    "long option": "--help", "command": "; touch x",
    "substitution": "$(id)", "backticks": "`id`", "markup": "<img src=x onerror=window.PWN=1>",
    "format": "{0.__class__}", "percent": "%s%n", "2 MB": "a" * 2_000_000,
}  # fmt: skip
# Refused only where a "rularea șapte" is.
TAKEN = ("taken", "NFD twin")
NEVER_NAMES = {key: text for key, text in NO_NAMES.items() if key not in TAKEN}
