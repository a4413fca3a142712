from collections import Counter

import pytest

from hopper.common.keys import create_key
from hopper.tests.race import race
from hopper.tests.writers import EACH, WRITERS
from tasks.tests.factories import TaskFactory


@pytest.mark.processes
class TestManyWriters:
    """Ten processes write the same thing, and change the same row, fifty times."""

    @pytest.mark.untraced
    def test_all_succeed_when_they_look_before_they_write_and_one_does_when_hopper_looks(self, shared_url, rows_of):
        _, key = create_key(name="writers", role="operator")
        for name in ("naive", "guarded"):
            TaskFactory(id=name)

        answers = race("hopper.tests.writers", shared_url(), key=key, etag='"guarded:1"')

        assert Counter(answer["posted"] for answer in answers)[True] > 1, "the harness does not race"
        assert Counter(answer["patched"] for answer in answers)[True] > 1, "the harness does not race"
        posts = [tuple(post) for answer in answers for post in answer["posts"]]
        ((made,),) = rows_of("SELECT id FROM tasks WHERE title = 'guarded twin'")
        assert Counter(posts) == {(201, made, False): 1, (201, made, True): WRITERS * EACH - 1}
        patches = [tuple(patch) for answer in answers for patch in answer["patches"]]
        assert Counter(patches) == {(200, '"guarded:2"'): 1, (412, '"guarded:2"'): WRITERS * EACH - 1}
        assert rows_of("SELECT version FROM tasks WHERE id = 'guarded'") == [(2,)]
