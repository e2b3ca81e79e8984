"""What crosses as plain data comes back equal, with its type; what is forged is refused, whatever it is made of."""

import json
from typing import Any

import pytest

from ttscale.verifiers.code.inside.wire import ChannelError, decode, encode

np = pytest.importorskip("numpy")


def there_and_back(value: Any) -> Any:
    kept: list[Any] = []

    def keep(thing: Any) -> int:
        kept.append(thing)
        return len(kept) - 1

    return decode(json.loads(json.dumps(encode(value, keep))), lambda number: ("handle", kept[number]))


ARRAYS = [
    np.arange(6).reshape(2, 3), np.zeros((0, 4)), np.array(3.5), np.array([True, False]), np.array([1 + 2j]), np.array(["a", "bcd"]),
    np.array([b"x"]), np.arange(4, dtype=">i2"), np.float32([1.5]), np.array(["2024-02-29"], dtype="datetime64[D]"),
    np.asfortranarray(np.arange(6).reshape(2, 3)), np.arange(10)[::3], np.array([np.nan, np.inf]),
]  # fmt: skip


@pytest.mark.parametrize("array", ARRAYS, ids=lambda array: f"{array.dtype}{array.shape}")
def test_an_array_comes_back_as_it_was(array: Any) -> None:
    back = there_and_back(array)
    assert type(back) is np.ndarray
    assert (back.dtype, back.shape) == (array.dtype, array.shape)
    assert back.tobytes() == array.tobytes()
    assert back.flags.writeable


def test_arrays_lie_in_other_values_and_hold_objects() -> None:
    back = there_and_back({"a": [np.arange(2)], "b": np.array([None, [1]], dtype=object)})
    assert back["a"][0].tolist() == [0, 1]
    assert back["b"].tolist() == [None, [1]]


def test_what_only_looks_like_an_array_stays_where_it_is() -> None:
    class Mine(np.ndarray):  # type: ignore[misc,name-defined]
        pass

    for value in (np.arange(2).view(Mine), np.zeros(2, dtype=[("a", "i4")]), np.ma.array([1])):
        assert there_and_back(value)[0] == "handle"


def frames() -> list[Any]:
    pd = pytest.importorskip("pandas")
    return [
        pd.DataFrame({"a": [1, 2], "b": ["x", None], "c": [1.5, np.nan], "d": [True, False]}),
        pd.DataFrame({"a": []}),
        pd.DataFrame(index=[3, 4]),
        pd.DataFrame({("x", 1)[at]: [at] for at in (0, 1)}),
        pd.DataFrame({"a": [1, 2]}, index=pd.Index(["p", "q"], name="key")),
        pd.DataFrame({"a": pd.to_datetime(["2024-02-29"])}).set_index("a", drop=False),
        pd.DataFrame({"a": [[1, 2], {"b": 3}]}),
    ]


@pytest.mark.parametrize("number", range(7))
def test_a_frame_and_its_columns_come_back_as_they_were(number: int) -> None:
    pd = pytest.importorskip("pandas")
    frame = frames()[number]
    pd.testing.assert_frame_equal(there_and_back(frame), frame)
    for name in frame.columns:
        pd.testing.assert_series_equal(there_and_back(frame[name]), frame[name])


def test_frames_without_a_plain_form_stay_where_they_are() -> None:
    pd = pytest.importorskip("pandas")
    many = pd.DataFrame({"a": [1]}, index=pd.MultiIndex.from_tuples([(1, 2)]))
    for value in (pd.DataFrame({"a": pd.Categorical(["x"])}), many, pd.Series(pd.Categorical(["x"]))):
        assert there_and_back(value)[0] == "handle"


@pytest.mark.parametrize(
    "forged",
    [
        {"nd": ["<i8", [2], "00" * 8]}, {"nd": ["|O", [1], "00" * 8]}, {"nd": ["<i8", [-1, -1], "00" * 8]}, {"nd": ["<i8", [1.0], "00" * 8]},
        {"nd": ["<U999999999999", [1], "00"]}, {"nd": ["<i8,O", [1], "00" * 16]}, {"nd": [["<i8"], [1], "00" * 8]}, {"nd": 3}, {"nd": ["<i8", [1], "zz"]},
        {"no": [[3], [1]]}, {"no": [[1]]}, {"ps": [1, 2, 3]}, {"pf": [["range", 0, None]]}, {"pf": [["x", 1, 2], ["range", 0, 0], []]},
    ],
    ids=str,
)  # fmt: skip
def test_what_is_forged_is_refused(forged: Any) -> None:
    with pytest.raises(ChannelError):
        decode(forged, lambda number: number)
