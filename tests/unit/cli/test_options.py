"""Options that many commands share: a wrong one says what would be right."""

from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from ttscale.analysis.selecting import ways
from ttscale.cli.main import run_cli
from ttscale.cli.options import ConfigCommand, RunFolder, output_options
from ttscale.errors import InvalidInputError


@click.command("do", cls=ConfigCommand)
@click.option("--known")
def command(known: str | None) -> None:
    click.echo(known)


@pytest.mark.parametrize(
    ("option", "setting"),
    [
        ("--n", "sampling.n"),
        ("--max-tokens", "sampling.max_tokens"),
        ("--temperature", "sampling.temperature"),
        ("--engine", "model.engine"),
        ("--oracle", "analysis.oracle"),
        ("--strategy", "strategy"),
    ],
)
def test_a_setting_given_as_an_option_is_told_how_it_is_given(option: str, setting: str) -> None:
    found = CliRunner().invoke(command, [option, "3"])
    assert found.exit_code == 2
    assert f"No such option: {option}. It is a setting: --set {setting}=VALUE" in found.output


def test_an_option_that_is_no_setting_is_just_unknown() -> None:
    found = CliRunner().invoke(command, ["--knwon", "3"])
    assert found.exit_code == 2
    assert "It is a setting" not in found.output and "--known" in found.output
    assert CliRunner().invoke(command, ["--known", "3"]).output == "3\n"


def test_a_file_in_the_place_of_a_run_is_told_what_it_is_good_for(tmp_path: Path) -> None:
    file = tmp_path / "counts.csv"
    file.write_text("n,c\n")
    with pytest.raises(click.BadParameter, match=rf"is a file, and a run is a folder.*ttscale curve {file}"):
        RunFolder().convert(str(file), None, None)
    assert RunFolder().convert(str(tmp_path), None, None) == tmp_path
    assert RunFolder().convert(str(tmp_path / "to-come"), None, None) == tmp_path / "to-come"


def test_one_way_of_output_is_chosen_and_a_table_without_a_choice() -> None:
    @click.command()
    @output_options
    def show(output: str | None) -> None:
        click.echo(str(output))

    for arguments, chosen in ((["--json"], "json"), (["--csv"], "csv"), (["--jsonl"], "jsonl"), ([], "None")):
        assert CliRunner().invoke(show, arguments).output == f"{chosen}\n"


@pytest.mark.parametrize(
    "words",
    [["budget", "--selector", ","], ["budget", "--selector", " , "], ["budget", "--by", ""], ["backtest", "--method", ","], ["backtest", "--draws", "9" * 20],
 ["curve", "--by", ","], ["turns", "--k", "inf"], ["turns", "--k", "nan"], ["compare-strategies", "--at", "inf"], ["compare-strategies", "--at", "1,nan"],
     ["compare-strategies", "--at", "-1"]],
    ids=" ".join,
)  # fmt: skip
def test_an_option_that_names_nothing_or_too_much_is_a_usage_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    table = tmp_path / "t.csv"
    table.write_text("problem_id,n,c\na,4,1\nb,4,3\n")
    command, *option = words
    assert run_cli([command, str(table), *option]) == 2
    assert "Invalid value for" in capsys.readouterr().err


def test_a_question_about_no_selector_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="No selector is named"):
        ways((), ())
