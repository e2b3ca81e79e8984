"""Configurations as people write them: read as YAML 1.2 does, or refused with what to write instead."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ttscale.config.loading import check_config, dump_config, load_config, parse_config, parse_plugin
from ttscale.errors import ConfigError, TtscaleError
from ttscale.yaml_text import read_yaml, write_yaml

SHARED = Path(__file__).parents[3] / "shared" / "cases" / "others.jsonl"
GOOD = "model: demo-arithmetic\ntask:\n  name: arithmetic\n  problems: 8\nsampling:\n  n: 4\nverifiers: [exact]\n"


def load(folder: Path, text: str, *overrides: str) -> Any:
    path = folder / "run.yaml"
    path.write_text(text, encoding="utf-8")
    return load_config(path, overrides)


REFUSED = {
    "yaml-07": "'sampling.n' is 'yes'", "yaml-09": "'sampling.max_tokens' is '1:30'", "yaml-12": 'Write a list: stop: ["Question:"]',
    "yaml-21": 'Quote it: revision: "1234567"', "yaml-43": "the key 'n' stands here twice",
}  # fmt: skip
READ = {
    "yaml-10": lambda config: config.sampling.seed == 10,
    "yaml-22": lambda config: config.model.revision == "2024-01-31",
    "yaml-24": lambda config: config.name == "007",
    "yaml-31": lambda config: (config.sampling.n, config.sampling.temperature) == (4, 0.3),
}


@pytest.mark.skipif(not SHARED.exists(), reason=f"no {SHARED}")
def test_shared_cases(tmp_path: Path) -> None:
    rows = [json.loads(line) for line in SHARED.read_text().splitlines()] if SHARED.exists() else []
    cases = {row["id"]: row["input"] for row in rows if row["kind"].startswith("YAML")}
    assert cases.keys() == REFUSED.keys() | READ.keys()
    for name, given_ in cases.items():
        text, overrides = (
            (GOOD, [given_.removeprefix("--set ")]) if given_.startswith("--set") else (given_, [])
        )
        if name in READ:
            assert READ[name](load(tmp_path, text, *overrides)), name
        else:
            with pytest.raises(ConfigError) as raised:
                load(tmp_path, text, *overrides)
            assert REFUSED[name] in str(raised.value)
            assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("yes", "yes"), ("No", "No"), ("on", "on"), ("off", "off"), ("y", "y"), ("true", True), ("False", False), ("010", "010"), ("007", "007"),
        ("0", 0), ("-3", -3), ("+12", 12), ("0o17", 15), ("0x1F", 31), ("1:30", "1:30"), ("190:20:30.15", "190:20:30.15"), ("1_000", "1_000"),
        ("1e5", 1e5), ("1.5e-3", 1.5e-3), ("12345e7", 12345e7), (".5", 0.5), ("5.", 5.0), (".inf", float("inf")), ("2024-01-31", "2024-01-31"),
        ("2001-12-14t21:59:43.10-05:00", "2001-12-14t21:59:43.10-05:00"), ("~", None), ("null", None), ("", None), ("=", "="), ("0b11", "0b11"),
        ("NO", "NO"), ("!!str 12", "12"), ("'12'", "12"), ("1.2.3", "1.2.3"), ("-", ["-"]), ("+", "+"), (".", "."), ("1e", "1e"),
    ],
)  # fmt: skip
def test_scalars_are_those_of_yaml_1_2(written: str, read: Any) -> None:
    if written == "-":
        written, read = "- '-'", ["-"]
    assert read_yaml(written, "here") == read


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("n: yes", "'sampling.n' is 'yes', but should be a valid integer"), ("n: true", "'sampling.n' is true, but should be a number"),
        ("n: on", "is 'on'"), ("n: 4\n  temperature: false", "'sampling.temperature' is false, but should be a number"),
        ("n: 1:30", "'1:30'"), ("n: 4\n  n: 5", "the key 'n' stands here twice"), ("n: !!int x", "'x' cannot be read"),
        ("n: !!python/name:os.system x", "tag"), ("n: !!timestamp 2024-13-45", "the tag 'timestamp'"), ("n: !mine 4", "the tag"),
        ("n: " + "9" * 5000, "5,000 digits"), ("? [1, 2]\n  : 3", "should be text"), ("? {a: 1}\n  : 3", "should be text"),
        ("1: 3", "the key '1' should be text"), ("null: 3", "the key 'null' should be text"), ("n: .nan", "finite"), ("n: .inf", "finite"),
        ("<<: 3", "merg"), ("<<: *nothing", "undefined alias"), ("n: &a [*a]", "refers to what it stands in"), ('stop: ["\\ud800"]', "half of a character"),
    ],
)  # fmt: skip
def test_what_is_refused_names_its_place(text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=message) as raised:
        load(tmp_path, GOOD.replace("n: 4", text))
    assert "\n" not in str(raised.value)
    assert len(str(raised.value)) < 1000


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("model.revision=1234567", 'Quote it: revision: "1234567"'), ("model.revision=1e5", 'Quote it: revision: "100000.0"'),
        ("model.revision=true", 'Quote it: revision: "true"'), ("name=12", 'Quote it: name: "12"'), ("sampling={n: 4, n: 8}", "stands here twice"),
        ("sampling.n=!!int x", "cannot be read"), ("sampling.n=" + "9" * 5000, "5,000 digits"), ("sampling.stop=x", 'Write a list: stop: ["x"]'),
        ("task={name: arithmetic, problems: 3, problems: 4}", "stands here twice"), ("sampling.n=[[[" * 2000, "not valid YAML|nested too deeply"),
        ("sampling.n={{a: 1}: 2}", "should be text"), ('model.path="\\ud800"', "half of a character"), ("task.problems=true", "should be a number"),
    ],
)  # fmt: skip
def test_overrides_are_read_as_strictly(override: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=message.replace("[", r"\[").replace('"', '"')) as raised:
        config = load(tmp_path, GOOD, override)
        from ttscale.config.loading import plugin_options
        from ttscale.registry import load_plugin

        plugin_options(config.task, load_plugin("tasks", "arithmetic").Options, "task")
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    "text",
    [
        "base: &b\n  n: 4\n  temperature: 0.3\nmodel: demo-arithmetic\ntask: arithmetic\nsampling:\n  <<: *b\n",
        "base: &b {n: 9}\nother: &o {temperature: 0.3, n: 4}\nmodel: demo-arithmetic\ntask: arithmetic\nsampling:\n  <<: [*o, *b]\n",
        "base: &b {n: 9, temperature: 0.3}\nmodel: demo-arithmetic\ntask: arithmetic\nsampling:\n  <<: *b\n  n: 4\n",
        "sampling: &s {n: 4, temperature: 0.3}\nmodel: demo-arithmetic\ntask: arithmetic\n",
    ],
)
def test_anchors_and_merge_keys_work(text: str, tmp_path: Path) -> None:
    config = load(tmp_path, text)
    assert (config.sampling.n, config.sampling.temperature) == (4, 0.3)


def test_an_unknown_section_without_an_anchor_stays_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="unknown key 'base'"):
        load(tmp_path, "base: {n: 4}\n" + GOOD)


@pytest.mark.parametrize("depth", [100, 2000, 100_000])
@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ("{a: ", "}")])
def test_deep_nesting_is_one_line(depth: int, opening: str, closing: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as raised:
        load(tmp_path, GOOD + "analysis: " + opening * depth + "1" + closing * depth)
    assert len(str(raised.value)) < 2000


def test_aliases_do_not_unfold_without_end(tmp_path: Path) -> None:
    bomb = "a0: &a0 [x, x]\n" + "".join(
        f"a{i + 1}: &a{i + 1} [{', '.join([f'*a{i}'] * 9)}]\n" for i in range(12)
    )
    with pytest.raises(ConfigError, match="aliases unfold it to more than"):
        load(tmp_path, GOOD + bomb)


def test_names_that_no_file_can_have_are_one_line() -> None:
    for name in ("a\0b", "\ud800"):
        with pytest.raises(ConfigError):
            load_config(Path(name))


TEXT = st.text(
    st.characters(exclude_categories=["Cs", "Cc"]) | st.sampled_from("0123456789eE+-._:~<>=yesnoff\n\t"),
    max_size=8,
)
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)


@given(PLAIN)
@settings(deadline=None, max_examples=300)
def test_what_is_written_reads_back_as_the_same(tree: Any) -> None:
    assert read_yaml(write_yaml({"tree": tree}), "here") == {"tree": tree}


@given(st.lists(st.sampled_from(
    ["a", "b", ":", " ", "\n", "  ", "- ", "[", "]", "{", "}", "&x ", "*x", "<<: ", "!!int ", "!!str ", "1", "0x", "yes", "'", '"', "\\", "#", "|", ">", "?",
     "%", "@", "`", "---\n", "...\n", "\t", "9" * 30, ".", "\x07", "\ufeff", "é", "~", ",", "!!binary ", "!!set ", "!!timestamp "]), max_size=25))  # fmt: skip
@settings(deadline=None, max_examples=1500)
def test_any_text_is_read_or_refused_in_one_line(parts: list[str]) -> None:
    text = "".join(parts)
    for read in (
        lambda: read_yaml(text, "here"),
        lambda: parse_plugin(text, "--problems"),
        lambda: parse_config(text, out=Path("x")),
    ):
        try:
            read()
        except TtscaleError as error:
            assert len(str(error)) < 2000


def test_a_stored_configuration_reads_back(tmp_path: Path) -> None:
    config = load(
        tmp_path,
        GOOD,
        'model.revision="1e5"',
        "task.problems=3",
        'sampling.stop=["yes", "010", "1:30", "2024-01-31"]',
    )
    text = dump_config(config)
    assert parse_config(text, out=config.out) == config
    assert check_config({**read_yaml(text, "x"), "out": os.fspath(config.out)}) == config
