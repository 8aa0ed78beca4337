"""A shop whose slow or failing checkouts have one planted cause, or none: what explanations are judged by."""

import random
from dataclasses import dataclass

from hopline.model import Row
from support.shops import START, Call, rows_of

KINDS = ("tag", "pair", "version", "instance", "callee", "no_callee", "below", "range")
SLOW_US = 400_000


@dataclass(frozen=True)
class Planted:
    """Rows, and the mark (key, value) that makes checkouts slow; ``kind`` is empty where nothing does."""

    rows: list[Row]
    kind: str
    marks: tuple[tuple[str, str], ...]

    def found_at(self, findings) -> int:
        """The 1-based place of the planted cause among findings; 0: it is not there."""
        for place, finding in enumerate(findings, 1):
            terms = {(term["key"], term["value"]) for term in finding["terms"]}
            also = {(term["key"], term["value"]) for term in finding.get("same", [])}
            if self.kind == "range" and finding["kind"] == "range" and finding["terms"][0]["key"] == "items":
                return place
            if terms == set(self.marks) or (
                len(self.marks) == 1 and set(self.marks) <= terms | also and len(terms) == 1
            ):
                return place
        return 0


def shop(seed: int, kind: str, calls: int = 600) -> Planted:
    """``calls`` checkouts; with a kind, 0.5 to 5 % of them carry the cause and are slow nine times in ten."""
    chance = random.Random(seed)
    incidence = chance.uniform(0.02, 0.05)
    rows: list[Row] = []
    for number in range(1, calls + 1):
        hit = bool(kind) and chance.random() < incidence
        rows += rows_of(_checkout(chance, kind, hit), number, START + number * 10_000)
    return Planted(rows, kind, _marks(kind))


def _marks(kind: str) -> tuple[tuple[str, str], ...]:
    return {
        "tag": (("tenant", "17"),),
        "pair": (("plan", "free"), ("channel", "app")),
        "version": (("version", "2.0"),),
        "instance": (("instance", "h7:1"),),
        "callee": (("callee", "promo"),),
        "no_callee": (("callee", "cache:prices"),),
        "below": (("shard", "9"),),
        "range": (("items", ""),),
    }.get(kind, ())


def _checkout(chance: random.Random, kind: str, hit: bool) -> Call:
    slow = hit and chance.random() < 0.9 if kind else chance.random() < 0.03
    slow = slow or (bool(kind) and chance.random() < 0.003)
    tags = {
        "tenant": str(chance.randint(1, 16)),
        "plan": chance.choice(("gold", "gold", "silver", "free")),
        "channel": chance.choice(("web", "web", "web", "app")),
        "order": f"o-{chance.getrandbits(40):x}",
        "items": str(chance.randint(1, 40)),
        "region": chance.choice(("eu", "us", "asia")),
    }
    if kind == "pair" and (tags["plan"], tags["channel"]) == ("free", "app"):
        tags["channel"] = "web"
    more = {"version": chance.choice(("1.0", "1.1")), "instance": f"h{chance.randint(1, 6)}:1"}
    shard, calls = str(chance.randint(1, 8)), []
    if hit:
        tags |= {"tag": {"tenant": "17"}, "pair": {"plan": "free", "channel": "app"}}.get(kind, {})
        tags |= {"items": str(chance.randint(60, 120))} if kind == "range" else {}
        more |= {"version": {"version": "2.0"}, "instance": {"instance": "h7:1"}}.get(kind, {})
        shard = "9" if kind == "below" else shard
        calls += [Call("promo", "POST /promo", 5_000, 2_000)] if kind == "callee" else []
    if not (hit and kind == "no_callee"):
        calls.append(Call("prices", "GET prices", 10_000, 1_000, sides="client", peer_kind="cache"))
    took = chance.randint(500_000, 900_000) if slow else chance.randint(50_000, 200_000)
    calls.append(
        Call("orders", "INSERT orders", 15_000, took - 20_000, sides="client", peer_kind="db", tags={"shard": shard})
    )
    return Call("checkout", "POST /checkout", 0, took, calls, "server", tags=tags, more=more)
