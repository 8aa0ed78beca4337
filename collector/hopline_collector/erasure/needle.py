"""What is looked for, said so that no statement and no log of the store holds it in plain."""

import re
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

from hopline_collector.block.limits import stored_text

_WORD: Final = "0-9A-Za-z_"


@dataclass(frozen=True, slots=True)
class Needle:
    """A user's id, or a trace's (`trace`): found where it stands alone, not as a piece of a longer word."""

    text: str
    trace: bool = False

    def __post_init__(self) -> None:
        """Refuse what would find everything, and what is no id."""
        if not self.text.strip() or len(self.text) > 1_024:
            raise ValueError("uid: expected 1 to 1,024 characters that are not all blank")
        if self.trace and not re.fullmatch(r"[0-9a-f]{32}", self.text):
            raise ValueError("trace_id: expected 32 lower-case hex")

    @property
    def digest(self) -> str:
        """What an audit line keeps: SHA-256 of the id, in hex."""
        return sha256(self.text.encode()).hexdigest()

    def parameters(self) -> dict[str, Any]:
        """For a statement with :meth:`found_in`; in hex, as logs of a server hold parameters."""
        # `toString` of an array or a map writes quotes and backslashes with a backslash.
        spelled = [form for text in self._texts() for form in (text, text.replace("\\", "\\\\").replace("'", "\\'"))]
        pattern = "|".join(_alone(form) for form in dict.fromkeys(spelled))
        texts = {f"text{number}": text.encode().hex() for number, text in enumerate(self._texts())}
        return {**texts, "pattern": f"(?s){pattern}".encode().hex()}

    def found_in(self, columns: list[str]) -> str:
        """A condition: one of the columns, whatever its type, holds it. `position` spares most rows the pattern."""
        tests = []
        for column in columns:
            text = f"toString({column})"
            sieves = [f"position({text}, unhex({{text{number}:String}})) > 0" for number in range(len(self._texts()))]
            sieve = " OR ".join([*sieves, f"position({text}, '\\\\') > 0"])
            tests.append(f"(({sieve}) AND match({text}, unhex({{pattern:String}})))")
        return f"({' OR '.join(tests)})"

    def _texts(self) -> tuple[str, ...]:
        """What was asked for, and where that is another text, what rows keep of it: one line, cut at a limit."""
        stored = "" if self.trace else stored_text("uid", self.text)
        return (self.text, stored) if stored not in {"", self.text} else (self.text,)


def _alone(form: str) -> str:
    before = f"(^|[^{_WORD}])" if re.match(rf"[{_WORD}]", form) else ""
    after = f"($|[^{_WORD}])" if re.search(rf"[{_WORD}]$", form) else ""
    return f"{before}{re.escape(form)}{after}"
