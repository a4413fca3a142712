import pytest
from django.db import connection

from routing.tests.life import DelegatedLife
from tasks.tests.life import live

LIVES = {"sqlite": 240, "postgresql": 50}  # about 10,000 and 2,000 steps: some lives end early


@pytest.mark.django_db
@pytest.mark.untraced
class TestTheLifeOfDelegatedTasks:
    """Every order of claims, waits, hops and answers, crashes among them."""

    def test_agrees_with_its_model(self):
        live(DelegatedLife, 6, 25)

    @pytest.mark.processes
    def test_agrees_with_its_model_for_ten_thousand_steps(self):
        live(DelegatedLife, LIVES[connection.vendor])
