"""Calls of language models, as OpenTelemetry's GenAI conventions tell of them: figures, and content where asked for.

The names are those of https://opentelemetry.io/docs/specs/semconv/gen-ai/; what instrumentations of openai and
anthropic wrote before stands under the present name. Pure: attributes as text in, attributes as text out.
"""

from collections.abc import Mapping
from typing import Final

_PREFIX: Final = "gen_ai."
_PROVIDER: Final = ("gen_ai.provider.name", "gen_ai.system")
_RENAMED: Final = {
    "gen_ai.system": "gen_ai.provider.name",
    "gen_ai.usage.prompt_tokens": "gen_ai.usage.input_tokens",
    "gen_ai.usage.completion_tokens": "gen_ai.usage.output_tokens",
}
_CONTENT: Final = (
    "gen_ai.input.messages",
    "gen_ai.output.messages",
    "gen_ai.system_instructions",
    "gen_ai.tool.definitions",
    "gen_ai.tool.call.arguments",
    "gen_ai.tool.call.result",
    "gen_ai.prompt",
    "gen_ai.completion",
    "gen_ai.content",
    "traceloop.entity.input",
    "traceloop.entity.output",
)
"""Keys, and beginnings of keys and of names of events, that hold what was asked and answered."""
_MESSAGES: Final = (".message", "gen_ai.choice", "gen_ai.client.inference.operation.details")


def is_call(found: Mapping[str, str]) -> bool:
    """Whether attributes are those of a call of a model."""
    return any(key.startswith(_PREFIX) for key in found)


def provider(found: Mapping[str, str]) -> str:
    """Who serves the model: ``openai``, ``anthropic``."""
    return next((value for key in _PROVIDER if (value := found.get(key))), "")


def fields(found: Mapping[str, str], *, content: bool) -> dict[str, str]:
    """``found`` under the present names; without prompts and answers unless ``content``."""
    kept = {key: value for key, value in found.items() if content or not is_content(key)}
    return {_RENAMED.get(key, key): value for key, value in kept.items() if _RENAMED.get(key) not in kept}


def is_content(key: str) -> bool:
    """Whether an attribute holds what was asked or answered."""
    return any(key == name or key.startswith(f"{name}.") for name in _CONTENT)


def is_content_event(name: str) -> bool:
    """Whether an event holds what was asked or answered: ``gen_ai.user.message``, ``gen_ai.choice``."""
    return name.startswith(_PREFIX) and (is_content(name) or name.endswith(_MESSAGES))
