"""What a search means, alike on every database: words, "exact phrases", -exclusions, or.

A text is its words: runs of letters and digits, in lower case and without accents; in scripts that leave no
space between words each character is one, so that a phrase finds what stands inside (docs/adr/0015-words.md).
"""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

LONGEST_TEXT = 100_000  # characters of a row that are searched
LONGEST_WORD = 100
MOST_WORDS = 30  # of a question
SHORTEST_PREFIX = 2
SHORTEST_ID = 8  # from here on the beginning of an id is enough; ids made at the same time begin alike
ACCENTS = "\u0300-\u036f"
UNSPACED = "\u1100-\u11ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"  # Hangul, as NFKD takes it apart, kana, Han
TERM = re.compile(r'(?P<minus>-?)(?:"(?P<phrase>[^"]*)"?|(?P<plain>[^\s"]+))')
PLAIN_WORD = re.compile("[a-z0-9]+")  # all there is in ASCII, and ten times as quick
WORD = re.compile(r"(?:[^\W_]|[\u0900-\u0eff])+")  # the vowel signs of India and Thailand are no letters to Python
ID = re.compile(r"[A-Za-z0-9._~-]+\Z")
WEIGHTS = (4.0, 2.0, 1.0)  # of title, tags and description


@dataclass(frozen=True)
class Term:
    """Words that follow each other; `is_open` lets the last one go on."""

    words: tuple[str, ...]
    is_open: bool = False

    @property
    def needle(self) -> str:
        return f" {' '.join(self.words)}" + ("" if self.is_open else " ")


@dataclass(frozen=True)
class Alternative:
    """What a text must have, and what it must not have."""

    wanted: tuple[Term, ...]
    refused: tuple[Term, ...]

    def is_met_by(self, text: str) -> bool:
        """Tell whether a normalised text is what is asked for."""
        return all(term.needle in text for term in self.wanted) and not self.is_refused_by(text)

    def is_refused_by(self, text: str) -> bool:
        """Tell whether a normalised text has what is ruled out."""
        return any(term.needle in text for term in self.refused)

    def may_be_met_by(self, text: str) -> bool:
        """Tell whether every wanted word stands somewhere in the text; a tenth of the work of looking closely."""
        return all(word in text for term in self.wanted for word in term.words)


@dataclass(frozen=True)
class Question:
    """A search as it was understood: any of the alternatives; none of them finds nothing.

    `id` is what may be an id or its beginning, `meant` the question without what is not wanted.
    """

    alternatives: tuple[Alternative, ...]
    id: str
    meant: str

    def is_answered_by(self, text: str) -> bool:
        """Tell whether the text has what is asked for."""
        folded = _fold(text)
        possible = [one for one in self.alternatives if one.may_be_met_by(folded)]
        return bool(possible) and any(one.is_met_by(normalise(folded)) for one in possible)

    def is_refused_by(self, text: str) -> bool:
        """Tell whether the text has something that every alternative rules out."""
        normal = normalise(text)
        return bool(self.alternatives) and all(one.is_refused_by(normal) for one in self.alternatives)

    def weigh(self, parts: Sequence[str]) -> float:
        """Return how much title, tags and description (`parts`) speak of what is asked for."""
        texts = [normalise(part) for part in parts]
        terms = {term for one in self.alternatives for term in one.wanted}
        return sum(weight * _often(text.count(term.needle)) for term in terms
                   for weight, text in zip(WEIGHTS, texts, strict=True))  # fmt: skip


def _often(count: int) -> float:
    return count / (count + 1)


def normalise(text: str) -> str:
    """Return the words of the text with one space around each."""
    return f" {' '.join(words_of(text))} "


def words_of(text: str) -> list[str]:
    """Return the words of the text in their order."""
    folded = _fold(text)
    return (PLAIN_WORD if folded.isascii() else WORD).findall(folded)


def _fold(text: str) -> str:
    text = text[:LONGEST_TEXT]
    if not text.isascii():
        text = re.sub(f"[{ACCENTS}]+", "", unicodedata.normalize("NFKD", text)).replace("ß", "ss")
        text = re.sub(f"[{UNSPACED}]", r" \g<0> ", text)
    return text.lower()


@lru_cache(maxsize=256)
def read_question(text: str) -> Question:
    """Read a search; nothing that is typed is an error.

    `word` and `word other` want every word, `"two words"` wants them side by side, `-word` rules it out, `or`
    parts alternatives. The last word may be unfinished. An alternative of exclusions alone finds nothing.
    """
    found = list(TERM.finditer(text))
    groups: list[list[tuple[bool, Term]]] = [[]]
    left = MOST_WORDS
    for match in found:
        if match[0].lower() == "or":
            groups.append([])
            continue
        term = _term(match, is_last=match is found[-1], most=left)
        left -= len(term.words)
        groups[-1].append((bool(match["minus"]), term))
    alternatives = tuple(one for one in map(_alternative, groups) if one.wanted)
    meant = " ".join(_typed(match) for match in found if not match["minus"])
    return Question(alternatives, text.strip() if ID.match(text.strip()) else "", meant)


def _typed(match: re.Match[str]) -> str:
    return match["plain"] or match["phrase"] or ""


def _term(match: re.Match[str], *, is_last: bool, most: int) -> Term:
    words = words_of(_typed(match))[:most]
    is_cut = any(len(word) > LONGEST_WORD for word in words[-1:])
    is_plain = match["plain"] is not None and not match["minus"]
    is_typed = is_last and is_plain and any(len(word) >= SHORTEST_PREFIX for word in words[-1:])
    return Term(tuple(word[:LONGEST_WORD] for word in words), is_open=is_cut or is_typed)


def _alternative(terms: list[tuple[bool, Term]]) -> Alternative:
    return Alternative(
        tuple(term for is_refused, term in terms if term.words and not is_refused),
        tuple(term for is_refused, term in terms if term.words and is_refused),
    )
