"""YAML as its version 1.2 reads it, and nothing silently: the one way in which configurations and price files are read.

* `true` and `false` are the only truth values; `yes`, `on` and `no` are text. A number has no leading zeros (010 and 007 are
  text), no colons (1:30 is text) and no underscores; a date is text. 1e5 is a number.
* A key that stands twice is an error, also in ``--set``; keys are text. Merge keys (``<<: *base``) work.
* Tags (``!!int``, ``!!python/...``) other than ``!!str``, text that no file can hold, aliases that refer to themselves or unfold to
  more than `MOST_NODES` values, and nesting without end are errors with their place.
"""

import re
from collections.abc import Collection
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError
from yaml.constructor import ConstructorError
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from ttscale.errors import ConfigError, InvalidInputError
from ttscale.plain_files import read_plain_text

M = TypeVar("M", bound=BaseModel)

MOST_NODES = 200_000
"""Values of a document, each counted as often as aliases unfold it."""
_LONGEST_NUMBER = 400
_CORE_TAGS = frozenset(
    f"tag:yaml.org,2002:{name}" for name in ("str", "int", "float", "bool", "null", "map", "seq", "merge")
)
_SCALARS: tuple[tuple[str, str, str], ...] = (
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("int", r"[-+]?(?:0|[1-9][0-9]*)|0o[0-7]+|0x[0-9a-fA-F]+", "-+0123456789"),
    ("float", r"[-+]?(?:\.[0-9]+|(?:0|[1-9][0-9]*)(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?", "-+0123456789."),
    ("float", r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)", "-+."),
    ("null", r"~|null|Null|NULL|", "~nN\0"),
    ("merge", r"<<", "<"),
)
"""YAML 1.2's core schema, numbers as in its JSON schema: tag, pattern, first characters (NUL: none)."""


class _Loader(yaml.SafeLoader):
    """Reads one document."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012 - PyYAML's own shape

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.anchored: set[int] = set()
        self.n_nodes = 0

    def compose_node(self, parent: Node | None, index: Any) -> Node | None:
        """Count nodes while they are made, and remember which have an anchor."""
        event: Any = self.peek_event()  # type: ignore[no-untyped-call]
        self.n_nodes += 1
        if self.n_nodes > MOST_NODES:
            raise ConstructorError(
                None, None, f"the document has more than {MOST_NODES:,} values", event.start_mark
            )
        node: Node | None = super().compose_node(parent, index)
        if getattr(event, "anchor", None) and not isinstance(event, yaml.AliasEvent):
            self.anchored.add(id(node))
        return node

    def construct_object(self, node: Node, deep: bool = False) -> Any:
        """Construct a value; whatever fails names its place."""
        if node.tag not in _CORE_TAGS:
            raise _wrong(f"the tag '{node.tag.rpartition(':')[2]}' is not read here", node)
        try:
            return super().construct_object(node, deep=deep)
        except (ValueError, TypeError, OverflowError, AttributeError, LookupError) as error:
            what = f"{node.value[:60]!r}" if isinstance(node, ScalarNode) else "this"
            raise _wrong(f"{what} cannot be read ({error})", node) from error

    def construct_mapping(self, node: MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Refuse keys that stand twice, or are no text."""
        seen: set[str] = set()
        for key, _ in node.value:
            if not isinstance(key, ScalarNode) or key.tag not in _TEXT_KEYS:
                shown = f"'{key.value}'" if isinstance(key, ScalarNode) else "a list or section"
                raise _wrong(f"the key {shown} should be text: put it in quotes", key)
            if key.value in seen and key.tag != _MERGE:
                raise _wrong(f"the key '{key.value}' stands here twice", key)
            seen.add(key.value)
        return super().construct_mapping(node, deep)


_MERGE = "tag:yaml.org,2002:merge"
_TEXT_KEYS = ("tag:yaml.org,2002:str", _MERGE)


class _Dumper(yaml.SafeDumper):
    """Quotes what either version of YAML would read as something other than text."""


for _name, _pattern, _first in _SCALARS:
    _tag, _compiled = f"tag:yaml.org,2002:{_name}", re.compile(rf"^(?:{_pattern})$")
    _firsts = [each if each != "\0" else "" for each in _first]
    _Loader.add_implicit_resolver(_tag, _compiled, _firsts)
    if _name != "merge":
        _Dumper.add_implicit_resolver(_tag, _compiled, _firsts)


def _construct_int(loader: yaml.SafeLoader, node: ScalarNode) -> int:
    if len(node.value) > _LONGEST_NUMBER:
        raise _wrong(f"a number of {len(node.value):,} digits is none that is meant", node)
    return int(node.value, 0)


_Loader.add_constructor("tag:yaml.org,2002:int", _construct_int)


def read_yaml(
    text: str, source: str, *, known: Collection[str] | None = None, error: type[Exception] = ConfigError
) -> Any:
    """Return what a YAML document holds.

    Args:
        text: The document.
        source: Its name, for messages.
        known: The keys that the document's top level may have. A key of another name whose value has an anchor only
            defines what other places refer to, and is left out.
        error: The class of what is raised.

    Raises:
        ConfigError: Or `error`: it is no YAML, or holds what is not read here; with the place.

    >>> read_yaml("{n: 010, on: yes, base: &b {k: 1}, more: {<<: *b}}", "here", known=("n", "on", "more"))
    {'n': '010', 'on': 'yes', 'more': {'k': 1}}
    """
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
        if node is None:
            return None
        _require_finite(node)
        if known is not None and isinstance(node, MappingNode):
            node.value = [
                (key, value)
                for key, value in node.value
                if key.value in known or id(value) not in loader.anchored
            ]
        return loader.construct_document(node)
    except yaml.YAMLError as problem:
        raise error(_said(problem, source)) from problem
    except RecursionError:
        raise error(f"{source}: not valid YAML here: it is nested too deeply.") from None
    except (ValueError, OverflowError) as problem:  # an escape of a character that there is not
        raise error(f"{source}: not valid YAML here: {problem}.") from problem


def read_entries(path: Path, kind: type[M], *, what: str, fix: str) -> dict[str, M]:
    """Read a YAML file that maps names to entries of one kind, each checked.

    Args:
        path: The file.
        kind: What an entry must be.
        what: An entry's name, such as "Price".
        fix: What to give, where an entry is wrong.

    Raises:
        InvalidInputError: It cannot be read, is no mapping, or has an entry of another kind.
    """
    try:
        text = read_plain_text(path, InvalidInputError)
    except (OSError, ValueError) as error:
        raise InvalidInputError(f"{what} file {path} cannot be read: {error}") from error
    tree = read_yaml(text, f"{what} file {path}", error=InvalidInputError)
    if not isinstance(tree, dict):
        raise InvalidInputError(f"{what} file {path} must map model names to entries. {fix}.")
    found = {}
    for name, row in tree.items():
        try:
            found[str(name)] = kind.model_validate(row)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"])) or "it"
            raise InvalidInputError(
                f"{what} of '{name}' in {path}: {where}: {first['msg']}. {fix}."
            ) from error
    return found


def write_yaml(tree: Any) -> str:
    """Return plain data as YAML that reads back as the same."""
    return str(yaml.dump(tree, Dumper=_Dumper, sort_keys=False, allow_unicode=True))


def require_finite(node: Node, most: int = MOST_NODES) -> None:
    """Refuse a document whose aliases refer to themselves or unfold to too much; for readers with a loader of their own.

    Raises:
        InvalidInputError: With the line.
    """
    try:
        _require_finite(node, most)
    except ConstructorError as problem:
        mark = problem.problem_mark or node.start_mark
        raise InvalidInputError(f"line {mark.line + 1}: {problem.problem}") from None


def _require_finite(node: Node, most: int = MOST_NODES) -> None:
    """Count every node as often as aliases unfold it, and look for text that cannot be stored."""
    sizes: dict[int, int] = {}

    def size(one: Node) -> int:
        known = sizes.get(id(one))
        if known is not None:
            if known == 0:
                raise _wrong("an alias refers to what it stands in", one)
            return known
        sizes[id(one)] = 0
        if isinstance(one, ScalarNode):
            total = 1
            if not one.value.isascii() and LONE_SURROGATE.search(one.value):
                raise _wrong(f"{one.value[:60]!r} has half of a character (a lone surrogate)", one)
        else:
            parts = (
                one.value if isinstance(one, SequenceNode) else [each for pair in one.value for each in pair]
            )
            total = 1 + sum(map(size, parts))
        if total > most:
            raise _wrong(f"aliases unfold it to more than {most:,} values", one)
        sizes[id(one)] = total
        return total

    size(node)


LONE_SURROGATE = re.compile("[\ud800-\udfff]")
"""What no file, tokenizer or request can hold."""


def _wrong(what: str, node: Node) -> ConstructorError:
    return ConstructorError(None, None, what, node.start_mark)


def _said(error: yaml.YAMLError, source: str) -> str:
    mark = getattr(error, "problem_mark", None)
    place = f"{source}:{mark.line + 1}:{mark.column + 1}" if mark else source
    said = getattr(error, "problem", None) or " ".join(str(error).split())
    return f"{place}: not valid YAML: {said}"
