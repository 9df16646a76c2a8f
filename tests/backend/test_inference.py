"""What the chat engine and its client do without a model: settings, requests, text, names, broken connections."""

import json
import math
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from backend.errors import ChatError
from backend.inference import wire
from backend.inference.ask import Piece
from backend.inference.client import Address, Engine
from backend.inference.sampling import Sampling
from backend.inference.shelf import Quantised, Shelf, mixable
from backend.inference.text import Detokeniser, StopWatch
from backend.paths import Workspace
from backend.people import HOME, Person
from tests.tiny_llama import write_model, write_run

QUESTION = [{"role": "user", "content": "Ciao"}]


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"temperature": math.nan}, "The temperature must be a number from 0 to 2, not “nan”."),
        ({"temperature": -0.1}, "The temperature must be a number from 0 to 2, not “-0.1”."),
        ({"temperature": "warm"}, "The temperature must be a number from 0 to 2, not “warm”."),
        ({"temperature": True}, "The temperature must be a number from 0 to 2, not “True”."),
        ({"top_p": 0}, "Top-p must be a number above 0 and at most 1, not “0”."),
        (
            {"max_tokens": 10**400},
            "The length of the answer must be a whole number of tokens from 1 to 32768, not “…”.",
        ),
        ({"repetition_penalty": 0.5}, "The repetition penalty must be a number from 1 to 2, not “0.5”."),
        ({"max_tokens": -5}, "The length of the answer must be a whole number of tokens from 1 to 32768, not “-5”."),
        ({"max_tokens": 2.5}, "The length of the answer must be a whole number of tokens from 1 to 32768, not “2.5”."),
        ({"seed": math.inf}, "The seed must be empty or a whole number from 0 to 9223372036854775807, not “inf”."),
        ({"stop": ["a", ""]}, "Stop texts must be a list of at most 4 texts, none of them empty."),
    ],
)
def test_a_wrong_setting_is_refused_in_a_sentence(values: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ChatError) as caught:
        Sampling(**values)
    assert str(caught.value) == sentence


def test_temperature_zero_is_greedy_and_says_so_to_whoever_chose_it() -> None:
    assert Sampling(temperature=0).greedy
    assert Sampling(temperature=0).notes() == ("chat.greedy",)
    assert ChatError("chat.greedy").say("en").startswith('Temperature 0 means "always the most likely word"')
    assert Sampling(temperature=0.5).notes() == Sampling().notes() == ()


def request(**values: Any) -> bytes:
    return json.dumps({"model": "starter", "messages": QUESTION} | values).encode()


@pytest.mark.parametrize(
    ("body", "key"),
    [
        (b"{", "chat.not_json"),
        (b"[" * 100_000, "chat.not_json"),
        (b"[]", "chat.no_model_named"),
        (request(model=None), "chat.no_model_named"),
        (request(messages=[]), "chat.no_messages"),
        (request(messages="Ciao"), "chat.no_messages"),
        (request(messages=[{"role": "tool", "content": "x"}]), "chat.role"),
        (request(messages=[["user", "x"]]), "chat.role"),
        (request(messages=[{"role": "user", "content": None}]), "chat.content"),
        (request(messages=[{"role": "user", "content": [{"type": "image_url"}]}]), "chat.content"),
        (request(n=2), "chat.unsupported"),
        (request(response_format={"type": "json_object"}), "chat.unsupported"),
        (request(temperature=3), "chat.temperature"),
        (request(max_completion_tokens=0), "chat.max_tokens"),
    ],
)
def test_a_request_that_cannot_be_done_is_refused(body: bytes, key: str) -> None:
    with pytest.raises(ChatError) as caught:
        wire.read(body)
    assert caught.value.key == key


def test_a_request_is_read_as_openai_writes_it() -> None:
    parts = [{"type": "text", "text": "Ce "}, {"type": "text", "text": "\ud800?"}]
    options = {"stream": True, "stream_options": {"include_usage": True}, "n": 1, "tools": None}
    asked = wire.read(request(messages=[{"role": "user", "content": parts}], stop="\n", max_tokens=9, **options))
    assert asked.messages == [{"role": "user", "content": "Ce ??"}]
    assert asked.sampling == Sampling(stop=("\n",), max_tokens=9)
    assert asked.stream
    assert asked.include_usage


def test_an_error_on_the_way_is_an_event_and_the_end() -> None:
    chunks = wire.Chunks("id", "starter", with_usage=True)
    event, done, _ = chunks.piece(Piece(error=ChatError("chat.unloaded"))).split(b"\n\n")
    assert json.loads(event.removeprefix(b"data: "))["error"]["code"] == "chat.unloaded"
    assert done == b"data: [DONE]"


def test_text_comes_in_whole_characters_and_bytes_that_are_none_are_left_out() -> None:
    sentence = "Țară și știință: șarpe 🐍!"

    def decode(tokens: Any) -> str:
        return bytes(tokens).decode("utf-8", errors="replace")

    reader = Detokeniser(decode)
    pieces = [reader.add(byte) for byte in sentence.encode()]
    assert "".join(pieces) == sentence
    assert pieces.count("") == len(sentence.encode()) - len(sentence)
    broken = Detokeniser(decode)
    assert "".join(broken.add(byte) for byte in b"a\xff\xff\xff\xff\xff\xffb\xc8c") == "abc"


def test_a_leading_space_that_depends_on_the_token_before_is_kept() -> None:
    words = ["Capitala", "▁Irlandei", "▁este"]

    def decode(tokens: Any) -> str:
        return "".join(words[token] for token in tokens).replace("▁", " ").removeprefix(" ")

    reader = Detokeniser(decode)
    assert "".join(reader.add(token) for token in (1, 0, 1, 2)) == "IrlandeiCapitala Irlandei este"


def test_a_stop_text_split_over_pieces_is_not_shown() -> None:
    watch = StopWatch(("STOP", "\n\n"))
    assert [watch.add(piece) for piece in ("a S", "TO", "X", "b\n", "c ST", "OPd")] == [
        "a ",
        "",
        "STOX",
        "b",
        "\nc ",
        "",
    ]
    assert watch.stopped
    unfinished = StopWatch(("STOP",))
    assert [unfinished.add("a ST"), unfinished.rest()] == ["a ", "ST"]


def test_the_shelf_knows_catalogue_models_and_finished_runs(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path).create()
    model = write_model(workspace.models / "tiny0")
    write_run(workspace.run("one"), model, seed=1)
    write_run(workspace.run("two"), model, seed=1, method="qlora")
    write_run(workspace.run("unfinished"), model, seed=None)
    shelf = Shelf(workspace)
    assert {"tiny0", "run:one", "run:two"} <= set(shelf.names(HOME))
    assert "run:unfinished" not in shelf.names(HOME)
    base, one, two = (shelf.find(HOME, name) for name in ("tiny0", "run:one", "run:two"))
    assert one.key == base.key
    with pytest.raises(ChatError, match="has no adapter yet"):
        shelf.find(HOME, "run:unfinished")
    with pytest.raises(ChatError, match="There is no model"):
        shelf.find(Person("ana"), "run:one")
    assert not {"tiny0", "run:one"} & set(shelf.names(Person("ana")))
    assert two.quantised == Quantised("nf4", double=True)
    assert two.key != base.key


@pytest.mark.parametrize("name", ["run:../../secret", "run:..", "run:", "run:one/adapter", "../models/tiny0"])
def test_no_name_leads_out_of_the_runs(tmp_path: Path, name: str) -> None:
    with pytest.raises(ChatError, match="There is no model called"):
        Shelf(Workspace(tmp_path).create()).find(HOME, name)


def test_only_plain_lora_shares_a_batch() -> None:
    plain = {"peft_type": "LORA", "bias": "none", "target_modules": ["q_proj"], "use_dora": False}
    assert mixable(plain)
    for other in (
        {"use_dora": True},
        {"modules_to_save": ["lm_head"]},
        {"bias": "all"},
        {"target_modules": ["embed_tokens"]},
    ):
        assert not mixable(plain | other)


def whole_request(connection: socket.socket) -> bytes:
    """Headers and body: to hang up on bytes not read would reset the connection, and the answer with it."""
    said = b""
    while b"\r\n\r\n" not in said:
        said += connection.recv(65_536)
    head, _, body = said.partition(b"\r\n\r\n")
    found = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
    while found and len(body) < int(found[1]):
        body += connection.recv(65_536)
    return head + b"\r\n\r\n" + body


@contextmanager
def server(answer: bytes) -> Iterator[tuple[Address, list[bytes]]]:
    """A server that takes one request, says `answer` as it stands and hangs up; the list gets what was asked."""
    asked: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as door:

        def serve() -> None:
            with closing(door.accept()[0]) as connection:
                asked.append(whole_request(connection))
                connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        yield Address(f"http://127.0.0.1:{door.getsockname()[1]}/openai/v1", "key"), asked
        thread.join(10)


def events(*lines: str) -> bytes:
    return (
        b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
        + "".join(f"data: {x}\n\n" for x in lines).encode()
    )


SAID = '{"choices": [{"delta": {"content": "Dublin"}, "finish_reason": null}]}'
ENDED = '{"choices": [{"delta": {}, "finish_reason": "stop"}], "usage": {"completion_tokens": 3, "prompt_tokens": 9}}'


def test_any_server_with_the_same_interface_can_be_asked(tmp_path: Path) -> None:
    with server(events(SAID, ENDED, "[DONE]")) as (address, asked):
        reply = Engine(Workspace(tmp_path), address=address).ask(QUESTION, model="llama")
    assert (reply.text, reply.tokens, reply.finish) == ("Dublin", 3, "stop")
    assert asked[0].startswith(b"POST /openai/v1/chat/completions ")
    assert b"Authorization: Bearer key" in asked[0]


@pytest.mark.parametrize(
    ("answer", "key"),
    [
        (events(SAID), "chat.engine_gone"),
        (events('{"error": {"message": "", "studio": {"key": "chat.no_memory", "values": {}}}}'), "chat.no_memory"),
        (events("<html>"), "chat.not_an_engine"),
        (b"HTTP/1.1 401 Nope\r\n\r\n" + b'{"error": {"message": "Bad key."}}', "chat.engine_said"),
        (b"HTTP/1.1 500 Oh\r\n\r\n<html>", "chat.not_an_engine"),
        (b"SSH-2.0-OpenSSH\r\n", "chat.not_running"),
    ],
)
def test_a_broken_answer_is_a_sentence(tmp_path: Path, answer: bytes, key: str) -> None:
    with server(answer) as (address, _), pytest.raises(ChatError) as caught:
        Engine(Workspace(tmp_path), address=address).ask(QUESTION, model="llama")
    assert caught.value.key == key
    assert "{" not in str(caught.value)


def test_with_no_engine_every_question_says_so(tmp_path: Path) -> None:
    engine = Engine(Workspace(tmp_path))
    assert not engine.ready()
    with pytest.raises(ChatError, match="is not running"):
        engine.ask(QUESTION, model="starter")
    with pytest.raises(ChatError, match="did not start within 0 seconds"):
        engine.wait_ready(0.1)
