"""The chains of the papers: every stage with its own template, two steps each on a tiny model of the same kind."""

import json

import pytest

from backend.chains import run as chains_run
from backend.chains import submit
from backend.chains.submit import Choice
from backend.data import datasets
from backend.jobs.context import JobContext
from backend.jobs.folder import RunFolder
from backend.jobs.model import ExitCode
from backend.models import catalogue
from backend.people import HOME
from backend.recipes import chains
from tests import families

CHANGES = {"schedule.max_steps": 2, "batch.size": 2, "batch.accumulation": 1, "batch.max_length": 1024,
           "watching.eval_share": 0.1}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "way"), [("llamantino", "merged"), ("llamantino", "stacked"), ("llamantino-full", "merged")]
)
def test_llamantino_goes_from_text_to_dialogues_to_instructions(name, way, workspace):
    model = catalogue.bring(HOME, workspace, str(families.make("llama-2", workspace.root / "base"))).id
    rows = {
        1: [{"text": f"Questa è la frase numero {at}."} for at in range(20)],
        2: families.chats(20),
        3: families.chats(20),
    }
    data = {}
    for number, some in rows.items():
        path = workspace.root / f"rows-{number}.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in some), encoding="utf-8")
        data[number] = datasets.add(HOME, workspace, path, f"rows {number}").id
    chosen = Choice(model=model, way=way, data=data, changes=dict.fromkeys(rows, CHANGES))
    planned = submit.plan(HOME, workspace, chains.find(name), chosen)
    folder = RunFolder(workspace.runs / "aa")
    folder.path.mkdir()
    folder.write(folder.request, planned.request.model_dump(mode="json"))
    assert chains_run.run(JobContext(folder, folder.read(folder.request))) == ExitCode.DONE
    result = folder.read(folder.result)
    assert [(one["recipe"], one["steps"]) for one in result["stages"]] == [
        ("llamantino-1", 2), ("llamantino-2", 2), (name.replace("llamantino", "llamantino-3"), 2),
    ]  # fmt: skip
    if name == "llamantino-full":  # every weight, of the model into which the two before were merged
        assert result["stages"][2]["start"] == "merged"
        assert (result["adapter"], result["quantised_layers"]) == (folder.model.name, 0)
        assert (folder.model / "model.safetensors").is_file()
    else:
        assert result["quantised_layers"] > 0
