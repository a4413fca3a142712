"""A server on this machine that speaks OpenAI's protocol for embeddings and chats, and breaks it on demand."""

import base64
import json
import threading
import zlib
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np


class OpenAIStub:
    """Answers with a vector of its own for each text and five tokens for each; a chat by `says(data)`, at 100 and 20.

    Set `spoil` to change the answer before it is sent, or `answer` to a function of `(handler, question)` that
    writes the whole answer; `questions` holds what was asked. `says` is given the data between the marks.
    """

    def __init__(self, dimension=16):
        self.dimension = dimension
        self.questions = []
        self.released = threading.Event()
        self.spoil = lambda answer: answer
        self.answer = None
        self.says = lambda data: {"choice": data["places"][0]["id"], "confidence": 0.9, "reason": "it fits"}
        self.url = ""

    def vectors(self, question):
        items = [
            {"object": "embedding", "index": index, "embedding": self._encoded(text, question)}
            for index, text in enumerate(question["input"])
        ]
        usage = {"prompt_tokens": 5 * len(items), "total_tokens": 5 * len(items)}
        return {"object": "list", "model": question["model"], "data": items[::-1], "usage": usage}

    def vector_of(self, text):
        """Return the text's own vector at length 1, as Hopper is to store it."""
        row = self._row(text)
        return row / np.linalg.norm(row)

    def _row(self, text):
        return np.random.default_rng(zlib.crc32(text.encode())).normal(size=self.dimension).astype("<f4")

    def chat(self, question):
        said = self.says(data_of(question))
        message = {"role": "assistant", "content": said if isinstance(said, str) else json.dumps(said), "refusal": None}
        choice = {"index": 0, "message": message, "finish_reason": "stop", "logprobs": None}
        usage = {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120}
        named = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": question["model"]}
        return {**named, "choices": [choice], "usage": usage}

    def json(self, question):
        return json.dumps(self.spoil(self.chat(question) if "messages" in question else self.vectors(question)))

    def _encoded(self, text, question):
        row = self._row(text)
        return base64.b64encode(row.tobytes()).decode() if question.get("encoding_format") == "base64" else row.tolist()

    def respond(self, handler, question):
        if question is None:
            send(handler, '{"object": "list", "data": []}')
            return
        self.questions.append(question)
        if self.answer:
            self.answer(handler, question)
        else:
            send(handler, self.json(question))


def data_of(question):
    """Return what a chat was told between the marks."""
    _, data, _ = question["messages"][1]["content"].split("\n")
    return json.loads(data)


def send(handler, text, status=200, **headers):
    body = text if isinstance(text, bytes) else text.encode()
    handler.send_response(status)
    for name, value in {"Content-Type": "application/json", "Content-Length": len(body), **headers}.items():
        handler.send_header(name.replace("_", "-"), str(value))
    handler.end_headers()
    handler.wfile.write(body)


@contextmanager
def serving(stub):
    """Serve the stub on a free port until the end of the block; what it is asked by GET is `None`."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            self.respond(None)

        def do_POST(self):
            self.respond(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

        def respond(self, question):
            try:
                stub.respond(self, question)
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True  # the client has heard enough

        def log_message(self, *args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads, server.block_on_close = True, False
    stub.url = f"http://127.0.0.1:{server.server_port}/v1"
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    try:
        yield stub
    finally:
        stub.released.set()
        server.shutdown()
        server.server_close()
