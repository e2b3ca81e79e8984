"""The column of per-token alternatives gives back what it was given, at 16 bits."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ttscale.store.top_logprobs import TOP_LOGPROBS_DTYPE, top_logprobs_arrays, top_logprobs_column


def array(rows: int, width: int, seed: int = 0) -> np.ndarray:
    return -np.random.default_rng(seed).exponential(3.0, (rows, width)).astype(np.float32)


@settings(deadline=None)
@given(st.lists(st.none() | st.tuples(st.integers(0, 6), st.integers(1, 5)), max_size=8))
def test_every_shape_comes_back(shapes: list[tuple[int, int] | None]) -> None:
    given_ = [None if shape is None else array(*shape, seed=i) for i, shape in enumerate(shapes)]
    column = top_logprobs_column(given_)
    assert column.dtype == TOP_LOGPROBS_DTYPE
    for before, after in zip(given_, top_logprobs_arrays(column), strict=True):
        if before is None:
            assert after is None
        else:
            assert after is not None
            assert len(after) == len(before)
            if before.size:
                np.testing.assert_allclose(after, before, rtol=5e-4)


def test_a_value_is_off_by_at_most_half_a_thousandth() -> None:
    values = array(1000, 20)
    (back,) = top_logprobs_arrays(top_logprobs_column([values]))
    assert back is not None
    assert (np.abs(back - values) <= 0.0005 * np.abs(values)).all()


@pytest.mark.parametrize("extreme", [-np.inf, -65504.0, -1e-9, 0.0])
def test_what_16_bits_cannot_tell_apart_stays_an_ordered_log_probability(extreme: float) -> None:
    (back,) = top_logprobs_arrays(top_logprobs_column([np.array([[0.0, extreme]], np.float32)]))
    assert back is not None
    assert back[0, 0] >= back[0, 1]
    assert not np.isnan(back).any()


def test_it_survives_a_file(tmp_path) -> None:  # type: ignore[no-untyped-def]
    column = top_logprobs_column([array(3, 2), None, array(0, 2), array(2, 4)])
    pl.DataFrame({"top_logprobs": column}).write_parquet(tmp_path / "s.parquet")
    assert pl.read_parquet(tmp_path / "s.parquet")["top_logprobs"].equals(column)
