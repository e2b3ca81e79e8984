"""The report's terms, explained for a reader who has not read the papers; shown when one points at a term or tabs to it."""

import re

from markupsafe import Markup, escape

from ttscale.showing.numbers import Prose

TERMS = {
    "coverage": "The share of problems for which at least one of k samples is correct (pass@k). It is what a perfect "
    "picker would solve.",
    "majority vote": "Of k samples, the answer that most of them give. It needs no answer key.",
    "best by": "Of k samples, the one with the highest score of this verifier. It needs no answer key.",
    "fitted law": "A curve with a few parameters, fitted to the measured coverage and drawn beyond it.",
    "forecast": "Coverage expected with more samples of these same problems, from how often each was solved so far.",
    "predictive interval": "Where the coverage to come is expected with the probability stated.",
    "answer key": "The known right answers. Selectors do not see it; the oracle does.",
    "selector": "A way to pick one answer of k samples without the answer key.",
    "oracle": "The verifier that sees the answer key and so defines what is correct.",
    "interval over problems": "What another draw of problems of this kind would give: with 95%, 95 of 100 such intervals hold "
    "the true value.",
    "samples": "Independent answers of the model to the same prompt.",
    "cells": "A cell is one model with one task, prompt and set of sampling parameters.",
}
"""Phrase -> what it means."""

_PHRASE = re.compile(r"\b(" + "|".join(sorted(map(re.escape, TERMS), key=len, reverse=True)) + r")\b")


def explained(words: str | Prose) -> Markup:
    """Return a sentence for the page in which each term, where it first stands, carries its explanation.

    >>> explained("The oracle says so, and <the oracle> is right.").count("data-says")
    1
    """
    seen: set[str] = set()
    pieces = words.pieces if isinstance(words, Prose) else (words,)
    return Markup().join(_explained(piece, seen) for piece in pieces)


def _explained(piece: object, seen: set[str]) -> Markup:
    if not isinstance(piece, str):
        return Markup(piece.__html__()) if hasattr(piece, "__html__") else escape(piece)
    parts = _PHRASE.split(piece)  # words and terms take turns
    return Markup().join(
        _term(part, seen) if is_term else escape(part)
        for part, is_term in zip(parts, [False, True] * len(parts), strict=False)
    )


def _term(phrase: str, seen: set[str]) -> Markup:
    if phrase in seen:
        return escape(phrase)
    seen.add(phrase)
    return Markup('<dfn tabindex="0" data-says="{0}" aria-description="{0}">{1}</dfn>').format(
        TERMS[phrase], phrase
    )
