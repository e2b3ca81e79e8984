"""Who gets the next samples: the problems of which they tell most.

Notation as in `ttscale.stats.adaptive.rounds`: problems stand on rungs of a ladder, each with c correct samples. A decision is
made for every (rung, c), also for those where no problem stands now: the estimate needs to know what would have been
done.

The variance of pass@k of a problem with success rate p falls as p (1−p)^(2k−1) / n: it is large for p around
1/(2k), and nothing for problems that are easy or hopeless at that budget. With known rates the best split of a budget
is n_i ∝ sqrt(p_i (1−p_i)^(2k−1)) (Neyman 1934; Kazdan et al. 2025, theorem 1, https://arxiv.org/abs/2510.05197). The
rates are not known: what c of n say of them is averaged over.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import xlog1py, xlogy

from ttscale.arrays import FloatArray, IntArray
from ttscale.stats.adaptive.rounds import Climb, Rounds, climbs_now, standing_pairs
from ttscale.stats.counts.mixing import MixingDistribution, mixing_distribution
from ttscale.stats.intervals.sampling_error import pass_at_k_variance

_HALVINGS = 60
"""Steps of the search for the price of a sample: from 1 down to 1e-18."""


@dataclass(frozen=True, slots=True, eq=False)
class Standing:
    """Where every problem stands.

    Attributes:
        rounds: The rounds so far.
        rung: Shape (P,).
        c: Correct ones among its samples up to that rung, shape (P,).
    """

    rounds: Rounds
    rung: IntArray
    c: IntArray

    @property
    def n(self) -> IntArray:
        """Samples of each problem, shape (P,)."""
        return np.array(self.rounds.ladder)[self.rung]

    @property
    def can_climb(self) -> np.ndarray:
        """Which problems are below the last rung, shape (P,)."""
        return np.asarray(self.rung < len(self.rounds.ladder) - 1)

    def cost(self) -> IntArray:
        """Samples that each problem's next rung takes, shape (P,); 0 at the top."""
        ladder = np.array([*self.rounds.ladder, self.rounds.ladder[-1]])
        return np.asarray(ladder[self.rung + 1] - ladder[self.rung])


def below(standing: Standing, target: int) -> Climb:
    """Let every problem climb that has fewer than `target` successes (PassUntil for r = target).

    >>> below(Standing(Rounds((2, 4)), np.array([0]), np.array([0])), 1)
    {0: ((0, 1),)}
    """
    return dict.fromkeys(_rungs(standing), ((0, target),))


def everyone(standing: Standing) -> Climb:
    """Let every problem climb."""
    return {rung: ((0, standing.rounds.ladder[rung] + 1),) for rung in _rungs(standing)}


def hardest(standing: Standing, at_least: int) -> Climb:
    """Let the problems with the fewest successes climb, of these the ones with the fewest samples first.

    Args:
        standing: Where the problems stand.
        at_least: Samples of the round; more where the last kind of problem takes it past.

    References:
        Kazdan et al. 2025, algorithm 1, https://arxiv.org/abs/2510.05197 (there one sample at a time)
    """
    order = np.lexsort((standing.rung, standing.c))
    order = order[standing.can_climb[order]]
    if not len(order):
        return {}
    enough = int(np.searchsorted(np.cumsum(standing.cost()[order]), at_least))
    last = order[min(enough, len(order) - 1)]
    successes, rung = int(standing.c[last]), int(standing.rung[last])
    climb = {r: ((0, successes + (r <= rung)),) for r in _rungs(standing)}
    return {r: ranges for r, ranges in climb.items() if ranges[0][1] > 0}


def where_it_counts(standing: Standing, k: int, *, shrink: float, at_least: int) -> Climb:
    """Let the problems climb whose samples shrink the variance of coverage at k most, at least cost.

    A price per sample is sought at which the problems, each climbing as far as that pays, reach the wanted
    variance with the fewest samples. Who would climb then climbs one rung now; the next round knows more. With
    them climb the problems on the same rung that have fewer successes: whether a problem stops may depend on its
    first success having come, never on its having stayed away. (Where problems without a success are paused and
    others are not, where the first success lay can be read off the numbers, and an unbiased estimate has to
    follow that accident: in simulation its variance grew fourfold.)

    Args:
        standing: Where the problems stand.
        k: Budget of the coverage.
        shrink: Wanted variance of sampling over the present one.
        at_least: Samples of the round; the price falls until it has so many.
    """
    if not standing.can_climb.any():
        return {}
    pairs = standing_pairs(standing.rounds, standing.rung, standing.c)
    mixing = mixing_distribution(pairs)
    gain = _Gain(np.array(standing.rounds.ladder), mixing, k)
    rung = np.searchsorted(standing.rounds.ladder, pairs.n)
    expected = mixing.posterior @ gain.variance.T  # (U, R)
    rows = np.arange(len(rung))
    now = pairs.weight @ expected[rows, rung]
    cost = np.diff([*standing.rounds.ladder, standing.rounds.ladder[-1]])[rung]
    price, climb = 1.0, dict[int, tuple[tuple[int, int], ...]]()
    for _ in range(_HALVINGS):
        best = gain.best_rung(expected, rung, price)
        thresholds = {r: gain.threshold(r, price) for r in _rungs(standing)}
        climb = {r: ((0, threshold),) for r, threshold in thresholds.items() if threshold}
        size = pairs.weight @ (cost * climbs_now(climb, rung, pairs.c))
        if pairs.weight @ expected[rows, best] <= shrink * now and size >= at_least:
            break
        price /= 2
    return climb


class _Gain:
    """What climbing brings, by the distribution of success rates.

    Args:
        ladder: Samples at each rung, shape (R,).
        mixing: Success rates and how common they are.
        k: Budget of the coverage.
    """

    def __init__(self, ladder: IntArray, mixing: MixingDistribution, k: int) -> None:
        self._ladder, self._mixing, self._k = ladder, mixing, k
        n = np.maximum(ladder, k)  # of fewer samples all that counts is a success among them
        self.variance: FloatArray = pass_at_k_variance(mixing.rate, n[:, None], k)  # (R, G)
        self._worth: dict[int, FloatArray] = {}

    def best_rung(self, expected: FloatArray, rung: IntArray, price: float) -> IntArray:
        """Return how far problems should climb when a sample costs `price`; `expected` is (U, R), `rung` (U,)."""
        total = expected + price * self._ladder
        total = np.where(np.arange(total.shape[1]) < rung[:, None], np.inf, total)
        return np.asarray(total.argmin(axis=1))

    def threshold(self, rung: int, price: float) -> int:
        """Return the successes below which a problem on this rung climbs; 0: none does."""
        if rung not in self._worth:
            self._worth[rung] = self._worth_at(rung)
        climbs = self._worth[rung] > price
        climbs[0] |= self._ladder[rung] < self._k  # nothing is known yet without a success or k samples
        return int(np.flatnonzero(climbs)[-1]) + 1 if climbs.any() else 0

    def _worth_at(self, rung: int) -> FloatArray:
        """Return the largest price per sample at which climbing some way pays, by successes; (n + 1,)."""
        expected = self._expected_at(rung)
        saved = expected[:, rung, None] - expected[:, rung + 1 :]
        worth: FloatArray = (saved / (self._ladder[rung + 1 :] - self._ladder[rung])).max(axis=1)
        return worth

    def _expected_at(self, rung: int) -> FloatArray:
        """Return the expected variance at every rung of a problem on this one, by its successes; (n + 1, R)."""
        n, rate = int(self._ladder[rung]), self._mixing.rate
        c = np.arange(n + 1)[:, None]
        log = xlogy(c, rate) + xlog1py(n - c, -rate)  # (C, G)
        weight = np.exp(log - log.max(axis=1, keepdims=True)) * self._mixing.share
        return np.asarray(weight / weight.sum(axis=1, keepdims=True) @ self.variance.T)


def _rungs(standing: Standing) -> list[int]:
    """Return the rungs from which somebody can climb."""
    return sorted(set(standing.rung[standing.can_climb].tolist()))
