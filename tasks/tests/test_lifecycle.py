import pytest
from django.db import connection
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tasks.tests.life import Life

LIVES = {"sqlite": 200, "postgresql": 40}
STEPS = 50


def live(lives, steps):
    """Live that many lives of at most so many steps, the same ones each time."""
    swift = settings(
        max_examples=lives, stateful_step_count=steps, deadline=None, suppress_health_check=list(HealthCheck),
        derandomize=True, database=None, phases=[Phase.generate],
    )  # fmt: skip
    run_state_machine_as_test(Life, settings=swift)


@pytest.mark.django_db
@pytest.mark.untraced
class TestTheLifeOfTasks:
    """Every order of verbs, crashes among them."""

    def test_agrees_with_its_model(self):
        live(10, 25)

    @pytest.mark.processes
    def test_agrees_with_its_model_for_ten_thousand_steps(self):
        live(LIVES[connection.vendor], STEPS)
