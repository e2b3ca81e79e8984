"""What the tests hold of the program's own objects: they do what is asked of them in the program's process.

An operation that takes nothing from the tests but other objects of the program, a key or an argument is done over there: ``len``,
iteration, items, attributes, calls, ``+`` or ``==`` of two of its objects. An operator with a value of the tests on its other side
would tell the program what is expected and let it answer for itself, so that is done only for instances of classes that the tests
make themselves, such as ``Stack()`` or ``Vector(1, 2) * 3``, whose operators are what is tested. Anything else cannot be judged from
here, and is an error of the verifier: neither right nor wrong.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ttscale.verifiers.code.inside.remote import Session


class UnsupportedError(Exception):
    """The test does what cannot be done across processes; neither right nor wrong."""


class Handle:
    """An object of the program that is not plain data.

    Args:
        session: The conversation with its process.
        number: Its number there.
        is_subject: Whether it is of a class that the tests make instances of.
    """

    def __init__(self, session: Session, number: int, *, is_subject: bool = False) -> None:
        object.__setattr__(self, "_session", session)
        object.__setattr__(self, "_number", number)
        object.__setattr__(self, "_is_subject", is_subject)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call it over there."""
        return _session(self).call({"on": number_of(self)}, args, kwargs)

    def __getattribute__(self, name: str) -> Any:
        if name == "__class__":
            return Handle
        if name.startswith("__"):
            raise AttributeError(f"'Handle' object has no attribute '{name}'")
        return _ask(self, do="get", name=name)

    def __setattr__(self, name: str, value: Any) -> None:
        _ask(self, do="set", name=name, value=_session(self).encode(value))

    def __bool__(self) -> bool:
        return _ask(self, do="truth") is True

    def __len__(self) -> int:
        return operator.index(_operate(self, "len"))

    def __iter__(self) -> Iterator[Any]:
        return iter(_operate(self, "iter"))

    def __getitem__(self, key: Any) -> Any:
        return _operate(self, "getitem", key)

    def __setitem__(self, key: Any, value: Any) -> None:
        _operate(self, "setitem", key, value)

    def __delitem__(self, key: Any) -> None:
        _operate(self, "delitem", key)

    def __contains__(self, item: Any) -> bool:
        _require_subject(self, item, "in")
        return _operate(self, "contains", item) is True

    def __str__(self) -> str:
        return str(_operate(self, "str"))

    def __repr__(self) -> str:
        return str(_operate(self, "repr"))

    def __enter__(self) -> Any:
        return _operate(self, "enter")

    def __exit__(self, *_: object) -> None:
        _operate(self, "exit")

    def __eq__(self, other: object) -> Any:
        return _equals(self, other)

    def __ne__(self, other: object) -> Any:
        return not _equals(self, other)

    def __hash__(self) -> int:
        return operator.index(_operate(self, "hash"))


def number_of(value: Handle) -> int:
    """Return an object's number over there."""
    number: int = object.__getattribute__(value, "_number")
    return number


def _session(handle: Handle) -> Session:
    session: Session = object.__getattribute__(handle, "_session")
    return session


def _is_subject(value: object) -> bool:
    return type(value) is Handle and object.__getattribute__(value, "_is_subject") is True


def _ask(handle: Handle, **request: Any) -> Any:
    return _session(handle).ask(on=number_of(handle), **request)


def _operate(handle: Handle, name: str, *operands: Any) -> Any:
    """Have an operation done; what comes of a tested class's operators is of it, too."""
    session = _session(handle)
    value = _ask(handle, do="operate", name=name, operands=[session.encode(each) for each in operands])
    if type(value) is Handle and _is_subject(handle):
        return session.handle(number_of(value), is_subject=True)
    return value


def _require_subject(handle: Handle, other: object, sign: str) -> None:
    """Refuse to hand a value of the tests to an object that could answer for itself."""
    if type(other) is Handle or _is_subject(handle):
        return
    session = _session(handle)
    kind = _ask(handle, do="kind")
    session.failure = UnsupportedError(
        f"the program gave an object of its class {kind['name']!s:.60}, and the tests use '{sign}' on it with a value of theirs"
    )
    raise session.failure


def _equals(handle: Handle, other: object) -> bool:
    """Compare; a function's result that says itself what it equals does not equal a value of the tests."""
    if type(other) is Handle:
        return number_of(other) == number_of(handle) or _operate(handle, "eq", other) is True
    equality = _ask(handle, do="kind")["equality"]
    if other is None or equality == "identity":
        return False
    if equality == "the program's" and not _is_subject(handle):
        _session(handle).judges_itself = True
        return False
    _require_subject(handle, other, "==")
    return _operate(handle, "eq", other) is True


def _binary(sign: str, name: str) -> Callable[[Handle, Any], Any]:
    def operate(self: Handle, other: Any) -> Any:
        _require_subject(self, other, sign)
        return _operate(self, name, other)

    return operate


def _unary(name: str) -> Callable[[Handle], Any]:
    return lambda self: _operate(self, name)


for _sign, _name in (
    ("+", "add"), ("-", "sub"), ("*", "mul"), ("/", "truediv"), ("//", "floordiv"), ("%", "mod"), ("**", "pow"), ("@", "matmul"),
    ("&", "and"), ("|", "or"), ("^", "xor"), ("<<", "lshift"), (">>", "rshift"),
):  # fmt: skip
    setattr(Handle, f"__{_name}__", _binary(_sign, _name))
    setattr(Handle, f"__r{_name}__", _binary(_sign, f"r{_name}"))
for _sign, _name in (("<", "lt"), (">", "gt"), ("<=", "le"), (">=", "ge")):
    setattr(Handle, f"__{_name}__", _binary(_sign, _name))
for _name in ("abs", "neg", "pos", "invert", "int", "float", "index", "reversed", "round"):
    setattr(Handle, f"__{_name}__", _unary(_name))


class Remote:
    """A function or class of the program, by name.

    Args:
        session: The conversation with its process.
        name: The name.
        writes_back: Whether lists and the like that a call changes in place change here, where it returns nothing.
    """

    def __init__(self, session: Session, name: str, *, writes_back: bool = True) -> None:
        self._session = session
        self._name = name
        self._writes_back = writes_back

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call it over there; by convention, a name in capitals is that of a class."""
        value = self._session.call({"name": self._name}, args, kwargs, writes_back=self._writes_back)
        if type(value) is Handle and self._name[:1].isupper():
            return self._session.handle(number_of(value), is_subject=True)
        return value

    def __getattr__(self, name: str) -> Any:
        """Read an attribute, such as a member of an enumeration or a static method."""
        if name.startswith("__"):
            raise AttributeError(f"'Remote' object has no attribute '{name}'")
        return getattr(self._itself(), name)

    def __getitem__(self, key: Any) -> Any:
        """Return an item, such as a member of an enumeration."""
        return self._itself()[key]

    def __iter__(self) -> Iterator[Any]:
        """Iterate over it, such as over the members of an enumeration."""
        return iter(self._itself())

    def __len__(self) -> int:
        """Return its length."""
        return len(self._itself())

    def __bool__(self) -> bool:
        """A function is true."""
        return True

    def __instancecheck__(self, value: object) -> bool:
        """Ask whether an object of the program is an instance of this class of it."""
        return type(value) is Handle and _operate(value, "isinstance", self._itself()) is True

    def _itself(self) -> Any:
        return self._session.ask(do="global", name=self._name)
