"""The map's drawing: layered, without overlap, the same for the same graph."""

import random

from hypothesis import given
from hypothesis import strategies as st

from hopline_ui.map_layout import NODE_HEIGHT, NODE_WIDTH, ROW_GAP, Layout, lay_out

NAMES = st.sampled_from([f"s{n}" for n in range(12)])
EDGES = st.lists(st.tuples(NAMES, NAMES), max_size=30)


def at(layout: Layout) -> dict[str, tuple[float, float]]:
    return {place.name: (place.x, place.y) for place in layout.places}


@given(st.lists(NAMES), EDGES)
def test_boxes_never_overlap(nodes: list[str], edges: list[tuple[str, str]]):
    """U6: whatever the graph, no two boxes touch and all lie within the drawing."""
    layout = lay_out(nodes, edges)
    places = layout.places
    for place in places:
        assert 0 <= place.x <= layout.width - NODE_WIDTH
        assert 0 <= place.y <= layout.height - NODE_HEIGHT
    for one in places:
        for other in places:
            if one.name < other.name and one.x == other.x:
                assert abs(one.y - other.y) >= NODE_HEIGHT + ROW_GAP - 0.2


@given(st.lists(NAMES), EDGES, st.randoms(use_true_random=False))
def test_order_of_input_changes_nothing(nodes: list[str], edges: list[tuple[str, str]], chance: random.Random):
    """U6: the same graph in any order, with any repetition, is the same drawing."""
    shuffled_nodes, shuffled_edges = nodes * 2, edges * 2
    chance.shuffle(shuffled_nodes)
    chance.shuffle(shuffled_edges)
    assert lay_out(shuffled_nodes, shuffled_edges) == lay_out(nodes, edges)


@given(EDGES)
def test_edges_run_left_to_right_unless_marked(edges: list[tuple[str, str]]):
    """U6: only edges that close a cycle run back; every edge starts and ends at its boxes."""
    layout = lay_out([], edges)
    where = at(layout)
    assert {(r.caller, r.callee) for r in layout.routes} == set(edges)
    for route in layout.routes:
        if route.loop:
            assert route.caller == route.callee
        else:
            assert (where[route.caller][0] < where[route.callee][0]) is not route.back


def test_layers_follow_the_calls():
    """U6: the article's tree reads from left to right; long edges pass other ranks."""
    layout = lay_out(["lonely"], [("a", "b"), ("b", "c"), ("a", "e"), ("a", "c")])
    ranks = {place.name: place.rank for place in layout.places}
    assert ranks == {"a": 0, "b": 1, "e": 1, "c": 2, "lonely": 0}
    long = next(r for r in layout.routes if (r.caller, r.callee) == ("a", "c"))
    assert len(long.points) == 4


def test_nodes_without_edges_stand_in_a_block_below():
    """U6: forty services that call nobody are no column of forty rows."""
    names = [f"s{n:02}" for n in range(40)]
    layout = lay_out(names, [("a", "b")])
    where = at(layout)
    assert 1 <= layout.width / layout.height <= 3
    assert min(where[name][1] for name in names) > max(where["a"][1], where["b"][1])


def test_a_chain_is_a_straight_line():
    """U6: nodes with one neighbour on each side stand at one height."""
    layout = lay_out([], [("a", "b"), ("b", "c"), ("c", "d")])
    assert len({place.y for place in layout.places}) == 1


def test_cycle_turns_one_edge():
    """U6: a cycle of three entered from outside keeps two of its edges forward."""
    layout = lay_out([], [("in", "x"), ("x", "y"), ("y", "z"), ("z", "x")])
    assert [(r.caller, r.callee) for r in layout.routes if r.back] == [("z", "x")]


def test_nothing_is_an_empty_drawing():
    """U6: an empty store has an empty map."""
    layout = lay_out([], [])
    assert layout.places == ()
    assert layout.routes == ()
