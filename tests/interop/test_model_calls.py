"""Calls of language models by the real libraries of openai and anthropic, instrumented through OpenTelemetry."""

import json
from pathlib import Path
from typing import Any

import pytest

from support import Children

from .otel_environment import environment

CONTENT = ("secret of the house", "under the mat")
ALL_THEY_CAN = {"TRACELOOP_TRACE_CONTENT": "true", "ANTHROPIC_OPEN_TELEMETRY_TRACES_CONTENT_MODE": "content"}


@pytest.fixture
def rows(children: Children) -> list[dict[str, Any]]:
    """The rows of ``model_calls.py``, in the order of their paths; the instrumentations tell all that they can."""
    python = environment() / "bin/python"
    script = Path(__file__).with_name("model_calls.py")
    child = children.start(str(python), "-P", str(script), env={"OTEL_PYTHON_CONTEXT": "hopline", **ALL_THEY_CAN})
    assert child.wait(120) == 0, child.output
    found = [json.loads(line) for line in child.output.splitlines() if line.startswith("{")]
    return sorted(found, key=lambda row: row["span_id"])


def test_calls_of_models_are_rows_with_figures_and_without_content(rows: list[dict[str, Any]]) -> None:
    """14: each call below the span around it, with model, tokens and finish reason; no prompt and no answer; failures.

    The library of anthropic writes a span itself beside that of its instrumentation.
    """
    work, *calls = rows
    assert [(row["name"], row["kind"], row["parent_id"], row["error"]) for row in calls] == [
        ("openai.chat", "client", work["id"], False),
        ("anthropic.chat", "client", work["id"], False),
        ("anthropic.messages.create", "client", work["id"], False),
        ("openai.chat", "client", work["id"], True),
    ]
    openai, anthropic, own, refused = (row["tags"] for row in calls)
    assert (openai["gen_ai.request.model"], openai["gen_ai.response.model"]) == ("gpt-4o", "gpt-4o-2024-08-06")
    assert (openai["gen_ai.usage.input_tokens"], openai["gen_ai.usage.output_tokens"]) == ("12", "90")
    assert openai["gen_ai.response.finish_reasons"] == '["stop"]'
    for found in (anthropic, own):
        assert found["gen_ai.provider.name"] == "anthropic"
        assert found["gen_ai.response.model"] == "claude-sonnet-4-20250514"
        assert (found["gen_ai.usage.input_tokens"], found["gen_ai.usage.output_tokens"]) == ("5", "7")
    assert refused["error.type"] == "RateLimitError"
    assert [call["peer"] for call in calls[:2]] == ["openai", "anthropic"]
    assert not [row["name"] for row in rows if any(text in json.dumps(row) for text in CONTENT)]
