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


def loading_failed(error: BaseException) -> str:
    """Say in one line why a model could not be loaded, and how to be let in where that was forbidden.

    >>> loading_failed(OSError("Cannot access gated repo for url x."))
    'Cannot access gated repo for url x. Accept its terms on its page on the hub, and set HF_TOKEN to a token of yours.'
    """
    reason = one_line(error)
    if "gated repo" in reason.lower():
        reason += " Accept its terms on its page on the hub, and set HF_TOKEN to a token of yours."
    return reason
