"""How likely a difference between two counts is by chance alone: Fisher's exact test, one-sided.

R. A. Fisher, *Statistical Methods for Research Workers*, 5th ed. (1934), section 21.02.
"""

from functools import lru_cache
from math import exp, lgamma


def over(a: int, n: int, b: int, m: int) -> float:
    """The probability of at least ``a`` of the ``a + b`` marked calls among ``n``, when ``n + m`` are dealt by chance.

    ``a`` of ``n`` selected and ``b`` of ``m`` other calls are marked.
    """
    marked, everything = a + b, n + m
    if a <= marked * n / everything if everything else True:
        return 1.0
    last = min(marked, n)
    term = _term(a, n, b, m)
    total = 0.0
    for k in range(a, last + 1):
        total += term
        if term <= total * 1e-17:
            break
        # The next term of the hypergeometric distribution from this one.
        term *= (marked - k) * (n - k) / ((k + 1) * (everything - marked - n + k + 1))
    return min(1.0, total)


def least(a: int, n: int, b: int, m: int) -> float:
    """What :func:`over` is at least, at the cost of its first term alone."""
    return 1.0 if a * (n + m) <= (a + b) * n else min(1.0, _term(a, n, b, m))


def _term(a: int, n: int, b: int, m: int) -> float:
    """The probability of exactly ``a`` marked calls among ``n``."""
    marked, everything = a + b, n + m
    return exp(_choose(marked, a) + _choose(everything - marked, n - a) - _choose(everything, n))


@lru_cache(maxsize=65_536)
def _choose(n: int, k: int) -> float:
    """The natural logarithm of n over k."""
    return lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1)
