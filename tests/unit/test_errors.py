"""What errors and warnings say is fit for one line of a terminal, whatever foreign text they quote."""

import pickle

import pytest

from ttscale import errors
from ttscale.config.loading import load_config, parse_plugin
from ttscale.errors import TtscaleError, TtscaleWarning, UnfinishedRunError, one_line
from ttscale.pipeline.importing import import_samples


def _all_below(kind):
    return [kind, *(each for below in kind.__subclasses__() for each in _all_below(below))]


KINDS = sorted(
    {
        each
        for top in (TtscaleError, TtscaleWarning)
        for each in _all_below(top)
        if each.__module__ == errors.__name__
    }
    - {UnfinishedRunError},
    key=lambda kind: kind.__name__,
)
FOREIGN = "a\n- b:\r\n  c\x0bd\x1b[31me\u2028f\x85g\ud800h\u202ei"


@pytest.mark.parametrize("kind", KINDS)
def test_every_error_and_warning_quotes_foreign_text_in_one_line_that_can_be_printed(kind):
    said = str(kind(f"x.tar cannot be read: {FOREIGN}"))
    assert said == "x.tar cannot be read: a - b: c\\x0bd\\x1b[31me\\u2028f\\x85g\\ud800h\\u202ei"
    assert len(said.splitlines()) == 1
    said.encode()


@pytest.mark.parametrize("kind", KINDS)
def test_a_long_message_loses_its_middle(kind):
    said = str(kind("x.tar: " + "9" * 100_000 + " Mend it."))
    assert len(said) < 2000
    assert said.startswith("x.tar: 999")
    assert said.endswith("999 Mend it.")


@pytest.mark.parametrize("kind", KINDS)
def test_a_plain_message_is_said_as_it_is(kind):
    error = kind("pass@8 needs  at least 8 samples: draw\tmore, Größe 1.")
    assert str(error) == "pass@8 needs  at least 8 samples: draw\tmore, Größe 1."
    assert str(pickle.loads(pickle.dumps(error))) == str(error)


def test_a_run_that_is_not_finished_names_every_cell_however_many():
    failures = {f"cell-{i}": errors.SamplerError(f"no {i}\nlines" + "x" * 100) for i in range(100)}
    said = str(UnfinishedRunError(failures))
    assert all(f"cell-{i}: no {i} lines" in said for i in range(100))
    assert len(said.splitlines()) == 1


def test_a_parser_s_error_is_one_line_whatever_it_said():
    with pytest.raises(errors.InvalidInputError) as caught, one_line("a.json"):
        raise ValueError(FOREIGN * 100)
    said = str(caught.value)
    assert said.startswith("a.json cannot be read: ValueError: a - b: c")
    assert len(said.splitlines()) == 1
    assert len(said) < 400


@pytest.mark.parametrize("suffix", [".tar", ".tar.gz", ".tar.bz2", ".tar.xz", ".zip"])
def test_an_archive_that_is_none_is_refused_in_one_line(tmp_path, suffix):
    path = tmp_path / f"logs{suffix}"
    path.write_bytes(b"no archive" * 100)
    _expect_one_line(lambda: import_samples([path], tmp_path / "run"))


@pytest.mark.parametrize(
    "text", ["{name: x,\n y", "%YAML 9.9\n---\na: 1", "a: {b: " * 2000, "? {a: b}\n: c", "[" * 9000]
)
def test_yaml_on_the_command_line_is_refused_in_one_line(tmp_path, text):
    _expect_one_line(lambda: parse_plugin(text, "--problems"))
    path = tmp_path / "run.yaml"
    path.write_text("name: x\n")
    _expect_one_line(lambda: load_config(path, [text]))
    _expect_one_line(lambda: load_config(path, [f"sampling.n={text}"]))


def _expect_one_line(call):
    with pytest.raises(TtscaleError) as caught:
        call()
    said = str(caught.value)
    assert len(said.splitlines()) == 1
    assert len(said) <= 2000
