"""CodeT's model-written tests as a verifier: its whole comparison row against HumanEval's own tests.

    python benchmarks/compare_codet.py --data ../shared/data
    python benchmarks/compare_codet.py --data ../shared/data --every 20    # a taste: 9 problems

164 problems x 100 programs by CodeGen-16B (Chen et al. 2022, https://arxiv.org/abs/2207.10397). *Correct* is what the file
of computed verdicts says. The weighted vote over the verifier's own classes is CodeT's dual agreement.
"""

import argparse
import sys
from pathlib import Path

import polars as pl

sys.path.insert(0, str(Path(__file__).parent.parent / "tests" / "support"))

from codet import GENERATED_TESTS, candidates, matched, published
from verifiers_code import _with_tests

from ttscale.analysis.comparison.compare import ComparisonSettings, compare_samples
from ttscale.analysis.reading.settling import settle
from ttscale.cli.comparison import print_comparison
from ttscale.exchange.scores import ScoreTable
from ttscale.tasks.humaneval import STOP
from ttscale.types import Outcome
from ttscale.verifiers.generated_tests import GeneratedTestsOptions, GeneratedTestsVerifier

ORACLE, TESTS = "human-eval", "generated-tests"


def score_table(options: argparse.Namespace) -> ScoreTable:
    """Verify every program by the generated tests, beside the known verdicts."""
    batch = candidates(options.data, range(100))
    problems = {each.problem.problem_id: each.problem for each in batch}
    texts = matched(options.data, GENERATED_TESTS, list(problems.values()))
    chosen = set(list(problems)[:: options.every])
    batch = [
        _with_tests(each, texts[each.problem.problem_id])
        for each in batch
        if each.problem.problem_id in chosen
    ]
    verifier = GeneratedTestsVerifier(
        GeneratedTestsOptions(workers=options.workers, stop=STOP, accept_share=1.0)
    )
    verdicts = verifier.verify(batch)
    right = published(options.data)
    correct = [right[each.problem.problem_id][each.sample.sample_index] for each in batch]
    nothing = [None] * len(batch)
    columns = {
        "problem_id": [each.problem.problem_id for each in batch],
        "answer_class": nothing,
        f"outcome:{ORACLE}": [Outcome.CORRECT if is_right else Outcome.INCORRECT for is_right in correct],
        f"score:{ORACLE}": nothing,
        f"class:{ORACLE}": nothing,
        f"seconds:{ORACLE}": nothing,
        f"outcome:{TESTS}": [verdict.outcome for verdict in verdicts],
        f"score:{TESTS}": [verdict.score for verdict in verdicts],
        f"class:{TESTS}": [verdict.answer_class for verdict in verdicts],
        f"seconds:{TESTS}": [verdict.seconds for verdict in verdicts],
    }
    numeric = ("score:", "seconds:")
    schema = {name: pl.Float64 if name.startswith(numeric) else pl.String for name in columns}
    return ScoreTable(
        label="CodeT on HumanEval",
        oracle=ORACLE,
        verifiers=(TESTS,),
        frame=pl.DataFrame(columns, schema=schema),
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--every", type=int, default=1, help="verify every n-th problem only")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--errors", choices=["stop", "drop", "wrong"], default="stop")
    options = parser.parse_args()
    samples = settle(score_table(options), options.errors)
    print_comparison(compare_samples(samples, [TESTS], ComparisonSettings(k=(1, 10, 100))))


if __name__ == "__main__":
    main()
