"""Calls of language models by the real libraries, as OpenTelemetry's instrumentations of them see them.

``python model_calls.py``, in the environment of OpenTelemetry: asks a server on loopback that answers as openai's and
anthropic's do, and prints the rows that come of it as JSON lines.
"""

import json
import sys
import threading
from dataclasses import asdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final

import anthropic
import openai
from opentelemetry import trace
from opentelemetry.instrumentation.anthropic import AnthropicInstrumentor
from opentelemetry.instrumentation.openai import OpenAIInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

import hopline
from hopline.otel import HoplineSpanExporter, PathProcessor, PathSampler
from hopline.testing import Recorder

QUESTION: Final = "what is the secret of the house?"
ANSWER: Final = "the secret is under the mat"
ANSWERS: Final = {
    "/v1/chat/completions": {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": "gpt-4o-2024-08-06",
        "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": ANSWER}}],
        "usage": {"prompt_tokens": 12, "completion_tokens": 90, "total_tokens": 102},
    },
    "/v1/messages": {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-sonnet-4-20250514",
        "content": [{"type": "text", "text": ANSWER}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": 5, "output_tokens": 7},
    },
}


class Models(BaseHTTPRequestHandler):
    """Answers each path with what stands in ``ANSWERS``, any other with 429."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        answer = ANSWERS.get(self.path)
        body = json.dumps(answer or {"error": {"message": "too many requests", "type": "requests"}}).encode()
        self.send_response(200 if answer else 429)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def ask(address: str) -> None:
    """One call of each library, and one that is refused."""
    messages = [{"role": "user", "content": QUESTION}]
    asked = openai.OpenAI(api_key="k", base_url=f"{address}/v1", max_retries=0)
    asked.chat.completions.create(model="gpt-4o", messages=messages)
    anthropic.Anthropic(api_key="k", base_url=address, max_retries=0).messages.create(
        model="claude-sonnet-4-20250514", max_tokens=100, messages=messages
    )
    refused = openai.OpenAI(api_key="k", base_url=f"{address}/busy", max_retries=0)
    try:
        refused.chat.completions.create(model="gpt-4o", messages=messages)
    except openai.RateLimitError:
        return
    raise AssertionError("the call was not refused")


def main() -> None:
    """Print the rows, the span ``work`` among them, one JSON object a line."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Models)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with Recorder(service="orders") as recorder:
        provider = TracerProvider(sampler=PathSampler(), shutdown_on_exit=False)
        provider.add_span_processor(PathProcessor())
        provider.add_span_processor(SimpleSpanProcessor(HoplineSpanExporter()))
        trace.set_tracer_provider(provider)
        OpenAIInstrumentor().instrument()
        AnthropicInstrumentor().instrument()
        with hopline.span("work"):
            ask(f"http://127.0.0.1:{server.server_port}")
        for row in recorder.spans:
            sys.stdout.write(json.dumps(asdict(row)) + "\n")
    server.shutdown()


if __name__ == "__main__":
    main()
