"""Right and wrong verdicts on cases after public bug reports, by kind, and beside math-verify alone.

    python benchmarks/verdict_cases.py ../shared/cases/answers.jsonl
    python benchmarks/verdict_cases.py tests/golden/cases/*.jsonl --wrong
    python benchmarks/verdict_cases.py ../shared/cases/answers.jsonl tests/golden/cases/*.jsonl --beside-math-verify \
        --math500 ../shared/data/math500.jsonl

A case is one completion with its key (or tests) and the expected outcome, or two boxed answers that are one class of a vote
or two. It is put through the verifier's public class. Cases whose `standing` is "arguable" or "not supported" are counted
apart. `--math500` adds every gold answer of MATH-500 in other notations (must be accepted) and those of other problems
(must be refused).
"""

import argparse
import json
import logging
import random
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ttscale.registry import load_plugin
from ttscale.types import Outcome, Problem, Sample, Verdict
from ttscale.verifiers.contract import Candidate, Verifier

Case = Mapping[str, Any]

_ANOTHER_KEY = "77777"
"""The key under which both answers of a pair are wrong, so that their classes are their own."""


def main() -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).split("\n", maxsplit=1)[0])
    parser.add_argument("files", type=Path, nargs="*", help="cases as JSONL")
    parser.add_argument("--verifiers", default="math,numeric,choice,exact", help="which cases, by verifier")
    parser.add_argument("--wrong", action="store_true", help="print every case that is judged wrongly")
    parser.add_argument(
        "--beside-math-verify", action="store_true", help="judge the math cases with math-verify alone, too"
    )
    parser.add_argument("--math500", type=Path, help="MATH-500 as JSONL")
    options = parser.parse_args()
    logging.disable(logging.CRITICAL)
    cases = [case for case in read_cases(options.files) if case["verifier"] in options.verifiers.split(",")]
    results = [(case, *judge(case)) for case in cases]
    print(by_kind(results))
    if options.wrong:
        for case, is_right, said in results:
            if not is_right:
                print(json.dumps({**case, "now": said}, ensure_ascii=False), file=sys.stderr)
    if options.beside_math_verify:
        print(beside_math_verify(cases, options.math500))


def read_cases(files: Iterable[Path]) -> list[dict[str, Any]]:
    return [
        json.loads(line) for path in files for line in path.read_text(encoding="utf-8").splitlines() if line
    ]


# ---- judging ------------------------------------------------------------------------------------


def judge(case: Case) -> tuple[bool, str]:
    """Return whether a case comes out as expected, and what came out."""
    if "box_a" in case:
        return judge_pair(case)
    verdict = verdict_on(case, case["completion"], case.get("answer"))
    read = f" (read: {verdict.answer})" if verdict.answer is not None else ""
    return verdict.outcome == case["expected"], f"{verdict.outcome}{read}"


def judge_pair(case: Case) -> tuple[bool, str]:
    """Compare two boxed answers: their classes in a vote, and each as the answer where the other is the key."""
    a, b = (rf"$\boxed{{{case[name]}}}$" for name in ("box_a", "box_b"))
    classes = [verdict_on(case, text, _ANOTHER_KEY).answer_class for text in (a, b)]
    outcomes = [verdict_on(case, b, case["box_a"]).outcome, verdict_on(case, a, case["box_b"]).outcome]
    is_one = classes[0] == classes[1] is not None
    equal = [outcome is Outcome.CORRECT for outcome in outcomes]
    expected = case["expected"].startswith("one")
    return (
        is_one is expected and all(each is expected for each in equal)
    ), f"{classes}, {[str(o) for o in outcomes]}"


def verdict_on(case: Case, completion: str, key: str | None) -> Verdict:
    problem = Problem(
        problem_id="1",
        prompt=case.get("prompt", "?"),
        answer=key,
        metadata=case.get("metadata", {}),
        hidden=case.get("hidden", {}),
    )
    sample = Sample(
        problem_id="1",
        sample_index=0,
        completion=completion,
        finish_reason=case.get("finish_reason", "stop"),
        prompt_tokens=None,
        completion_tokens=None,
    )
    verifier = verifier_of(case["verifier"], json.dumps(case.get("options", {}), sort_keys=True))
    return verifier.verify([Candidate(problem, sample)])[0]


_VERIFIERS: dict[tuple[str, str], Verifier] = {}


def verifier_of(name: str, options: str) -> Verifier:
    """Return a verifier by name and options as JSON, made once."""
    if (name, options) not in _VERIFIERS:
        plugin = load_plugin("verifiers", name)
        _VERIFIERS[name, options] = plugin(plugin.Options(**json.loads(options)))
    return _VERIFIERS[name, options]


# ---- counting -----------------------------------------------------------------------------------


def by_kind(results: Sequence[tuple[Case, bool, str]]) -> str:
    """Return a table of right and wrong by kind; arguable cases in columns of their own."""
    counts: dict[str, Counter[str]] = {}
    for case, is_right, _ in results:
        sure = case.get("standing", "right") in ("right", "wrong")
        column = ("right" if is_right else "wrong") if sure else ("as proposed" if is_right else "otherwise")
        for row in (f"{case['verifier']} | {case['kind']}", "all | all"):
            counts.setdefault(row, Counter())[column] += 1
    columns = ("right", "wrong", "as proposed", "otherwise")
    lines = [
        "| verifier | kind | right | wrong | arguable: as proposed | otherwise |",
        "| --- | --- | ---: | ---: | ---: | ---: |",
    ]
    rows = sorted(counts, key=lambda row: (row.startswith("all"), row))
    lines += [
        f"| {row} | " + " | ".join(str(counts[row][column]) for column in columns) + " |" for row in rows
    ]
    return "\n".join(lines)


# ---- beside math-verify -------------------------------------------------------------------------


def beside_math_verify(cases: Sequence[Case], math500: Path | None) -> str:
    """Return the false positives and negatives of the verifier `math` and of math-verify called plainly."""
    groups: dict[str, list[tuple[str, str, bool]]] = {"cases": [*math_cases(cases)]}
    if math500 is not None:
        golds = [json.loads(line)["answer"] for line in math500.read_text(encoding="utf-8").splitlines()]
        groups |= paraphrased(golds)
    lines = ["| cases | n | of them equal | ttscale: false + | false − | math-verify: false + | false − |"]
    lines.append("| --- | ---: | ---: | ---: | ---: | ---: | ---: |")
    for name, rows in groups.items():
        ours, theirs = errors(rows, ours_accepts), errors(rows, math_verify_accepts)
        n_equal = sum(expected for *_, expected in rows)
        lines.append(
            f"| {name} | {len(rows)} | {n_equal} | {ours[0]} | {ours[1]} | {theirs[0]} | {theirs[1]} |"
        )
    return "\n".join(lines)


def math_cases(cases: Sequence[Case]) -> Iterator[tuple[str, str, bool]]:
    """Yield (completion, key, is it right) of every case that is beyond doubt, pairs both ways."""
    for case in cases:
        if (
            case["verifier"] != "math"
            or case.get("standing", "right") not in ("right", "wrong")
            or "finish_reason" in case
        ):
            continue
        if "box_a" in case:
            for one, other in ((case["box_a"], case["box_b"]), (case["box_b"], case["box_a"])):
                yield rf"$\boxed{{{one}}}$", other, case["expected"].startswith("one")
        else:
            yield case["completion"], case["answer"], case["expected"] == "correct"


PARAPHRASES: dict[str, Callable[[str], str]] = {
    "as they are": lambda gold: gold,
    "dfrac for frac": lambda gold: gold.replace(r"\frac", r"\dfrac"),
    "displaystyle": lambda gold: rf"\displaystyle {gold}",
    "full stop behind": lambda gold: f"{gold}.",
    "line break behind": lambda gold: rf"{gold} \\",
    "in braces": lambda gold: f"{{{gold}}}",
    "in color": lambda gold: rf"\color{{blue}}{{{gold}}}",
    "bold": lambda gold: rf"\boldsymbol{{{gold}}}",
    "without \\left and \\right": lambda gold: gold.replace(r"\left", "").replace(r"\right", ""),
    "Unicode signs": lambda gold: gold.replace(r"\pi", "π").replace(r"\infty", "∞").replace("^\\circ", "°"),
    "≤ and ≥": lambda gold: gold.replace(r"\le ", "≤").replace(r"\ge ", "≥").replace(r"\cup", "∪"),
    "'The answer is'": lambda gold: gold,
}


def paraphrased(golds: Sequence[str]) -> dict[str, list[tuple[str, str, bool]]]:
    """Return every gold answer in each notation, and beside it a gold answer that is another."""
    rng = random.Random(0)
    groups: dict[str, list[tuple[str, str, bool]]] = {}
    for name, rewrite in PARAPHRASES.items():
        rows = []
        for gold in golds:
            text = (
                f"The answer is ${rewrite(gold)}$."
                if "answer is" in name
                else rf"$\boxed{{{rewrite(gold)}}}$"
            )
            rows.append((text, gold, True))
        groups[f"MATH-500 golds, {name}"] = rows
    short = [gold for gold in golds if len(gold) < 60]
    pairs = [rng.sample(short, 2) for _ in range(2000)]
    groups["MATH-500, the gold of another problem"] = [
        (rf"$\boxed{{{a}}}$", b, False) for a, b in pairs if not same_text(a, b)
    ]
    return groups


def same_text(a: str, b: str) -> bool:
    """Return whether two golds are plainly one answer: the same digits and letters, in any dress."""
    dress = (
        r"\text",
        r"\left",
        r"\right",
        r"\dfrac",
        r"\frac",
        r"^\circ",
        r"\%",
        r"\$",
        " ",
        "{",
        "}",
        ",",
        "!",
        "\\",
    )
    for mark in dress:
        a, b = a.replace(mark, ""), b.replace(mark, "")
    return a == b


def errors(rows: Sequence[tuple[str, str, bool]], accepts: Callable[[str, str], bool]) -> tuple[int, int]:
    """Return the numbers of false positives and false negatives."""
    found = [(accepts(completion, key), expected) for completion, key, expected in rows]
    return sum(a and not e for a, e in found), sum(e and not a for a, e in found)


def ours_accepts(completion: str, key: str) -> bool:
    return verdict_on({"verifier": "math"}, completion, key).outcome is Outcome.CORRECT


def math_verify_accepts(completion: str, key: str) -> bool:
    """Judge as math-verify's own README does."""
    import math_verify

    return bool(math_verify.verify(math_verify.parse(rf"\boxed{{{key}}}"), math_verify.parse(completion)))


if __name__ == "__main__":
    main()
