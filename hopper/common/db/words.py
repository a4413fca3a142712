"""Words in rows: tsvector and a GIN index on PostgreSQL, a function of ours over every row on SQLite."""

from typing import Any

from django.db.backends.signals import connection_created
from django.db.models import BooleanField, Func, TextField, Value

from hopper.common.words import ACCENTS, LONGEST_TEXT, UNSPACED, Question, Term, read_question

MARKS = "!-/:-@\\[-`{-~"
OTHER_MARKS = "\u00a0-\u00a9\u00ab-\u00b4\u00b6-\u00b8\u00bb\u00bf\u2010-\u206f\u3000-\u303f"
# On PostgreSQL the same as hopper.common.words._fold; accents and unspaced scripts cost time, so ASCII is let off.
FOLDED = f"""CASE WHEN octet_length(TEXT) = length(TEXT)
    THEN regexp_replace(TEXT, '[{MARKS}]+', ' ', 'g')
    ELSE regexp_replace(regexp_replace(replace(regexp_replace(normalize(TEXT, NFKD), '[{ACCENTS}]+', '', 'g'),
        'ß', 'ss'), '[{UNSPACED}]', ' \\& ', 'g'), '[{MARKS}{OTHER_MARKS}]+', ' ', 'g') END"""


class TagNames(Func):
    """The tags of a column of tags as one text."""

    arity = 1
    output_field = TextField()

    def as_postgresql(self, compiler: Any, connection: Any, **extra: Any) -> Any:
        template = "jsonb_path_query_array(%(expressions)s, '$.keyvalue().key', '{}', true)::text"
        return self.as_sql(compiler, connection, template=template, **extra)

    def as_sqlite(self, compiler: Any, connection: Any, **extra: Any) -> Any:
        (column,) = self.get_source_expressions()
        sql, params = compiler.compile(column)
        names = f"(SELECT group_concat(key, ' ') FROM json_each({sql}))"  # noqa: S608 - a column; slow, so spared
        return f"CASE WHEN instr({sql}, '\\') THEN {names} ELSE replace({sql}, ': true', '') END", params * 3


class Words(Func):
    """The words of several columns: a tsvector that an index can hold, or one text on SQLite."""

    output_field = TextField()

    def as_postgresql(self, compiler: Any, connection: Any, **extra: Any) -> Any:
        text, params = self._text(compiler, connection, **extra)
        folded = FOLDED.replace("TEXT", f"left({text}, {LONGEST_TEXT})")
        return f"to_tsvector('simple', {folded})", params * FOLDED.count("TEXT")

    def as_sqlite(self, compiler: Any, connection: Any, **extra: Any) -> Any:
        return self._text(compiler, connection, **extra)

    def _text(self, compiler: Any, connection: Any, **extra: Any) -> Any:
        parts = [compiler.compile(part) for part in self.get_source_expressions()]
        text = " || ' ' || ".join(f"coalesce({sql}, '')" for sql, _ in parts)
        return f"({text})", [param for _, params in parts for param in params]


class HasWords(Func):
    """Rows whose words answer a question: `filter(HasWords(Words("title"), question))`."""

    output_field = BooleanField()
    conditional = True

    def __init__(self, words: Words, text: str, **extra: Any) -> None:
        super().__init__(words, Value(text), **extra)
        self.text = text

    def as_postgresql(self, compiler: Any, connection: Any, **extra: Any) -> Any:
        words, params = compiler.compile(self.source_expressions[0])
        asked = tsquery(read_question(self.text))
        return f"({words} @@ to_tsquery('simple', %s))", [*params, asked]

    def as_sqlite(self, compiler: Any, connection: Any, **extra: Any) -> Any:
        return self.as_sql(compiler, connection, function="hopper_has_words", **extra)


class Among(Func):
    """Rows whose column is among those of a subquery, which is asked first and by itself.

    PostgreSQL guesses badly how many rows have a word: it would rather read all rows in the order of the list,
    looking for the word in each, than ask the index for the few that have it.
    """

    arity = 2
    output_field = BooleanField()
    conditional = True

    def as_postgresql(self, compiler: Any, connection: Any, **extra: Any) -> Any:
        return self.as_sql(compiler, connection, template="(%(expressions)s))", arg_joiner=" = ANY(ARRAY", **extra)

    def as_sqlite(self, compiler: Any, connection: Any, **extra: Any) -> Any:
        return self.as_sql(compiler, connection, template="(%(expressions)s)", arg_joiner=" IN ", **extra)


def tsquery(question: Question) -> str:
    """Return the question as PostgreSQL reads it; the words have letters and digits only, so nothing needs quoting."""
    return " | ".join(
        " & ".join([*map(_phrase, one.wanted), *(f"!{_phrase(term)}" for term in one.refused)])
        for one in question.alternatives
    )


def _phrase(term: Term) -> str:
    return f"({' <-> '.join(term.words)}{':*' if term.is_open else ''})"


def _has_words(text: str, question: str) -> bool:
    return read_question(question).is_answered_by(text)


def teach_sqlite(connection: Any, **signal: Any) -> None:
    """Give every new SQLite connection the search that PostgreSQL has by itself."""
    if connection.vendor == "sqlite":
        connection.connection.create_function("hopper_has_words", 2, _has_words, deterministic=True)


connection_created.connect(teach_sqlite, dispatch_uid="hopper_has_words")
