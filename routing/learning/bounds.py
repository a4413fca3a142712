"""How sure a share is that was seen in so many trials.

Wilson's score interval (E. B. Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22,
1927), which Brown, Cai and DasGupta ("Interval estimation for a binomial proportion", Statistical Science 16, 2001)
recommend beside the Jeffreys posterior: the two nearly agree, and this one needs no inverse of the beta function.
Counts may be decayed, so they need not be whole.
"""

import math

EVEN = 0.5
SURENESS = 1.96  # each bound is wrong in one case of forty
CAUTION = 0.84  # in one of five: for what is weighed beside other evidence and soon corrected


def lower_bound(successes: float, trials: float, *, sureness: float = SURENESS) -> float:
    """Return the share that is at least there, by so many standard deviations; 0 without trials."""
    if trials <= 0:
        return 0.0
    square = sureness**2
    share = successes / trials
    margin = sureness * math.sqrt(max(0.0, share * (1 - share) / trials + square / (4 * trials**2)))
    return max(0.0, (share + square / (2 * trials) - margin) / (1 + square / trials))


def upper_bound(successes: float, trials: float, *, sureness: float = SURENESS) -> float:
    """Return the share that is at most there; 1 without trials."""
    return 1 - lower_bound(trials - successes, trials, sureness=sureness)


def clear_odds(successes: float, trials: float, *, sureness: float = SURENESS, usual: float = EVEN) -> float:
    """Return by how much the log-odds of success are clearly above or below the usual: 0 while they may be the same."""
    low = lower_bound(successes, trials, sureness=sureness)
    high = upper_bound(successes, trials, sureness=sureness)
    return log_odds(low if low > usual else high if high < usual else usual) - log_odds(usual)


def log_odds(share: float) -> float:
    """Return the log-odds of a share, which stays away from 0 and 1."""
    share = min(max(share, 1e-3), 1 - 1e-3)
    return math.log(share / (1 - share))
