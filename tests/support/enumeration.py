"""Estimands by brute force over all subsets, in exact fractions: the independent check of every estimator."""

from collections.abc import Sequence
from fractions import Fraction
from itertools import combinations, permutations


def mean_over_subsets(n: int, k: int, outcome) -> Fraction:
    """Average `outcome(subset)` over all subsets of k of range(n)."""
    results = [outcome(subset) for subset in combinations(range(n), k)]
    return sum(results, Fraction(0)) / len(results)


def any_correct(labels: Sequence[int], k: int) -> Fraction:
    return mean_over_subsets(len(labels), k, lambda s: Fraction(any(labels[i] for i in s)))


def at_least(labels: Sequence[int], k: int, needed: int) -> Fraction:
    return mean_over_subsets(len(labels), k, lambda s: Fraction(bool(sum(labels[i] for i in s) >= needed)))


def best(scores: Sequence[float], labels: Sequence[int], k: int) -> Fraction:
    def outcome(subset):
        top = max(scores[i] for i in subset)
        tied = [labels[i] for i in subset if scores[i] == top]
        return Fraction(sum(tied), len(tied))

    return mean_over_subsets(len(scores), k, outcome)


def vote(
    classes: Sequence[int], labels: Sequence[int], k: int, weights: Sequence[int] | None = None
) -> Fraction:
    """Plurality, or weighted vote with whole weights; a class is as correct as its members in the pool."""
    share = {
        a: Fraction(sum(y for b, y in zip(classes, labels, strict=True) if b == a), classes.count(a))
        for a in set(classes)
    }

    def outcome(subset):
        totals: dict[int, int] = {}
        for i in subset:
            if classes[i] >= 0:
                totals[classes[i]] = totals.get(classes[i], 0) + (1 if weights is None else weights[i])
        if not totals or max(totals.values()) == 0:
            return Fraction(0)
        top = max(totals.values())
        winners = [a for a, total in totals.items() if total == top]
        return sum((share[a] for a in winners), Fraction(0)) / len(winners)

    return mean_over_subsets(len(classes), k, outcome)


def first_accepted(accepted: Sequence[int], labels: Sequence[int], k: int) -> tuple[Fraction, Fraction]:
    """Return the chance that a correct sample is returned and the mean number of draws, over all orders."""
    orders = list(permutations(range(len(accepted))))
    returned, draws = Fraction(0), Fraction(0)
    for order in orders:
        place = next((j for j, i in enumerate(order[:k]) if accepted[i]), None)
        draws += k if place is None else place + 1
        returned += 0 if place is None else labels[order[place]]
    return returned / len(orders), draws / len(orders)
