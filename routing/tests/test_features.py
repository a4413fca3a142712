import sys
import unicodedata

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.learning.features import BUCKETS, SIZE, vectorise

EVERY_CHARACTER = "".join(map(chr, range(1, sys.maxunicode + 1)))
ODD_TEXTS = ["", "🎉🎊", "!?…", "\x00\x01", "a", "ß", "日本語のテキスト", "\ud800", "x" * 1_000_000, EVERY_CHARACTER]


def cosine(one, other):
    def dense(text):
        features, counts = vectorise(text)
        found = np.zeros(SIZE)
        found[features] = counts
        return found / (np.linalg.norm(found) or 1)

    return float(dense(one) @ dense(other))


class TestAVector:
    @pytest.mark.parametrize("text", ODD_TEXTS, ids=lambda text: ascii(text[:10]))
    def test_is_made_of_any_text_and_is_the_same_twice(self, text):
        (features, counts), (again, same) = vectorise(text), vectorise(text)
        assert features.tolist() == again.tolist()
        assert counts.tolist() == same.tolist()

    @given(st.text(max_size=200))
    def test_names_each_bucket_once_with_a_count_of_one_or_more(self, text):
        features, counts = vectorise(text)
        assert len(features) == len(counts) == len(set(features.tolist()))
        assert all(0 <= bucket < SIZE for bucket in features)
        assert all(count >= 1 for count in counts)

    def test_is_empty_without_a_word(self):
        assert len(vectorise("🎉 … !?")[0]) == 0

    def test_has_a_word_view_and_a_character_view(self):
        features, _ = vectorise("login error")
        assert (features < BUCKETS).sum() == 3
        assert (features >= BUCKETS).sum() > 10

    def test_counts_repetition_less_and_less(self):
        assert max(vectorise("login " * 10)[1]) == pytest.approx(1 + np.log(10))

    def test_is_nearer_to_like_texts(self):
        assert cosine("The login fails", "the LOGIN failed") > 0.6 > cosine("The login fails", "invoice table index")

    def test_does_not_see_past_the_first_4000_characters(self):
        start = "login " * 1000
        assert cosine(start + "kubernetes", start + unicodedata.normalize("NFC", "invoice")) == pytest.approx(1)
