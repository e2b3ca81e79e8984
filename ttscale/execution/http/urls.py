"""Base URLs as they may stand in a configuration."""

from urllib.parse import urlsplit

DEFAULT_URL = "http://127.0.0.1:8000/v1"
"""Where ``vllm serve`` listens."""


def plain_url(url: str) -> str:
    """Return a base URL without a slash at its end.

    Raises:
        ValueError: It is not a web address, or holds a secret: configurations are stored with the run.
    """
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError(f"it should be a URL such as {DEFAULT_URL}")
    if parts.username or parts.password or parts.query:
        raise ValueError("options are stored with the run: name a key's variable in api_key_env instead")
    return url.rstrip("/")
