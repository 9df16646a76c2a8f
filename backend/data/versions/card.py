"""What is known of a data set, as a page: YAML that the Hub reads, then Markdown that people read. No row is in it."""

from collections.abc import Iterator
from typing import Any

import yaml

from backend.data import languages
from backend.data.datasets import Dataset, Step

FILE = "DATA.md"
NOT_STATED = "not stated"
SHIPPED_LICENCE = "apache-2.0"
# The sizes of the Hub's own filter.
SIZES = {10**3: "n<1K", 10**4: "1K<n<10K", 10**5: "10K<n<100K", 10**6: "100K<n<1M", 10**7: "1M<n<10M"}
HUB = "https://huggingface.co/datasets"
ASK_FIRST = (
    "Nobody has written down under which licence these rows are: ask where they are from before you pass them on."
)


def written(dataset: Dataset) -> str:
    """The card of this version. The language is that of its first rows, where they are still there."""
    head = yaml.safe_dump(metadata(dataset), sort_keys=False, allow_unicode=True)
    return f"---\n{head}---\n\n" + "\n\n".join(_sections(dataset)) + "\n"


def metadata(dataset: Dataset) -> dict[str, Any]:
    found = languages.of_rows(dataset.path) if dataset.path.is_file() else ""
    known = {
        "pretty_name": dataset.name,
        "license": licence(dataset),
        "language": [found] if found else None,
        "size_categories": [next((name for most, name in SIZES.items() if dataset.rows < most), "n>10M")],
    }
    return {name: value for name, value in known.items() if value}


def licence(dataset: Dataset) -> str:
    """As it was fetched or shipped; "" where nobody wrote it down."""
    return dataset.licence or (SHIPPED_LICENCE if dataset.shipped else "")


def _sections(dataset: Dataset) -> Iterator[str]:
    yield f"# {dataset.name}"
    facts = {
        "Rows": f"{dataset.rows}, of the shape {dataset.shape}" + _left_out(dataset),
        "From": _origin(dataset),
        "Licence": licence(dataset) or NOT_STATED,
        "Version": str(dataset.version),
        "SHA-256 of the rows": f"`{dataset.sha256}`",
    }
    yield "| | |\n|---|---|\n" + "\n".join(f"| {name} | {value} |" for name, value in facts.items())
    if dataset.steps:
        done = [f"{number}. {_step(step)}" for number, step in enumerate(dataset.steps, start=1)]
        yield "## What was done to it\n\n" + "\n".join(done)
    if not licence(dataset):
        yield ASK_FIRST


def _left_out(dataset: Dataset) -> str:
    return f"; {dataset.skipped} of the source could not be read" if dataset.skipped else ""


def _origin(dataset: Dataset) -> str:
    if dataset.hub_id:
        part = f" ({dataset.part})" if dataset.part else ""
        return f"[{dataset.hub_id}]({HUB}/{dataset.hub_id}) at {dataset.revision[:12] or 'main'}{part}"
    if dataset.shipped:
        return "Romanza Studio, with which it ships"
    return f"a file with the SHA-256 `{dataset.source_sha256}`" if dataset.source_sha256 else "this studio"


def _step(step: Step) -> str:
    """In one line; which job did it says nothing elsewhere."""
    known = {name: value for name, value in step.settings.items() if name != "job"}
    said = yaml.safe_dump(known, default_flow_style=True, sort_keys=False, allow_unicode=True, width=10_000).strip()
    return f"{step.name}: `{said}`" if known else step.name
