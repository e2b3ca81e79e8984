"""Nothing that is read may run: no pickle, no code of a model, no YAML that builds objects; and what is installed is known."""

import ast
import base64
import json
import pickle
import tomllib
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from ttscale.errors import TtscaleError
from ttscale.exchange.counts import read_counts
from ttscale.exchange.scores import read_score_tables
from ttscale.pipeline.importing import import_samples
from ttscale.tasks.livecodebench import _private_tests
from ttscale.tasks.loading import read_data

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "ttscale"
OWN_PIPES = {"pipeline/replicas/child.py", "pipeline/replicas/processes.py"}
"""A process and its own child, which it started itself, over a pipe that nobody else can open."""
NEVER = {
    "pickle.load", "pickle.loads", "pickle.Unpickler", "cloudpickle.load", "cloudpickle.loads", "dill.load", "dill.loads",
    "joblib.load", "marshal.load", "marshal.loads", "shelve.open", "torch.load", "pd.read_pickle", "pandas.read_pickle",
    "yaml.load", "yaml.unsafe_load", "yaml.full_load", "yaml.load_all", "jsonpickle.decode", "runpy.run_path",
}  # fmt: skip


def calls() -> Iterator[tuple[str, ast.Call]]:
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                yield path.relative_to(PACKAGE).as_posix(), node


def keyword(call: ast.Call, name: str) -> ast.expr | None:
    return next((each.value for each in call.keywords if each.arg == name), None)


def is_constant(node: ast.expr | None, value: object) -> bool:
    return isinstance(node, ast.Constant) and node.value is value


def test_nothing_unpickles_but_a_process_from_its_own_child() -> None:
    found = {(file, ast.unparse(call.func)) for file, call in calls() if ast.unparse(call.func) in NEVER}
    safe_yaml = {(file, name) for file, name in found if name == "yaml.load" and file == "yaml_text.py"}
    assert {(file, name) for file, name in found - safe_yaml if file not in OWN_PIPES} == set()
    assert {
        file for file, name in found if name.startswith("pickle")
    } == OWN_PIPES  # the list is no wider than needed


def test_yaml_is_read_by_a_loader_that_builds_plain_data() -> None:
    for file, call in calls():
        if ast.unparse(call.func) in ("yaml.load", "yaml.load_all"):
            assert file == "yaml_text.py"
    import yaml

    from ttscale.yaml_text import read_yaml

    assert isinstance(yaml.SafeLoader, type)
    with pytest.raises(TtscaleError):
        read_yaml("!!python/object/apply:os.system ['true']", "here")


def test_no_call_lets_data_or_models_bring_code() -> None:
    for file, call in calls():
        name = ast.unparse(call.func)
        assert not is_constant(keyword(call, "allow_pickle"), True), file
        assert not is_constant(keyword(call, "weights_only"), False), file
        assert not is_constant(keyword(call, "trust_remote_code"), True), file
        if name.endswith(".from_pretrained") or name in ("LLM", "vllm.LLM"):
            assert keyword(call, "trust_remote_code") or any(each.arg is None for each in call.keywords), (
                file,
                call.lineno,
            )


class Bomb:
    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, tuple[Path]]:
        return Path.touch, (self.mark,)


@pytest.fixture
def mark(tmp_path: Path) -> Path:
    """Is there once a pickle was loaded."""
    return tmp_path / "exploded"


@pytest.mark.parametrize(
    "suffix", ["csv", "jsonl", "json", "parquet", "npy", "npz", "pkl", "pickle", "pt", "bin", "arrow"]
)
def test_a_pickle_is_not_loaded_whatever_it_is_called(tmp_path: Path, mark: Path, suffix: str) -> None:
    path = tmp_path / f"data.{suffix}"
    path.write_bytes(pickle.dumps([Bomb(mark)]))
    for read in (
        lambda: read_counts(path),
        lambda: read_score_tables(path, ["rm"]),
        lambda: read_data(str(path)),
        lambda: import_samples([path], tmp_path / "run"),
        lambda: import_samples([path], tmp_path / "run", format_name="table"),
    ):
        with pytest.raises(TtscaleError):
            read()
    assert not mark.exists()
    pickle.loads(path.read_bytes())
    assert mark.exists()  # it would have been seen


def test_private_tests_are_unpickled_without_any_class(mark: Path) -> None:
    def packed(value: object) -> str:
        return base64.b64encode(zlib.compress(pickle.dumps(value))).decode()

    assert _private_tests(packed(json.dumps([{"input": "1"}])), "a") == [{"input": "1"}]
    with pytest.raises(TtscaleError, match="cannot be decoded"):
        _private_tests(packed(Bomb(mark)), "a")
    assert not mark.exists()


# ---- what is installed --------------------------------------------------------------------------


def test_constraints_name_a_version_that_fits_for_everything_an_extra_asks_for() -> None:
    described = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = described["optional-dependencies"]
    assert {"cpu", "openai", "datasets", "math", "test"} <= {
        path.stem for path in (ROOT / "constraints").glob("*.txt")
    }
    for path in (ROOT / "constraints").glob("*.txt"):
        lines = [line for line in path.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
        pinned = dict(line.split("==") for line in lines)
        assert list(pinned) == sorted(pinned)
        for text in [*described["dependencies"], *extras[path.stem]]:
            wanted, told = Requirement(text), f"{path.name}: {text}; `make constraints` writes it anew"
            if wanted.name != "ttscale":
                version = pinned.get(canonicalize_name(wanted.name))
                assert version is not None, told
                assert wanted.specifier.contains(version, prereleases=True), told
