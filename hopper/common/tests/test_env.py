import pytest

from hopper.common.env import BadSetting, TolerantEnv


@pytest.fixture
def env(tmp_path, monkeypatch):
    """An environment in which `env(HERE="…")` is all there is."""

    def read(**variables):
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        return TolerantEnv(tmp_path / ".env")

    return read


class TestAVariable:
    """A good value is read; a bad one is remembered and the default stands."""

    @pytest.mark.parametrize(
        ("word", "value"),
        [
            ("true", True),
            ("1", True),
            ("ON", True),
            ("yes", True),
            ("false", False),
            ("0", False),
            ("off", False),
            ("", True),
        ],
    )
    def test_that_is_a_flag(self, env, word, value):
        assert env(HERE=word).flag("HERE", default=True) is value

    @pytest.mark.parametrize(
        ("read", "word", "wanted"),
        [
            (lambda env: env.flag("HERE", default=True), "perhaps", "true or false"),
            (lambda env: env.object("HERE") or True, "[1]", "a JSON object"),
            (lambda env: env.object("HERE") or True, "{", "a JSON object"),
            (lambda env: env.whole("HERE", default=True), "many", "a whole number"),
            (lambda env: env.whole("HERE", default=True), "1.5", "a whole number"),
            (lambda env: env.share("HERE", default=True), "half", "a number above 0 and up to 1"),
            (lambda env: env.share("HERE", default=True), "1.1", "a number above 0 and up to 1"),
            (lambda env: env.share("HERE", default=True), "nan", "a number above 0 and up to 1"),
            (lambda env: env.whole("HERE", default=True, minimum=1), "0", "a whole number of 1 or more"),
            (lambda env: env.url("HERE", default=True, schemes=("redis", "rediss")), "http://x",
             "a URL that begins with redis:// or rediss://"),
            (lambda env: env.url("HERE", default=True, schemes=("sqlite",), words=("own",)), "owned",
             "a URL that begins with sqlite:// or own"),
            (lambda env: env.choice("HERE", default=True, among=("web", "worker")), "both", "one of web, worker"),
        ],
    )  # fmt: skip
    def test_that_is_wrong_is_remembered(self, env, read, word, wanted):
        here = env(HERE=word)

        assert read(here) is True
        assert here.problems == [BadSetting("HERE", wanted)]

    def test_that_is_right_is_not_remembered(self, env):
        here = env(FLAG="on", WHOLE="7", SHARE="0.5", WORDS=" a, ,b ", URL="redis://x", TEXT="text")

        assert (here.flag("FLAG", default=False), here.whole("WHOLE", default=1)) == (True, 7)
        assert here.share("SHARE") == 0.5
        assert here.words("WORDS", default=[]) == ["a", "b"]
        assert here.url("URL", default="", schemes=("redis",)) == "redis://x"
        assert here.text("TEXT") == "text"
        assert here.problems == []

    def test_that_is_missing_has_its_default(self, env):
        here = env()

        assert here.whole("NOWHERE_AT_ALL", default=5) == 5
        assert here.words("NOWHERE_AT_ALL", default=["x"]) == ["x"]
        assert here.url("NOWHERE_AT_ALL", default="", schemes=("redis",)) == ""
        assert here.problems == []

    def test_may_stand_in_a_file(self, tmp_path, monkeypatch):
        monkeypatch.setenv("FROM_A_FILE", "set before, so that it is taken back afterwards")
        monkeypatch.delenv("FROM_A_FILE")
        (tmp_path / ".env").write_text("FROM_A_FILE=12\n")

        assert TolerantEnv(tmp_path / ".env").whole("FROM_A_FILE", default=1) == 12
