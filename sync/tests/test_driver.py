"""The way to Neo4j: what goes wrong is said in words that help."""

import os

import pytest
from django.core.checks import run_checks
from neo4j.exceptions import Neo4jError

from hopper.common.env import TolerantEnv
from sync.graph import GraphUnavailable, get_mirror
from sync.graph.neo4j.driver import get_driver, in_our_words, read, run

NOBODY = "bolt://127.0.0.1:1"


class TestASentence:
    @pytest.mark.parametrize(
        ("url", "sentence"),
        [
            (NOBODY, "does not answer at bolt://127.0.0.1:1: start it, or unset NEO4J_URL"),
            ("bolt://127.0.0.1:nothing", "NEO4J_URL is no address"),
            ("bolt://127.0.0.1:1?routing=here", "NEO4J_URL is no address"),
            ("", "No graph is configured: set NEO4J_URL"),
        ],
    )
    def test_says_what_to_do(self, settings, url, sentence):
        settings.NEO4J_URL = url

        with pytest.raises(GraphUnavailable, match=sentence.replace("?", r"\?")):
            get_mirror().counts()

    @pytest.mark.parametrize(
        ("code", "sentence"),
        [
            ("Security.Unauthorized", "does not let Hopper in: correct NEO4J_USERNAME and NEO4J_PASSWORD"),
            ("Security.CredentialsExpired", "still has its first password: change it there, and set NEO4J_PASSWORD"),
        ],
    )
    def test_says_who_is_not_let_in(self, code, sentence):
        """No delivery is to blame for it: an outage, which uses up no attempt."""
        with pytest.raises(GraphUnavailable, match=sentence), in_our_words():
            raise Neo4jError._hydrate_neo4j(code=f"Neo.ClientError.{code}", message="No.")

    @pytest.mark.neo4j
    def test_names_nothing_that_is_not_there_yet(self, empty_neo4j, recwarn, caplog):
        """An empty graph knows none of our labels, which is no news."""
        assert read("MATCH (n:Task)-[:NOT_YET]->(:Nowhere) RETURN n.nothing") == []
        assert not recwarn.list
        assert not caplog.records


@pytest.mark.neo4j
class TestTheDriver:
    def test_is_one_for_a_process(self, empty_neo4j):
        assert get_driver() is get_driver()

    def test_is_made_anew_in_a_forked_process(self, empty_neo4j):
        run("CREATE (:Tag {name: 'made before the fork'})")
        child = os.fork()
        if not child:
            os._exit(0 if read("MATCH (n:Tag) RETURN count(n) AS n")[0]["n"] == 1 else 1)

        assert os.waitpid(child, 0)[1] == 0
        assert read("MATCH (n:Tag) RETURN n.name AS name") == [{"name": "made before the fork"}]


class TestTheSettings:
    @pytest.mark.parametrize(("url", "password", "found"), [(NOBODY, "", True), (NOBODY, "x", False), ("", "", False)])
    def test_want_a_password_in_production(self, settings, url, password, found):
        settings.NEO4J_URL, settings.NEO4J_PASSWORD = url, password

        messages = run_checks(include_deployment_checks=True)

        assert ("hopper.E007" in [message.id for message in messages]) is found

    def test_are_read_tolerantly(self, monkeypatch, tmp_path):
        monkeypatch.setenv("GRAPH_SYNC_ON_WRITE", "perhaps")
        monkeypatch.setenv("GRAPH_SYNC_INTERVAL", "0")
        env = TolerantEnv(tmp_path / ".env")

        assert env.flag("GRAPH_SYNC_ON_WRITE", default=True)
        assert env.whole("GRAPH_SYNC_INTERVAL", default=300, minimum=1) == 300
        assert [problem.name for problem in env.problems] == ["GRAPH_SYNC_ON_WRITE", "GRAPH_SYNC_INTERVAL"]
