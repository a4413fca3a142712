"""A language model behind OpenAI's protocol; it is believed nothing that cannot be checked."""

import json
import re
import threading
from typing import Any

import openai
from django.core.exceptions import ValidationError

from hopper.common.fields import normalise_tag
from hopper.common.outbound import AnswerRefused, bounded_client
from routing.advisers.base import Advice, AdviceFailed, Configuration, Question, Usage, one_line
from routing.advisers.prompt import (
    ABSTAIN,
    EFFORTS,
    MOST_SUBTASKS,
    MOST_TAGS,
    Messages,
    Schema,
    ask_for_place,
    ask_for_proposal,
)

OFFICIAL = "https://api.openai.com/v1"
LONGEST_ANSWER = 64_000  # bytes
ANSWER_TOKENS = 1_000
BYTES_PER_TOKEN = 2  # fewer than any tokeniser takes of ordinary text, so that what is reserved is enough
MOST_TOKENS = 1_000_000  # that one answer may count: more is a fault of the server
FENCED = re.compile(r"\s*```(?:json)?\s*(.*?)\s*```\s*", re.DOTALL)
FORMS = ("schema", "plain", "own temperature")  # what servers understand, the best first


class LLM:
    """Asks for one of the ids by a schema at temperature 0, checks the answer, and counts the tokens."""

    kind = "llm"

    def __init__(self, configuration: Configuration) -> None:
        self._configuration = configuration
        self.model = configuration.model[:100]
        self._form = 0  # of FORMS, the first that the server understood
        self._counting = threading.Lock()
        self._usage = Usage(dollars=self._dollars(0, 0))
        self._client = openai.OpenAI(
            api_key=configuration.api_key or "none",
            base_url=configuration.base_url or OFFICIAL,
            http_client=bounded_client(configuration.timeout, longest=LONGEST_ANSWER),
            timeout=configuration.timeout,
            max_retries=configuration.retries,
        )

    def advise(self, question: Question) -> Advice:
        """Return one of the options, or that the model cannot tell.

        :raises AdviceFailed: for anything else
        """
        answer = self._answer(*ask_for_place(question))
        choice, confidence, reason = answer["choice"], answer["confidence"], answer["reason"]
        if choice not in (*question.keys, ABSTAIN) or not isinstance(reason, str):
            raise AdviceFailed("The language model named none of the places.")
        is_number = isinstance(confidence, int | float) and not isinstance(confidence, bool)
        if not is_number or not 0 <= confidence <= 1:
            raise AdviceFailed("The language model gave a confidence that is no number from 0 to 1.")
        return Advice(None if choice == ABSTAIN else choice, float(confidence), one_line(reason))

    def propose(self, kind: str, question: Question) -> dict[str, Any]:
        """Return `{"tags": […]}`, `{"effort": "1 day"}` or `{"subtasks": [{"title", "description"}]}`.

        :raises AdviceFailed: if the answer is nothing of the kind
        """
        answer = self._answer(*ask_for_proposal(kind, question))
        try:
            return {kind: READERS[kind](answer[kind])}
        except (TypeError, KeyError, ValueError, AttributeError) as error:
            raise AdviceFailed(f"The language model proposed no {kind}.") from error

    def bound(self, question: Question) -> Usage:
        """Return the most that one question can cost: bytes by two, and the longest answer, for each try."""
        told = json.dumps(question.as_dict()).encode("utf-8", "replace")
        asked, tries = len(told) // BYTES_PER_TOKEN + ANSWER_TOKENS, self._configuration.retries + 1
        dollars = self._dollars(asked, ANSWER_TOKENS)
        return Usage(1, tries * (asked + ANSWER_TOKENS), None if dollars is None else tries * dollars)

    def take_usage(self) -> Usage:
        """Return what was paid for since the last call."""
        with self._counting:
            taken, self._usage = self._usage, Usage(dollars=self._dollars(0, 0))
        return taken

    def _answer(self, messages: Messages, schema: Schema) -> dict[str, Any]:
        """Return the object that the model answered, with exactly the keys that the schema asks for."""
        message = self._message(self._ask(messages, schema))
        text = message.get("content")
        if message.get("refusal") or not isinstance(text, str):
            raise AdviceFailed("The language model refused to answer.")
        try:
            found = json.loads(fenced[1] if (fenced := FENCED.fullmatch(text)) else text)
        except (ValueError, RecursionError) as error:
            raise AdviceFailed("The language model answered with something that is no JSON.") from error
        if not isinstance(found, dict) or set(found) != set(schema["required"]):
            raise AdviceFailed("The language model answered with other fields than it was asked for.")
        return found

    def _message(self, body: bytes) -> dict[str, Any]:
        try:
            answer = json.loads(body)
            self._count(answer.get("usage"))
            message = answer["choices"][0]["message"]
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
            raise AdviceFailed("The answer of the language model cannot be read.") from error
        if not isinstance(message, dict):
            raise AdviceFailed("The answer of the language model cannot be read.")
        return message

    def _ask(self, messages: Messages, schema: Schema) -> bytes:
        """Ask in the best form that the server understands; a bad request is tried in the next.

        :raises AdviceFailed: if the server is away or refuses all
        """
        for form in range(self._form, len(FORMS)):
            try:
                body = self._send(messages, _options(FORMS[form], schema))
            except (openai.BadRequestError, openai.UnprocessableEntityError):
                continue
            except openai.APIStatusError as error:
                raise AdviceFailed(f"The language model answered {error.status_code}.", is_outage=True) from error
            except AnswerRefused as error:
                raise AdviceFailed(str(error)) from error
            except openai.APIConnectionError as error:
                raise AdviceFailed(f"The language model is away: {error}", is_outage=True) from error
            except (openai.OpenAIError, ValueError, RecursionError) as error:
                raise AdviceFailed("The answer of the language model cannot be read.") from error
            self._form = form
            return body
        raise AdviceFailed("The language model refused the question as it was asked.")

    def _send(self, messages: Messages, options: dict[str, Any]) -> bytes:
        asked: Any = messages
        raw = self._client.chat.completions.with_raw_response.create(
            model=self._configuration.model, messages=asked, **options
        )
        return raw.http_response.content

    def _count(self, usage: Any) -> None:
        """Count what was paid for, even when the answer turns out to be wrong; not every server tells."""
        told = usage if isinstance(usage, dict) else {}
        asked, given = _tokens(told.get("prompt_tokens")), _tokens(told.get("completion_tokens"))
        dollars = self._dollars(asked, given)
        with self._counting:
            was = self._usage
            both = None if dollars is None or was.dollars is None else was.dollars + dollars
            self._usage = Usage(was.calls + 1, was.tokens + asked + given, both)

    def _dollars(self, asked: int, given: int) -> float | None:
        prices = self._configuration.prices
        return None if prices is None else (asked * prices[0] + given * prices[1]) / 1e6


def _options(form: str, schema: Schema) -> dict[str, Any]:
    """Return the options of the form: older servers know no schema, some models take their own temperature alone."""
    wanted = {"type": "json_schema", "json_schema": {"name": "answer", "strict": True, "schema": schema}}
    if form == "plain":
        return {"temperature": 0, "max_tokens": ANSWER_TOKENS}
    by_schema = {"response_format": wanted, "max_completion_tokens": ANSWER_TOKENS}
    return by_schema | ({"temperature": 0} if form == "schema" else {})


def _tokens(count: Any) -> int:
    return count if isinstance(count, int) and 0 < count <= MOST_TOKENS else 0


def _read_tags(answer: list[Any]) -> list[str]:
    """Return the words that are tags; what is none is left out."""
    found = []
    for word in answer[:MOST_TAGS]:
        try:
            found.append(normalise_tag(word))
        except ValidationError:
            continue
    return sorted(set(found))


def _read_effort(answer: str) -> str:
    return EFFORTS[EFFORTS.index(answer)]


def _read_subtasks(answer: list[Any]) -> list[dict[str, str]]:
    parts = [
        {"title": one_line(part["title"], 200), "description": one_line(part["description"], 2_000)}
        for part in answer[:MOST_SUBTASKS]
    ]
    if not parts or not all(part["title"] for part in parts):
        raise ValueError
    return parts


READERS: dict[str, Any] = {"tags": _read_tags, "effort": _read_effort, "subtasks": _read_subtasks}
