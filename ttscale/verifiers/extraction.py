"""Finding the answer inside a completion: named extractors, tried in order.

An extractor takes the completion and returns the piece of text that states the answer, or None. It does not
interpret that piece: comparing is the verifier's business. Where a completion states several answers, the
last one counts, because models correct themselves.

Every pattern here takes time linear in the length of the completion, whatever is in it. A pattern of the
user's own may not, and is searched in a process that can be killed.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator

from ttscale.errors import did_you_mean, listed
from ttscale.verifiers.contract import Candidate
from ttscale.verifiers.cues import cue_ends
from ttscale.verifiers.numbers import last_number
from ttscale.verifiers.workers import JobResult, JobStatus, WorkerPool

Extractor = Callable[[str], str | None]

SEARCH_LIMIT_S = 2.0
"""Computing time for a user's pattern on one completion."""

_BOX_PARTS = re.compile(r"\\(?:boxed|fbox)\s*\{|\\.|[{}]", re.DOTALL)
_SIMPLE_BOX = re.compile(r"\\boxed\{([^{}\\]*)\}")
_BARE_BOX = re.compile(r"\\(?:boxed|fbox)[ \t]+([^\s{}$\\]+)")

_BETWEEN_BOXES = re.compile(
    # "$\boxed{2}$, $\boxed{4}$ and $x = \boxed{9}$": nothing but list words, perhaps a variable.
    r"(?=[^,;]*(?:[,;]|\b(?:and|or)\b|\\(?:text\{\s*(?:and|or)\s*\}|quad)))"
    r"(?:[\s$,;&]|\\[()\[\]]|\\text\{\s*(?:and|or)\s*\}|\\q?quad|\b(?:and|or)\b|(?<![A-Za-z])[A-Za-z](?:_\{?\w\}?)?\s*=){1,20}"
)

_ANSWER_TAG = re.compile(r"<answer>(.*?)</answer>", re.DOTALL | re.IGNORECASE)

_HASHES = "####"
_HASH_LINE = re.compile(r"(?<!#)####(?!#)[ \t]*+([^\n]*)")
_HEADING = re.compile(
    # Four hashes also make a Markdown heading: "#### Step 2", "#### 1. Sales in May", "#### Calculating 48 / 2".
    r"(?:step|part|case|section|solution|question|example|problem|method|approach|note|explanation|verification)\b"
    r"|[0-9]{1,2}[.):]\s+[A-Za-z*]|[a-z]+ing\b(?!\s*[:=])|\*\*[^*0-9]*\*\*:?$|.*:$",
    re.IGNORECASE,
)

_SENTENCE_END = re.compile(r"(?<!\\)[.!?;](?=\s|$|[*_\"'])|[。！？；।؟]")
_PROSE_FIRST = re.compile(
    r"(?:[0-9]{1,2}[.)]\s+)?(?!(?:about|approximately|around|roughly|exactly|nearly|USD|EUR|Rs)\b)[A-Za-z]{2,}[a-z']*,?\s+\S|[-*•]\s+\S"
)
"""What begins like a text and not like a value: "In May she", "1. Each box", a list."""
_MARKUP = " \t\r*_`\"'"


def boxed(completion: str) -> str | None:
    r"""Return the content of the last complete ``\boxed{...}``, with braces nested to any depth.

    >>> boxed(r"First \boxed{1}, no: \boxed{\frac{3}{4}}.")
    '\\frac{3}{4}'
    """
    last_box = completion.rfind("\\boxed")
    if last_box < 0 and "\\fbox" not in completion:
        return None
    if simple := _SIMPLE_BOX.match(completion, max(last_box, 0)):
        return simple.group(1)
    last_start, answer = -1, None
    open_boxes: list[int] = []  # content's start for a box, -1 for any other brace
    for part in _BOX_PARTS.finditer(completion):
        token = part.group()
        if token == "}":
            start = open_boxes.pop() if open_boxes else -1
            if start > last_start:
                last_start, answer = start, completion[start : part.start()]
        elif token == "{":
            open_boxes.append(-1)
        elif token[-1] == "{" and len(token) > 2:  # a box, not an escaped brace
            open_boxes.append(part.end())
    return answer if answer is not None else _last_group(_BARE_BOX, completion)


def boxes(completion: str) -> str | None:
    r"""Return the content of the last box, or of the last boxes where they are one list.

    >>> boxes(r"They are $\boxed{2}$, $\boxed{4}$ and $\boxed{9}$."), boxes(r"\boxed{4}? No: \boxed{9}.")
    ('2, 4, 9', '9')
    """
    last = boxed(completion)
    if last is None or completion.count("\\boxed") < 2:
        return last
    found = [*_whole_boxes(completion)]
    listed = [found[-1]] if found else []
    for before in reversed(found[:-1]):
        if not _BETWEEN_BOXES.fullmatch(completion, before[1], listed[0][0]):
            break
        listed.insert(0, before)
    contents = dict.fromkeys(content for *_, content in listed)
    return ", ".join(contents) if len(contents) > 1 else last


def _whole_boxes(completion: str) -> Iterator[tuple[int, int, str]]:
    """Yield start, end and content of every outermost complete box, in order."""
    depth, start, content = 0, -1, 0
    outer = 0
    for part in _BOX_PARTS.finditer(completion):
        token = part.group()
        if token == "}":
            depth -= depth > 0
            if start >= 0 and depth == outer:
                yield start, part.end(), completion[content : part.start()].strip()
                start = -1
        elif token == "{" or (token[-1] == "{" and len(token) > 2):
            if token != "{" and start < 0:
                start, content, outer = part.start(), part.end(), depth
            depth += 1


def answer_tag(completion: str) -> str | None:
    """Return the content of the last complete ``<answer>...</answer>``.

    >>> answer_tag("<answer>1</answer> no: <answer> 2 </answer>")
    '2'
    """
    if "</" not in completion:
        return None
    found = _ANSWER_TAG.findall(completion)
    return found[-1].strip() or None if found else None


def hash_line(completion: str) -> str | None:
    """Return what follows the last ``####`` on its line, the format of GSM8K.

    >>> hash_line("9 * 2 = 18\\n#### 18")
    '18'
    """
    start = completion.rfind(_HASHES)
    if start < 0 or _is_superseded(completion[start + len(_HASHES) :]):
        return None
    while start >= 0:
        line = _HASH_LINE.match(completion, start)
        answer = line.group(1).strip() if line else ""
        if answer and not _HEADING.match(answer):
            return answer
        start = completion.rfind(_HASHES, 0, start)
    return None


def _is_superseded(rest: str) -> bool:
    """Return whether an answer is boxed or announced below the last line of hashes, which then was a heading."""
    below = rest.partition("\n")[2]
    return bool(below) and (boxed(below) is not None or answer_is(below) is not None)


def answer_is(completion: str) -> str | None:
    """Return what follows the last "the answer is", "Answer:" or their like, up to the end of the sentence.

    >>> answer_is("So the final answer is **18 dollars**. Let me know!"), answer_is("所以答案是C。")
    ('18 dollars', 'C')
    """
    # Lazily and from the last: reading a statement after every cue would take quadratic time.
    statements = (_statement(completion, end) for end in reversed(cue_ends(completion)))
    return next((statement for statement in statements if statement), None)


def answer_text(completion: str) -> str | None:
    """Return all that follows the last "Answer:", where that is a text and not a value.

    >>> answer_text("Answer: She sold 24 in May. Altogether she sold 72."), answer_text("Answer: 72 clips")
    ('She sold 24 in May. Altogether she sold 72.', None)
    """
    for end in reversed(cue_ends(completion)):
        if completion[:end].rstrip(_MARKUP)[-1:] in (":", "：") and (
            text := completion[end:].strip(_MARKUP + "\n")
        ):
            return text if _PROSE_FIRST.match(text) else None
    return None


def last_line(completion: str) -> str | None:
    """Return the last line that is not blank.

    >>> last_line("3 + 4\\n7\\n")
    '7'
    """
    text = completion.rstrip()
    return text[text.rfind("\n") + 1 :].strip() or None


def whole(completion: str) -> str | None:
    """Return the completion as it is."""
    return completion


EXTRACTORS: Mapping[str, Extractor] = MappingProxyType(
    {
        "boxed": boxed,
        "boxes": boxes,
        "answer-tag": answer_tag,
        "hash": hash_line,
        "answer-is": answer_is,
        "answer-text": answer_text,
        "last-number": last_number,
        "last-line": last_line,
        "whole": whole,
    }
)
"""name -> extractor. "regex:PATTERN" is one more spelling, for a pattern of the user's own."""

UNSTATED = frozenset({"last-number", "last-line", "answer-text"})
"""Extractors whose piece nobody called an answer: of a truncated completion it is none."""

ENCLOSED = frozenset({"boxed", "boxes", "answer-tag"})
"""Extractors whose piece is the answer and nothing else."""

_OPEN_ENDED = frozenset({"hash", "answer-is"})

_REGEX = "regex:"


def find_extractor(name: str) -> Extractor:
    """Return the extractor of a name, or of a pattern written ``regex:PATTERN``.

    Raises:
        ValueError: No such extractor, or the pattern is not a regular expression.
    """
    if name.startswith(_REGEX):
        return RegexExtractor(name.removeprefix(_REGEX))
    if name not in EXTRACTORS:
        raise ValueError(
            f"Unknown extractor '{name}'.{did_you_mean(name, EXTRACTORS)} Known: {listed(EXTRACTORS)}, "
            "and 'regex:PATTERN' for your own."
        )
    return EXTRACTORS[name]


class RegexExtractor:
    """The last match of a user's pattern: its first group, or all of it without groups.

    Nothing is known of the pattern's running time, so it is searched in worker processes.

    Raises:
        ValueError: The pattern is not a regular expression.
    """

    def __init__(self, pattern: str) -> None:
        try:
            re.compile(pattern)
        except re.error as error:
            raise ValueError(f"'{pattern}' is not a regular expression: {error}.") from error
        self._pool = WorkerPool(
            "ttscale.verifiers.extraction:start_search", {"pattern": pattern}, time_limit_s=SEARCH_LIMIT_S
        )
        self._found: dict[str, JobResult] = {}

    def __call__(self, completion: str) -> str | None:
        """Return the answer found in one completion.

        Raises:
            SearchError: The search took too long.
        """
        if completion not in self._found:
            self.prefetch([completion])
        result = self._found[completion]
        if result.status is not JobStatus.DONE:
            raise SearchError(f"Searching the pattern failed: {result.detail}")
        return result.value if isinstance(result.value, str) else None

    def prefetch(self, completions: Iterable[str]) -> None:
        """Search many completions at once; the calls that follow only look up."""
        different = list(dict.fromkeys(completions))
        self._found = dict(zip(different, self._pool.run(different), strict=True))


class Extractors:
    """Extractors in the order in which they are tried.

    Args:
        names: See `find_extractor`.

    >>> hashes = Extractors(["hash"])
    >>> [*hashes.pieces("#### 12")], [*hashes.pieces("#### 12", is_cut=True)], [*hashes.pieces("#### 12\\n", is_cut=True)]
    ([('hash', '12')], [], [('hash', '12')])
    """

    def __init__(self, names: Iterable[str]) -> None:
        self._named = tuple((name, find_extractor(name)) for name in names)

    def prefetch(self, candidates: Iterable[Candidate]) -> None:
        """Let extractors that work in other processes see a whole batch at once."""
        completions = [candidate.sample.completion for candidate in candidates]
        for _, extract in self._named:
            if isinstance(extract, RegexExtractor):
                extract.prefetch(completions)

    def pieces(self, completion: str, *, is_cut: bool = False) -> Iterator[tuple[str, str]]:
        """Yield the name and the piece of every extractor that finds one.

        Args:
            completion: The text.
            is_cut: Whether it was cut off: then only what it gave as its answer, and before the cut. A statement that ends
                where the text does is left out, for the cut may have taken the rest of ``#### 12``.

        Raises:
            SearchError: A pattern of the user's came to no end.
        """
        for name, extract in self._named:
            if (is_cut and name in UNSTATED) or not (piece := extract(completion)):
                continue
            if not (is_cut and name in _OPEN_ENDED and completion.endswith(piece)):
                yield name, piece


class SearchError(Exception):
    """A user's pattern came to no end on one completion."""


def start_search(pattern: str) -> Extractor:
    """Return the function that workers run for a `RegexExtractor`."""
    compiled = re.compile(pattern)
    group = 1 if compiled.groups else 0
    return lambda completion: _last_group(compiled, completion, group)


def _last_group(pattern: re.Pattern[str], text: str, group: int = 1) -> str | None:
    """Return a group of the last match in which it is not empty, stripped."""
    found = None
    for match in pattern.finditer(text):
        found = (match.group(group) or "").strip() or found
    return found


def _statement(text: str, start: int) -> str | None:
    """Return the sentence that begins at `start`; if its line is empty, the next line's."""
    end = text.find("\n", start)
    line = text[start:] if end < 0 else text[start:end]
    if not line.strip(_MARKUP) and end >= 0:
        after = re.compile(r"\s*([^\n]*)").match(text, end)
        line = after.group(1) if after else ""
    sentence_end = _SENTENCE_END.search(line)
    return (line[: sentence_end.start()] if sentence_end else line).strip(_MARKUP) or None


def _as_tuple(value: Any) -> Any:
    """Let a single name stand for a list of one."""
    return (value,) if isinstance(value, str) else value


def _checked(names: Iterable[str]) -> tuple[str, ...]:
    checked = tuple(names)
    if not checked:
        raise ValueError("An empty list of extractors finds nothing; 'whole' takes the completion as it is.")
    for name in checked:
        find_extractor(name)
    return checked


ExtractorNames = Annotated[tuple[str, ...], BeforeValidator(_as_tuple), AfterValidator(_checked)]
"""The type of an `extract` option: names from `EXTRACTORS` or ``regex:PATTERN``, tried in order."""
