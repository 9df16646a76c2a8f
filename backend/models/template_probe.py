"""Renders one chat template in a process of its own, which the system ends when it takes too long or too much.

Run as a file by `backend.models.templates` with `python -I`: reads {template, messages, seconds, megabytes} from
standard input, writes {"fault": ""} or {"fault": "forbidden" | "memory" | "broken", "reason": ...} to standard output.
The environment is the one of transformers (`utils/chat_template_utils.py`, version 5.23).
"""

import datetime
import json
import signal
import sys
from pathlib import Path
from typing import Any

import jinja2
from jinja2 import nodes
from jinja2.exceptions import SecurityError
from jinja2.ext import Extension, loopcontrols
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment

REASON = 200


class Generation(Extension):
    """`{% generation %} ... {% endgeneration %}` marks what the model is to learn; here it only passes through."""

    tags = {"generation"}  # noqa: RUF012 - as the base class declares it

    def parse(self, parser: Parser) -> nodes.Node | list[nodes.Node]:
        next(parser.stream)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


def environment() -> ImmutableSandboxedEnvironment:
    def raise_exception(message: str) -> None:
        raise jinja2.TemplateError(message)

    def tojson(value: Any, **options: Any) -> str:
        return json.dumps(value, ensure_ascii=False, **options)

    def strftime_now(form: str) -> str:
        return datetime.datetime.now().strftime(form)

    made = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[Generation, loopcontrols], autoescape=False
    )
    made.filters["tojson"] = tojson
    made.globals |= {"raise_exception": raise_exception, "strftime_now": strftime_now}
    return made


def limit(seconds: float, megabytes: int) -> None:
    """Processor time from now on, and memory beyond what is used now; where the system can (not on Windows)."""
    if sys.platform == "win32":
        return
    import resource  # noqa: PLC0415 - does not exist on Windows

    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    status = Path("/proc/self/statm")
    used = int(status.read_text().split()[0]) * resource.getpagesize() if status.exists() else 2**28
    resource.setrlimit(resource.RLIMIT_AS, (used + megabytes * 10**6,) * 2)


def refuse_forbidden(tree: nodes.Template) -> None:
    """The sandbox lets a template look at `__class__` as long as it does nothing with it; here it may not look."""
    names = [node.attr for node in tree.find_all(nodes.Getattr)]
    looked_up = [node.arg for node in tree.find_all(nodes.Getitem)]
    looked_up += [argument for node in tree.find_all(nodes.Filter) if node.name == "attr" for argument in node.args]
    names += [str(node.value) for node in looked_up if isinstance(node, nodes.Const)]
    if any(name.startswith("__") for name in names):
        raise SecurityError("forbidden attribute")


def fault(asked: dict[str, Any]) -> dict[str, str]:
    try:
        made = environment()
        refuse_forbidden(made.parse(asked["template"]))
        template = made.from_string(asked["template"])
        template.render(messages=asked["messages"], add_generation_prompt=True, bos_token="", eos_token="")
    except SecurityError:
        return {"fault": "forbidden"}
    except (MemoryError, OverflowError):
        return {"fault": "memory"}
    except (jinja2.TemplateError, ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
        return {"fault": "broken", "reason": str(error)[:REASON]}
    return {"fault": ""}


if __name__ == "__main__":
    request = json.load(sys.stdin)
    limit(request["seconds"], request["megabytes"])
    sys.stdout.write(json.dumps(fault(request)))
