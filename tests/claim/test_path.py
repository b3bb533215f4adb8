"""A path is read as people write it, and refused where it is declared, by the character that is wrong."""

import re

import pytest

from healthgate import NoData, System, Url, get
from healthgate.claim.facts import Facts
from healthgate.claim.path import EACH, PathError, joined, pattern, steps

BODY = Facts(
    {
        "nodes": [{"name": "a", "lag": 1}, {"name": "b", "lag": 2}],
        "components": {"redis.cluster": {"status": "UP"}, "disk space": {"status": "DOWN"}, 'a"]b': 1, "": 2},
        "matrix": [[1, 2], [3, 4]],
        "0": "zero",
        "naïve-key_1:x/y": 3,
        "*": 4,
    }
)


class Boiler(System):
    """A boiler."""

    name = "boiler"
    url: Url


STATE = get(Boiler, "/state")


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("nodes[0].name", "a"),
        ("nodes[-1].name", "b"),
        ("matrix[1][0]", 3),
        ('components["redis.cluster"].status', "UP"),
        ('components["disk space"]["status"]', "DOWN"),
        (r'components["a\"]b"]', 1),
        ('components[""]', 2),
        ('["components"]["redis.cluster"].status', "UP"),
        ("0", "zero"),
        ("naïve-key_1:x/y", 3),
        ('["*"]', 4),
        (r'["\u002a"]', 4),
    ],
)
def test_a_path_leads_through_lists_and_to_names_of_any_kind(path: str, value: object) -> None:
    assert BODY.at(path).raw == value


def test_what_is_read_names_its_place_as_a_path_to_it() -> None:
    """Whatever is named: the words of a failure can be copied into a check."""
    every = [*BODY.members("components").values(), *BODY.elements("nodes"), *BODY["matrix"][1].elements(), BODY["*"]]
    assert [node.path for node in every] == [
        'components["redis.cluster"]',
        'components["disk space"]',
        r'components["a\"]b"]',
        'components[""]',
        "nodes[0]",
        "nodes[1]",
        "matrix[1][0]",
        "matrix[1][1]",
        '["*"]',
    ]
    assert all(BODY.at(node.path).raw == node.raw for node in every)
    assert steps(joined(joined("", "a.b"), 3)) == ("a.b", 3)


@pytest.mark.parametrize(
    ("path", "words"),
    [
        (".nodes", 'character 1, ".", begins the path; leave it out'),
        ("nodes.", 'character 6, ".", ends the path; a name is missing after it'),
        ("a..b", 'character 3, ".", is no part of a name'),
        ("nodes[0", 'character 6, "[", is not followed by a whole number or a name in double quotes, and "]"'),
        ("nodes[x]", 'character 6, "["'),
        ("nodes[]", 'character 6, "["'),
        ("nodes['x']", 'character 6, "["'),
        (r'nodes["\q"]', 'character 6, "[", opens a name that is no text as JSON writes it'),
        ("nodes[0]name", 'character 9, "n", follows a bracket'),
        ("nodes]", 'character 6, "]", is no part of a name; write ["…"] around one that has it'),
        ("disk space", 'character 5, " ", is no part of a name'),
        (" nodes", 'character 1, " "'),
        ("a\nb", r'character 2, "\n"'),
        ("nodes*", 'character 6, "*"'),
        ("nodes.*.name", 'character 7, "*", stands for several members, and this is a path to one'),
    ],
)
def test_what_is_no_path_is_refused_where_it_is_declared(path: str, words: str) -> None:
    for declare in (STATE.at, STATE["a"].at, STATE.again.at, STATE["a"].otherwise(STATE["b"]).at, BODY.at):
        with pytest.raises(PathError, match=re.escape(f"{path!r} is no path: {words}")):
            declare(path)


def test_a_name_in_brackets_is_one_step_however_it_is_spelt() -> None:
    """In a declaration as in what was read."""
    assert STATE["redis.cluster"][0].at("status").path == '["redis.cluster"][0].status'
    assert STATE["a"].at("[0]").path == "a[0]"
    assert BODY["components"]["redis.cluster"].text("status") == "UP"


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("nodes[2].name", "nodes[2] is missing, since nodes has 2 elements"),
        ("nodes[-3]", "nodes[-3] is missing, since nodes has 2 elements"),
        ("nodes.0", "nodes.0 is missing, since nodes is a list; its elements are written [0]"),
        ("components[0]", "components[0] is missing, since components is an object"),
        ('components["redis.cluster"].lag', 'components["redis.cluster"].lag is missing'),
        ("matrix[0][1].x", "matrix[0][1].x is missing, since matrix[0][1] is 2"),
    ],
)
def test_what_is_missing_is_named_from_the_top(path: str, words: str) -> None:
    with pytest.raises(NoData, match=f"^{re.escape(words)}$"):
        BODY.at(path)


def test_a_pattern_leads_to_each_and_goes_on_after_what_is_missing() -> None:
    assert pattern("nodes.*[0]") == ("nodes", EACH, 0)
    assert [node.raw for node in BODY.matches("matrix.*[1]")] == [2, 4]
    assert [node.path for node in BODY.matches("nodes.*.lag")] == ["nodes[0].lag", "nodes[1].lag"]
    missing: list[str] = []
    odd = Facts({"nodes": [{"lag": 1}, {}, {"lag": 3}]})
    assert [node.raw for node in odd.matches("nodes.*.lag", lambda nothing: missing.append(str(nothing)))] == [1, 3]
    assert missing == ["nodes[1].lag is missing"]
    with pytest.raises(NoData, match=r"nodes\[1\]\.lag is missing"):
        list(odd.matches("nodes.*.lag"))
