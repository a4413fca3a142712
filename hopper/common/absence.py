"""Who did not answer is left alone for a while: in this process, as asking somebody else would cost as much."""

from time import monotonic

PAUSE = 30.0  # seconds


class Absence:
    """Tells whether somebody outside is to be left alone; no lock, as two who begin it at once agree."""

    def __init__(self) -> None:
        self._until = 0.0

    @property
    def lasts(self) -> bool:
        return monotonic() < self._until

    def begin(self) -> None:
        self._until = monotonic() + PAUSE

    def end(self) -> None:
        self._until = 0.0


redis = Absence()  # the cache and the broker are the same server: who meets it first tells the others
