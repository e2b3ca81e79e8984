"""``ttscale list``: what there is, and for tasks what one wants to know before choosing."""

import json

import pytest

from ttscale.cli.main import run_cli


def listed(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[dict[str, object]]:
    assert run_cli(["list", *arguments, "--json"]) == 0
    rows: list[dict[str, object]] = json.loads(capsys.readouterr().out)
    return rows


def test_tasks_are_listed_with_size_verifier_license_and_source(capsys: pytest.CaptureFixture[str]) -> None:
    rows = {row["name"]: row for row in listed(capsys, "tasks")}
    assert rows["gsm8k"] | {"what": None} == {
        "name": "gsm8k",
        "problems": 1319,
        "verifiers": "numeric",
        "license": "MIT",
        "source": "openai/gsm8k",
        "what": None,
        "origin": "built-in",
    }
    assert rows["gpqa"]["verifiers"] == "choice"
    assert rows["reasoning-gym:NAME"]["license"] == "Apache-2.0"
    wanted = "aime amc code-contests gpqa gsm8k humaneval livecodebench math math-500 mbpp minif2f-lean minif2f-rocq mmlu-pro"
    assert set(wanted.split()) <= rows.keys()


def test_a_kind_may_be_named_in_the_singular_and_everything_has_a_summary(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert listed(capsys, "task") == listed(capsys, "tasks")
    for row in listed(capsys):
        assert row["what"], row
        assert "BROKEN" not in str(row["what"]), row


def test_an_unknown_kind_is_an_error_with_a_suggestion(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_cli(["list", "verifyers"]) == 1
    assert "Did you mean 'verifiers'?" in capsys.readouterr().err
