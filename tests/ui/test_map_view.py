"""What of a large map is drawn, and under which names."""

import itertools
import re
from collections import Counter
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from hopline_ui.map_replay import during
from hopline_ui.map_view import MOST, chosen_view, group_of, grouped, hot, part, short_names
from hopline_ui.pages.map import flowchart
from ui_support.graph import graph_of

TEXT = st.text(alphabet='ab-._ \u6f22\u202e<"]', min_size=1, max_size=60)


def shop(services: int) -> dict[str, Any]:
    """A chain of services with long names that differ in one word, of which one in the middle fails."""
    base = graph_of("", None)
    node = {**base["nodes"][0], "kind": "service", "callers": None, "hidden_neighbours": 0}
    names = [f"team{at % 7}-service-worker-{at}-production" for at in range(services)]
    nodes = [
        {
            **node,
            "name": name,
            "label": name,
            "calls": 100 + at,
            "errors": 50 * (at == services // 2),
            "error_rate": 0.5 * (at == services // 2),
        }
        for at, name in enumerate(names)
    ]
    edges = [{**base["edges"][0], "caller": a, "callee": b} for a, b in itertools.pairwise(names)]
    return {**base, "nodes": nodes, "edges": edges}


def test_a_large_map_opens_on_what_fails():
    """U6: the failing service and its neighbours are drawn, few enough to read; the rest is counted on them."""
    for services in (40, 300, 2_000):
        graph = shop(services)
        names = hot(graph, 0.05)
        middle = graph["nodes"][services // 2]["name"]
        assert len(names) <= MOST
        assert {middle, graph["nodes"][services // 2 - 1]["name"], graph["nodes"][services // 2 + 1]["name"]} <= names
        drawn = part(graph, names)
        ends = sum((e["caller"] in names) != (e["callee"] in names) for e in graph["edges"])
        assert sum(node["hidden_neighbours"] for node in drawn["nodes"]) == ends


def test_small_maps_are_drawn_whole_and_the_asked_view_is_kept():
    """U6: the size decides only where nobody chose; what cannot be drawn whole comes in groups."""
    assert chosen_view("", 30, 300, focused=False) == "all"
    assert chosen_view("", 31, 300, focused=False) == "hot"
    assert chosen_view("groups", 6, 300, focused=False) == "groups"
    assert chosen_view("all", 301, 300, focused=False) == "groups"
    assert chosen_view("", 200, 300, focused=True) == "all"


def test_groups_add_up():
    """U6: boxes of services that begin alike have the calls and failures of all of them; an opened one shows them."""
    graph = shop(40)
    boxes = grouped(graph, [])
    assert {node["name"] for node in boxes["nodes"]} == {f"group:team{n}" for n in range(7)}
    assert sum(node["members"] for node in boxes["nodes"]) == 40
    for figure in ("calls", "errors"):
        assert sum(node[figure] for node in boxes["nodes"]) == sum(node[figure] for node in graph["nodes"])
        assert sum(edge[figure] for edge in boxes["edges"]) == sum(edge[figure] for edge in graph["edges"])
    opened = {node["name"] for node in grouped(graph, ["team3"])["nodes"]}
    assert {node["name"] for node in graph["nodes"] if node["name"].startswith("team3-")} <= opened


def test_hundreds_of_lone_services_become_few_boxes():
    """U6: names without anything in common are one box at last."""
    boxes = group_of([f"service{at}" for at in range(500)], [])
    assert len(set(boxes.values())) <= 49


@given(st.sets(TEXT, max_size=40), st.sampled_from([16, 18]))
def test_no_two_names_are_cut_to_the_same_text(names: set[str], letters: int):
    """U6: whatever the names, each has a short form of its own that fits."""
    short = short_names(names, letters)
    assert set(short) == names
    assert len(set(short.values())) == len(names)
    assert all(0 < len(text) <= letters for text in short.values())


def test_short_names_keep_what_tells_them_apart():
    """U6: words that most names share go first."""
    names = [f"{team}-service-worker-{n}-production-europe" for team in ("checkout", "payments") for n in range(4)]
    assert short_names(names, 16)["payments-service-worker-3-production-europe"] == "payments…3"


@given(TEXT)
def test_a_name_cannot_break_out_of_the_flowchart(name: str):
    """U6: quotes, brackets and markup of a name are entities in Mermaid."""
    graph = shop(2)
    graph["nodes"][0] |= {"label": name}
    line = flowchart(graph).splitlines()[1]
    assert re.fullmatch(r'  n0\["[^"<>\]\[]*"\]', line)


@given(st.sets(st.integers(0, 30)), st.sets(st.integers(0, 30)))
def test_a_moment_has_all_of_the_longer_time_and_its_own_figures(then: set[int], now: set[int]):
    """U6: nodes and edges of either stand; those of the moment keep their figures, the others have none."""
    graph = shop(31)

    def of(kept: set[int]) -> dict[str, Any]:
        names = {graph["nodes"][at]["name"] for at in kept}
        return part(graph, names)

    whole, moment = of(then), of(now)
    both = during(whole, moment)
    names = [node["name"] for node in both["nodes"]]
    assert names[: len(then)] == [node["name"] for node in whole["nodes"]]
    assert sorted(names) == sorted({n["name"] for n in whole["nodes"]} | {n["name"] for n in moment["nodes"]})
    calls = {node["name"]: node["calls"] for node in moment["nodes"]}
    assert all(node["calls"] == calls.get(node["name"], 0) for node in both["nodes"])
    assert sum(edge["calls"] for edge in both["edges"]) == sum(edge["calls"] for edge in moment["edges"])


@given(st.dictionaries(TEXT, st.sampled_from(["", "red", "blue"]), min_size=1, max_size=40))
def test_groups_by_a_tag_hold_exactly_its_services(teams: dict[str, str]):
    """U6: a box has the services of one value; opened ones, and those without a value or alone with it, stand alone."""
    boxes = group_of(teams, (), teams)
    counts = Counter(teams.values())
    for name, team in teams.items():
        assert boxes[name] == (f"group:{team}" if team and counts[team] > 1 else name)
    assert all(group_of(teams, ("red",), teams)[name] == name for name, team in teams.items() if team == "red")
