"""A cell's problems as rows."""

import json

import polars as pl

from ttscale.store.run import RunStore

_SCHEMA = {"problem_id": pl.String, "prompt": pl.String, "answer": pl.String, "metadata": pl.String}


def problems_table(store: RunStore, cell: str) -> pl.DataFrame:
    """Return one row per problem: problem_id, prompt (a conversation as JSON), answer (the key), metadata (JSON).

    Tests and reference solutions stay in the run: whoever trains on a published data set should not meet them there.
    """
    rows = [
        {
            "problem_id": problem.problem_id,
            "prompt": problem.prompt
            if problem.messages is None
            else json.dumps(
                [{"role": m.role, "content": m.content} for m in problem.messages], ensure_ascii=False
            ),
            "answer": problem.answer,
            "metadata": json.dumps(dict(problem.metadata), sort_keys=True, ensure_ascii=False),
        }
        for problem in store.problems(cell)
    ]
    return pl.DataFrame(rows, schema=_SCHEMA)
