"""A JSON document read piece by piece: one large array or object, never more of it in memory than one element.

`json` reads documents whole; lines of JSON Lines can be read one at a time, but some tools write all samples as one
document. Parsing itself is left to `json`, so what Python writes (``NaN`` among it) can be read.
"""

import codecs
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, NoReturn

from ttscale.errors import InvalidInputError
from ttscale.exchange.lines import CHUNK, MOST_VALUES, has_many_values, open_binary, read_objects

MOST_VALUE_CHARACTERS = 128 * 2**20
"""Of one element that is kept in memory; elements that are skipped may be of any size."""
_MOST_LOOKED_AT = 64 * 2**20
"""Of one element for a first look."""
MOST_SMALL = 2**20
"""Elements of an array, or keys of an object, that may be smaller than any sample on average: 32 MB of ``[[],[],...`` took over 100 s."""
_SMALL_CHARACTERS = 16
_SPACE = re.compile(r"[ \t\r\n]*")
_STRUCTURE = re.compile(r'["{}\[\]]')
_STRING_END = re.compile(r'["\\]')
_FOLLOWING = tuple(",]} \t\r\n")
_CUT_OFF = "Unterminated string", "Invalid \\u", "Invalid \\escape"


class JsonStream:
    """A position in a JSON document.

    Args:
        file: Opened for reading bytes.
        name: For messages.
        most: Characters of one value that are kept in memory.
    """

    def __init__(self, file: IO[bytes], name: str, *, most: int = MOST_VALUE_CHARACTERS) -> None:
        self._file = file
        self._name = name
        self._most = most
        self._decoder = json.JSONDecoder()
        self._utf8 = codecs.getincrementaldecoder("utf-8-sig")()
        self._buffer = ""
        self._at = 0
        self._before = 0  # characters read and forgotten
        self._is_ended = False
        self._is_behind_value = False

    def peek(self) -> str:
        """Return the next character that is no space, "" at the end of the file."""
        while True:
            match = _SPACE.match(self._buffer, self._at)
            self._at = match.end() if match else self._at
            if self._at < len(self._buffer):
                return self._buffer[self._at]
            if not self._more():
                return ""

    def members(self) -> Iterator[str]:
        """Yield the keys of the object that begins here.

        The value of each may be taken with `value`, `members` or `elements`; one that is not taken is skipped.
        """
        for _ in self._items("{", "}"):
            if self.peek() != '"':
                self._fail("a key in quotes is missing")
            key = self.value()
            self._expect(":")
            self._is_behind_value = False
            yield key

    def elements(self) -> Iterator[int]:
        """Yield the numbers of the elements of the array that begins here; see `members`."""
        for number in self._items("[", "]"):
            self._is_behind_value = False
            yield number

    def value(self) -> Any:
        """Return the value that begins here.

        Raises:
            InvalidInputError: It is no JSON, longer than allowed, or the file ends within it.
        """
        if not self.peek():
            self._fail("the file ends here: it is truncated, or still being written")
        while True:
            try:
                value, end = self._decoder.raw_decode(self._buffer, self._at)
            except json.JSONDecodeError as error:
                self._go_on_after(error)
                continue
            except RecursionError:
                self._fail("it is nested too deeply")
            # A number may go on behind the buffer's end ("1." of 1.5): only what follows tells that it is whole.
            is_whole = self._buffer[end : end + 1] in _FOLLOWING or isinstance(value, str | list | dict)
            if is_whole or not self._more():
                self._at = end
                self._is_behind_value = True
                return value

    def skip(self) -> None:
        """Pass over the value that begins here, however long, keeping nothing of it."""
        if self.peek() not in ("{", "[", '"'):
            self.value()
            return
        depth = 0
        while True:
            match = _STRUCTURE.search(self._buffer, self._at)
            if match is None:
                self._at = len(self._buffer)
                self._require_more()
                continue
            self._at = match.end()
            if match.group() == '"':
                self._skip_string()
            else:
                depth += 1 if match.group() in "{[" else -1
            if depth == 0:
                self._is_behind_value = True
                return

    def require_end(self) -> None:
        """Refuse anything behind the document.

        Raises:
            InvalidInputError: There is something.
        """
        if self.peek():
            self._fail("there is more behind the end of the document")

    def _items(self, opening: str, closing: str) -> Iterator[int]:
        self._expect(opening)
        began = self._before + self._at
        number = 0
        while self.peek() != closing:
            if number:
                self._expect(",")
            if number >= MOST_SMALL and self._before + self._at - began < number * _SMALL_CHARACTERS:
                self._fail(
                    f"more than {MOST_SMALL:,} values of fewer than {_SMALL_CHARACTERS} characters are no samples"
                )
            yield number
            if not self._is_behind_value:
                self.skip()
            number += 1
        self._at += 1
        self._is_behind_value = True

    def _expect(self, character: str) -> None:
        found = self.peek()
        if found != character:
            what = f"'{found}' stands" if found else "the file ends"
            self._fail(f"{what} where '{character}' should be")
        self._at += 1

    def _skip_string(self) -> None:
        while True:
            match = _STRING_END.search(self._buffer, self._at)
            if match is None:
                self._at = len(self._buffer)
                self._require_more()
            elif match.group() == '"':
                self._at = match.end()
                return
            else:
                self._at = match.end()
                if self._at >= len(self._buffer):
                    self._require_more()
                self._at += 1  # whatever is escaped

    def _go_on_after(self, error: json.JSONDecodeError) -> None:
        """Read on where a value may only be cut off by the end of the buffer; otherwise it is wrong."""
        is_cut_off = error.msg.startswith(_CUT_OFF) or error.pos >= len(self._buffer) - len("-Infinity")
        if not is_cut_off:
            self._fail(error.msg, at=error.pos)
        held = len(self._buffer) - self._at
        if held > self._most:
            self._fail(f"one value is longer than {self._most:,} characters")
        if has_many_values(self._buffer):
            self._fail(f"one value holds more than {MOST_VALUES:,} others")
        if not self._more(min(max(CHUNK, held), self._most + 1 - held)):
            self._fail("the file ends within a value: it is truncated, or still being written")

    def _require_more(self) -> None:
        if not self._more():
            self._fail("the file ends within a value: it is truncated, or still being written")

    def _more(self, size: int = CHUNK) -> bool:
        """Read on; forget what was passed."""
        if self._is_ended:
            return False
        chunk = self._file.read(size)
        self._is_ended = not chunk
        try:
            text = self._utf8.decode(chunk, final=self._is_ended)
        except UnicodeDecodeError as error:
            raise InvalidInputError(f"{self._name} is not UTF-8 text: {error.reason}.") from error
        self._before += self._at
        self._buffer = self._buffer[self._at :] + text
        self._at = 0
        return bool(chunk)

    def _fail(self, what: str, *, at: int | None = None) -> NoReturn:
        place = self._before + (self._at if at is None else at)
        raise InvalidInputError(f"{self._name} is not valid JSON at character {place:,}: {what}.")


def read_records(path: Path, *, name: str | None = None) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield (place, object) of a JSON array of objects or of JSON Lines, whichever the file is.

    Args:
        path: The file.
        name: What messages call it; None: its path.

    Raises:
        InvalidInputError: It is neither, or damaged.
    """
    shown = name or str(path)
    with open_binary(path, name=name) as file:
        stream = JsonStream(file, shown)
        is_array = stream.peek() == "["
        if is_array:
            for number in stream.elements():
                yield f"{shown}: element {number}", _object(stream, f"{shown}: element {number}")
            stream.require_end()
    if not is_array:
        for number, record in read_objects(path, name=name):
            yield f"Line {number} of {shown}", record


def first_record(path: Path) -> dict[str, Any] | None:
    """Return the first object of a file as `read_records` gives it, or None: for a first look."""
    if not path.is_file():
        return None
    try:
        with open_binary(path) as file:
            stream = JsonStream(file, str(path), most=_MOST_LOOKED_AT)
            if stream.peek() == "[":
                return next((_object(stream, "") for _ in stream.elements()), None)
            return _object(stream, "")
    except InvalidInputError:
        return None


def top_keys(path: Path, most: int = 20) -> list[str]:
    """Return the first keys of a JSON document's object, [] for anything else: for a first look."""
    if not path.is_file():
        return []
    found: list[str] = []
    try:
        with open_binary(path) as file:
            stream = JsonStream(file, str(path), most=_MOST_LOOKED_AT)
            if stream.peek() == "{":
                for key in stream.members():
                    found.append(key)
                    if len(found) >= most:
                        break
    except InvalidInputError:
        pass
    return found


def _object(stream: JsonStream, where: str) -> dict[str, Any]:
    value = stream.value()
    if not isinstance(value, dict):
        raise InvalidInputError(f"{where} is no JSON object but {type(value).__name__}.")
    return value
