"""Spans of calls of language models, as OpenTelemetry's instrumentations of openai and anthropic write them."""

from collections.abc import Callable
from typing import Any

import pytest
from opentelemetry.trace import SpanKind, Tracer

from hopline.otel import gen_ai
from hopline.testing import Recorder

OPENAI = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "openai",
    "gen_ai.request.model": "gpt-4o",
    "gen_ai.response.model": "gpt-4o-2024-08-06",
    "gen_ai.response.finish_reasons": ("stop",),
    "gen_ai.usage.input_tokens": 12,
    "gen_ai.usage.output_tokens": 90,
    "server.address": "api.openai.com",
    "gen_ai.input.messages": '[{"role": "user", "content": "my secret"}]',
    "gen_ai.output.messages": '[{"content": "my secret"}]',
}
ANTHROPIC = {
    "gen_ai.system": "anthropic",
    "gen_ai.request.model": "claude",
    "gen_ai.usage.prompt_tokens": 5,
    "gen_ai.usage.completion_tokens": 7,
    "gen_ai.prompt.0.content": "my secret",
    "gen_ai.completion.0.content": "my secret",
}
EVENTS = ("gen_ai.user.message", "gen_ai.choice", "gen_ai.content.prompt", "retry")


def write(tracer: Tracer, attributes: dict[str, Any]) -> None:
    with tracer.start_as_current_span("chat", kind=SpanKind.CLIENT, attributes=attributes) as span:
        for name in EVENTS:
            span.add_event(name, {"content": "my secret"} if name != "retry" else {})


@pytest.mark.parametrize(
    ("attributes", "peer", "tags"),
    [
        (
            OPENAI,
            ("api.openai.com", ""),
            {
                "gen_ai.operation.name": "chat",
                "gen_ai.provider.name": "openai",
                "gen_ai.request.model": "gpt-4o",
                "gen_ai.response.model": "gpt-4o-2024-08-06",
                "gen_ai.response.finish_reasons": '["stop"]',
                "gen_ai.usage.input_tokens": "12",
                "gen_ai.usage.output_tokens": "90",
            },
        ),
        (
            ANTHROPIC,
            ("anthropic", "external"),
            {
                "gen_ai.provider.name": "anthropic",
                "gen_ai.request.model": "claude",
                "gen_ai.usage.input_tokens": "5",
                "gen_ai.usage.output_tokens": "7",
            },
        ),
    ],
)
def test_a_call_of_a_model_has_its_figures_and_no_content(
    tracer: Tracer, recorder: Recorder, attributes: dict[str, Any], peer: tuple[str, str], tags: dict[str, str]
) -> None:
    """14: model, tokens and finish reason are tags under the present names; prompts and answers are left out."""
    write(tracer, attributes)
    row = recorder.one(name="chat")
    assert {key: value for key, value in row.tags.items() if key.startswith("gen_ai.")} == tags
    assert (row.peer, row.peer_kind) == peer
    assert [key for _, key, _ in row.annotations] == ["retry"]
    assert "my secret" not in str(row)


def test_content_is_kept_where_a_setting_says_so(provide: Callable[..., Tracer]) -> None:
    """14: ``gen_ai_content`` keeps what was asked and answered, as attributes and events."""
    with Recorder(service="orders", gen_ai_content=True) as kept:
        write(provide(), OPENAI)
    row = kept.one(name="chat")
    assert row.tags["gen_ai.input.messages"] == OPENAI["gen_ai.input.messages"]
    assert [key for _, key, _ in row.annotations] == list(EVENTS)


def test_a_present_name_wins_over_a_former_one() -> None:
    """14: where an instrumentation writes both, the present one holds."""
    found = gen_ai.fields({"gen_ai.usage.prompt_tokens": "1", "gen_ai.usage.input_tokens": "2"}, content=False)
    assert found == {"gen_ai.usage.input_tokens": "2"}
