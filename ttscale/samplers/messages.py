"""Other libraries' errors, made fit for one line."""

_MOST = 400


def one_line(error: BaseException) -> str:
    """Return the error's message without line breaks, cut at 400 characters, ending in a full stop.

    >>> one_line(ValueError("first,\\n  second"))
    'first, second.'
    >>> one_line(MemoryError())
    'MemoryError.'
    """
    text = " ".join(str(error).split()) or type(error).__name__
    return text[:_MOST].rstrip(".") + "."
