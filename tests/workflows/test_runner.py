"""The stand-in for GitHub's runner knows what the workflows use, and says so where it does not."""

from pathlib import Path
from typing import Any

import pytest

from tests.workflows import expressions
from tests.workflows.runner import Declared, NotLikeThereError, Runner

CONTEXTS = {"inputs": Declared({"name": "it", "none": ""}), "vars": {"a": "x"}, "steps": {"s": {"outcome": "failure"}}}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("vars.a && format('--{0}={1}', vars.a, inputs.name)", "--x=it"),
        ("vars.missing && 'said'", None),
        ("inputs.none || 'else'", "else"),
        ("vars.missing != ''", False),
        ("vars.a == 'X' && !inputs.none", True),
        ("!(steps.s.outcome == 'failure') || always()", True),
        ("fromJSON(toJSON(vars)).a", "x"),
        ("vars['a']", "x"),
        ("steps.unknown.outputs.any == ''", True),
        ("'it''s'", "it's"),
    ],
)
def test_an_expression_has_the_value_it_has_there(text: str, value: Any) -> None:
    assert expressions.value(text, CONTEXTS, {"always": lambda: True}) == value


@pytest.mark.parametrize(
    "text",
    ["secrets.a", "inputs.misspelt", "contains(vars, 'a')", "vars.a > 1", "vars.a vars.a", "(vars.a", "vars.*.a"],
)
def test_an_expression_that_is_not_known_is_refused(text: str) -> None:
    with pytest.raises(expressions.ExpressionError):
        expressions.value(text, CONTEXTS, {})


def test_the_status_decides_which_steps_run(tmp_path: Path) -> None:
    workflow = """
      on: push
      jobs:
        j:
          steps:
            - {id: a, run: "echo x=1 >> $GITHUB_OUTPUT; false"}
            - {run: echo never}
            - name: told
              if: ${{ always() && steps.a.outputs.x == '1' }}
              run: echo $SAID
              env: {SAID: "${{ vars.it }}"}
            - {name: kept, if: failure(), run: exit 3}
    """
    job = Runner(tmp_path / "github", {"it": "yes"}, {}).run("x.yml", "j", content=workflow)
    assert [(step.outcome, step.code) for step in job.steps] == [
        *(("failure", 1), ("skipped", None), ("success", 0), ("failure", 3))
    ]
    assert job.step("told").printed == "yes\n"


@pytest.mark.parametrize(
    "step",
    [
        "{uses: some/action@v1}",
        "{run: 'echo ${{ vars.it }}'}",
        "{run: 'true', continue-on-error: 'true'}",
        "{uses: actions/checkout@v1, with: {persist-credentials: 'true'}}",
        "{run: 'true', if: vars.it}",
    ],
)
def test_a_step_that_is_not_known_is_refused(tmp_path: Path, step: str) -> None:
    with pytest.raises(NotLikeThereError):
        Runner(tmp_path / "github", {}, {}).run("x.yml", "j", content=f"on: push\njobs: {{j: {{steps: [{step}]}}}}")
