"""The pages on which the user chooses how events come."""

from dataclasses import dataclass, field
from typing import Final

from ...kernel.errors import HubError
from ...kernel.signin import Answers, Ask, Field, FieldKind, Form, until_accepted
from .client import Client
from .line import PushLine
from .settings import Settings
from .topics import Topics, is_ours

NEW: Final = "create_new"
NONE: Final = "no_events"
_CONSOLE: Final = "https://console.nest.google.com/device-access/project/{project}/information"


@dataclass(frozen=True, kw_only=True, slots=True)
class Way:
    """Where events come from, nothing where none are wanted; `made` is whether we made the subscription."""

    topic: str = ""
    subscription: str = field(default="", repr=False)
    made: bool = False


async def choose_events(ask: Ask, client: Client, earlier: Settings) -> Way:
    """Return topic and subscription; those of before stay while they work."""
    topics = Topics(client)
    if earlier.subscription and earlier.project == client.settings.project and await _still_works(topics, earlier):
        return Way(topic=earlier.topic, subscription=earlier.subscription, made=earlier.made)

    async def attempt(answers: Answers) -> Way:
        topic = str(answers.get("topic"))
        if topic == NONE:
            return Way()
        if topic == NEW:
            topic = await topics.make_topic()
        if topic != topics.managed:
            console = _CONSOLE.format(project=client.settings.project)
            await ask(Form(page="console", placeholders={"topic": topic, "console": console}))
        chosen = await _chosen(ask, topics, topic)
        subscription = chosen or await topics.subscribe(topic)
        await PushLine(client, subscription).check()
        return Way(topic=topic, subscription=subscription, made=not chosen)

    return await until_accepted(ask, await _first_page(topics), attempt)


async def _first_page(topics: Topics) -> Form:
    """Return the page of topics; what keeps them from being listed is said on it."""
    errors: dict[str, str] = {}
    found: tuple[str, ...] = ()
    try:
        found = tuple(await topics.topics())
    except HubError as error:
        errors = {"base": error.reason}
    options = (*found, NEW, NONE)
    return Form(
        page="topic",
        fields=(Field(key="topic", kind=FieldKind.SELECT, options=options, default=options[0]),),
        errors=errors,
    )


async def _chosen(ask: Ask, topics: Topics, topic: str) -> str:
    """Return one of the subscriptions there are, an empty name for a new one; raises HubError."""
    found = tuple(await topics.subscriptions(topic))
    if not found:
        return ""
    # What another program reads would be shared with it: each would get a part.
    default = found[0] if is_ours(found[0]) else NEW
    choice = Field(key="subscription", kind=FieldKind.SELECT, options=(*found, NEW), default=default)
    chosen = str((await ask(Form(page="subscription", fields=(choice,)))).get("subscription"))
    return "" if chosen == NEW else chosen


async def _still_works(topics: Topics, earlier: Settings) -> bool:
    try:
        return earlier.subscription in await topics.subscriptions(earlier.topic)
    except HubError:
        return False
