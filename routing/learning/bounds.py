"""How sure a share is that was seen in so many trials.

Wilson's score interval (E. B. Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22,
1927), which Brown, Cai and DasGupta ("Interval estimation for a binomial proportion", Statistical Science 16, 2001)
recommend beside the Jeffreys posterior: the two nearly agree, and this one needs no inverse of the beta function.
Counts may be decayed, so they need not be whole.
"""

import math

SURENESS = 1.96  # each bound is wrong in one case of forty


def lower_bound(successes: float, trials: float) -> float:
    """Return the share that is at least there; 0 without trials."""
    if trials <= 0:
        return 0.0
    square = SURENESS**2
    share = successes / trials
    margin = SURENESS * math.sqrt(max(0.0, share * (1 - share) / trials + square / (4 * trials**2)))
    return max(0.0, (share + square / (2 * trials) - margin) / (1 + square / trials))


def upper_bound(successes: float, trials: float) -> float:
    """Return the share that is at most there; 1 without trials."""
    return 1 - lower_bound(trials - successes, trials)


def log_odds(share: float) -> float:
    """Return the log-odds of a share, which stays away from 0 and 1."""
    share = min(max(share, 1e-3), 1 - 1e-3)
    return math.log(share / (1 - share))
