"""A Parquet data set that ``datasets.load_dataset`` opens and the hub accepts, with its card."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from ttscale.exchange.export.columns import CellExport
from ttscale.exchange.export.files import appearing
from ttscale.exchange.export.problems import problems_table
from ttscale.store.run import RunStore
from ttscale.store.verdicts import VerdictSet

SPLIT = "test"
PROBLEMS = "-problems"
_ROW_GROUP = 10_000
"""Rows of a row group: the hub's viewer reads one at a time."""
_SIZES = (
    (10**3, "n<1K"),
    (10**4, "1K<n<10K"),
    (10**5, "10K<n<100K"),
    (10**6, "100K<n<1M"),
    (10**7, "1M<n<10M"),
    (10**8, "10M<n<100M"),
)


def write_dataset(
    store: RunStore, oracles: Mapping[str, VerdictSet | None], out: Path, *, title: str, findings: str
) -> None:
    """Write ``data/CELL/*.parquet``, ``problems/CELL.parquet`` and the card ``README.md``.

    Args:
        store: The run.
        oracles: Cell -> the verdict set that defines *correct*; the cells that are written.
        out: A folder that is not there yet.
        title: Of the card.
        findings: Markdown with the measured numbers.
    """
    with appearing(out) as folder:
        counts = {cell: _write_cell(store, cell, oracle, folder) for cell, oracle in oracles.items()}
        (folder / "README.md").write_text(card(store, oracles, counts, title, findings), encoding="utf-8")


def _write_cell(store: RunStore, cell: str, oracle: VerdictSet | None, folder: Path) -> int:
    """Write one cell's shards and problems; return how many samples it has."""
    export = CellExport(store, cell, oracle)
    blocks = export.blocks()
    data = folder / "data" / cell
    data.mkdir(parents=True)
    n_samples = 0
    for shard, problem_ids in enumerate(blocks):
        rows = export.rows(problem_ids)
        path = data / f"{SPLIT}-{shard:05d}-of-{len(blocks):05d}.parquet"
        rows.write_parquet(path, row_group_size=_ROW_GROUP)
        n_samples += rows.height
    problems = folder / "problems"
    problems.mkdir(exist_ok=True)
    problems_table(store, cell).write_parquet(problems / f"{cell}.parquet")
    return n_samples


def card(
    store: RunStore,
    oracles: Mapping[str, VerdictSet | None],
    n_samples: Mapping[str, int],
    title: str,
    findings: str,
) -> str:
    """Return the card: a header that tells the hub which files are what, and what a reader should know."""
    identities = store.manifest()["cells"]
    header = {
        "pretty_name": title,
        "tags": ["ttscale", "test-time-compute", "repeated-sampling"],
        "size_categories": [_size(sum(n_samples.values()))],
        "configs": _configs(list(oracles)),
    }
    table = [
        "| configuration | model | task | problems | samples | correct by |",
        "| --- | --- | --- | --- | --- | --- |",
        *(
            f"| `{cell}` | {_plain(identities[cell].get('model.path'))} | {_plain(identities[cell].get('task.name'))} "
            f"| {len(store.problems(cell)):,} | {n_samples[cell]:,} | {_plain(oracle.info.verifier) if oracle else '–'} |"
            for cell, oracle in oracles.items()
        ),
    ]
    return _CARD.format(
        header=yaml.safe_dump(header, sort_keys=False, allow_unicode=True),
        title=_plain(title),
        table="\n".join(table),
        findings=findings,
        first=next(iter(oracles)),
        split=SPLIT,
        problems=PROBLEMS,
    )


def _configs(cells: Sequence[str]) -> list[dict[str, Any]]:
    configs: list[dict[str, Any]] = []
    for cell in cells:
        samples: dict[str, Any] = {"config_name": cell, "data_files": [_files(f"data/{cell}/*.parquet")]}
        if not configs:
            samples["default"] = True
        problems = {"config_name": f"{cell}{PROBLEMS}", "data_files": [_files(f"problems/{cell}.parquet")]}
        configs += [samples, problems]
    return configs


def _files(pattern: str) -> dict[str, str]:
    return {"split": SPLIT, "path": pattern}


def _size(n: int) -> str:
    return next((name for limit, name in _SIZES if n < limit), "100M<n<1B")


def _plain(value: Any) -> str:
    """Return a name as one table cell of Markdown."""
    return " ".join(str(value).split()).replace("|", "\\|").replace("<", "&lt;")


_CARD = """---
{header}---

# {title}

Repeated samples of language models: many answers to each problem, with the verdicts of one or several verifiers. Exported by
ttscale, which measures what more samples buy.

{table}

{findings}

## Use

```python
from datasets import load_dataset

samples = load_dataset("PATH_OR_HUB_ID", "{first}", split="{split}")
problems = load_dataset("PATH_OR_HUB_ID", "{first}{problems}", split="{split}")
```

One row is one sample; its key is (`problem_id`, `sample_index`).

| column | meaning |
| --- | --- |
| `completion` | the generated text, without the prompt; null where only its verdict is known |
| `finish_reason` | `stop`, `length` (cut off at the token limit), or the engine's own word |
| `prompt_tokens`, `completion_tokens` | null where not known |
| `cumulative_logprob` | sum of the log-probabilities of the generated tokens (nats), null where not known |
| `correct` | what the oracle says; null where it has not judged or has failed |
| `verdict:NAME` | outcome of a verifier that sees the answer key: correct, incorrect, no_answer, timeout, error |
| `accept:NAME`, `score:NAME` | outcome and score of a verifier that does not see it |
| `answer:NAME`, `class:NAME` | the answer that a verifier extracted; equal classes are the same answer in a vote |
| `settings` | what else decides how the samples look, as JSON |

The data set names no licence: add the one under which the problems and the model's outputs may be shared.
"""
