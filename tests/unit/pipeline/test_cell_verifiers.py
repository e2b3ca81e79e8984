"""Which verifiers a cell has: each built once, and one of them the oracle."""

import pytest

from ttscale.config.loading import check_config
from ttscale.config.models import PluginSettings
from ttscale.errors import ConfigError
from ttscale.pipeline.building import NamedVerifier, build_verifier
from ttscale.pipeline.cell_verifiers import cells_by_verifier, closing_all, find_oracle, verifiers_by_cell

BASE = {"name": "n", "out": "o", "model": "demo-arithmetic", "task": "arithmetic", "sampling": {"n": 4}}
SWEEP = {"axes": {"temperature": [0.5, 1.0]}}


def named(name: str) -> NamedVerifier:
    return build_verifier(PluginSettings.model_validate(name))


def test_cells_that_have_the_same_verifier_share_it() -> None:
    config = check_config({**BASE, "verifiers": ["exact", "last-digit"], "sweep": SWEEP})
    by_cell = verifiers_by_cell(config)
    (first, second) = by_cell.values()
    assert first.verifiers[0] is second.verifiers[0]
    assert first.oracle is first.verifiers[0]
    shared = cells_by_verifier(by_cell)
    assert [(one.info.verifier, cells) for one, cells in shared] == [
        ("exact", list(by_cell)),
        ("last-digit", list(by_cell)),
    ]


def test_without_any_the_tasks_own_are_taken() -> None:
    (only,) = verifiers_by_cell(check_config(BASE)).values()
    assert only.oracle.info.sees_answer


def test_the_first_that_sees_the_key_is_the_oracle_unless_one_is_named() -> None:
    verifiers = [named("last-digit"), named("numeric"), named("exact")]
    assert find_oracle(verifiers, None) is verifiers[1]
    assert find_oracle(verifiers, "exact") is verifiers[2]
    assert find_oracle(verifiers, "last-digit") is verifiers[0]  # the user's word


def test_a_cell_without_an_oracle_is_refused_before_anything_is_drawn() -> None:
    with pytest.raises(ConfigError, match=r"None of the verifiers \(last-digit\) sees the answer key"):
        verifiers_by_cell(check_config({**BASE, "verifiers": ["last-digit"]}))
    with pytest.raises(ConfigError, match=r"analysis\.oracle is 'math', which is not among"):
        find_oracle([named("exact")], "math")


def test_all_are_closed_once_also_after_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[str] = []
    monkeypatch.setattr(NamedVerifier, "close", lambda self: closed.append(self.info.verifier))
    by_cell = verifiers_by_cell(check_config({**BASE, "verifiers": ["exact", "last-digit"], "sweep": SWEEP}))
    with pytest.raises(RuntimeError), closing_all(by_cell):
        raise RuntimeError
    assert closed == ["exact", "last-digit"]
