"""Data in the page can say anything and do nothing."""

import base64
import hashlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ttscale.report.embed import content_security_policy, embedded_json, svg_data_uri

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(values)
def test_data_comes_back_as_it_went_in_and_holds_nothing_that_html_reads(value: object) -> None:
    text = str(embedded_json(value))
    assert json.loads(text) == value
    assert not set("<>&\u2028\u2029") & set(text)


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_numbers_that_json_cannot_say_are_refused(number: float) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        embedded_json([number])


def test_the_policy_admits_one_script_and_one_style_by_digest() -> None:
    policy = content_security_policy(script="run()", style="p{}")
    digest = base64.b64encode(hashlib.sha256(b"run()").digest()).decode()
    assert f"script-src 'sha256-{digest}'" in policy
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy


def test_svg_is_an_image_not_markup() -> None:
    uri = svg_data_uri(b"<svg onload='x()'>")
    assert uri.startswith("data:image/svg+xml;base64,")
    assert "<" not in uri
