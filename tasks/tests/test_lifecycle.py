import pytest

from tasks.tests.life import Life, live


@pytest.mark.django_db
@pytest.mark.untraced
class TestTheLifeOfTasks:
    """Every order of verbs, crashes among them; routing/tests/test_delegated_life.py lives longer."""

    def test_agrees_with_its_model(self):
        live(Life, 8, 25)
