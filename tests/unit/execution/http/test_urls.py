"""Base URLs of configurations: plain, and without secrets, for they are stored."""

import pytest

from ttscale.execution.http.urls import plain_url


@pytest.mark.parametrize(
    ("given", "plain"),
    [
        ("http://127.0.0.1:8000/v1", "http://127.0.0.1:8000/v1"),
        ("https://api.example.com/v1/", "https://api.example.com/v1"),
        ("http://[::1]:8000//", "http://[::1]:8000"),
    ],
)
def test_only_slashes_at_the_end_go(given: str, plain: str) -> None:
    assert plain_url(given) == plain


@pytest.mark.parametrize(
    "given", ["localhost:8000", "ftp://host/v1", "http://", "", "file:///etc/passwd", "http:///v1"]
)
def test_what_is_no_web_address_is_refused_with_an_example(given: str) -> None:
    with pytest.raises(ValueError, match="it should be a URL such as http://127"):
        plain_url(given)


@pytest.mark.parametrize(
    "given", ["http://user:secret@host/v1", "https://token@host", "https://host/v1?key=secret"]
)
def test_what_holds_a_secret_is_refused_without_repeating_it(given: str) -> None:
    with pytest.raises(ValueError, match="api_key_env") as refused:
        plain_url(given)
    assert "secret" not in str(refused.value)
    assert "token" not in str(refused.value)
