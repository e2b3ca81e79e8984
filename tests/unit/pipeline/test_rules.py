"""Stopping rules that cannot work are refused before anything is drawn."""

from pathlib import Path

import pytest

from ttscale.config.cells import cells
from ttscale.config.loading import parse_config
from ttscale.config.models import Cell
from ttscale.errors import ConfigError
from ttscale.pipeline.rules import check_rules

TREE = """
name: rules
model: {path: none, engine: "scripted:ScriptedSampler"}
task: {name: arithmetic, problems: 2}
sampling: {n: 64UNTIL}
verifiers: [exact]
sweep: {include: [{cell: a, sampling.temperature: 1.0}, {cell: b, sampling.temperature: 0.5}]}
"""


def drawn(until: str) -> list[Cell]:
    return cells(parse_config(TREE.replace("UNTIL", until), out=Path("unused")))


@pytest.mark.parametrize("until", ["", ", until: {successes: 1}"])
def test_rules_that_can_work_pass(until: str) -> None:
    check_rules(drawn(until))


def test_a_difference_names_a_cell_of_the_run() -> None:
    rule = ", until: {quantity: difference, k: 8, width: 0.1, to: TO}"
    check_rules(drawn(rule.replace("TO", "b")))
    with pytest.raises(
        ConfigError, match=r"cell 'a': sampling.until.to is 'c', which is no cell of this run: a, b"
    ):
        check_rules(drawn(rule.replace("TO", "c")))


def test_several_processes_cannot_decide_rounds() -> None:
    check_rules(drawn(""), share=True)
    with pytest.raises(ConfigError, match=r"cell 'a' has sampling.until.*without --share"):
        check_rules(drawn(", until: {successes: 1}"), share=True)
