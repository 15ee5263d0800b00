from collections.abc import Callable
import json
from typing import Any

import pytest
from yarl import URL

from custom_components.camhub.kernel.model import Account
from custom_components.camhub.providers.nest.settings import DEVICES_SCOPE, EVENTS_SCOPE, SCOPES
from custom_components.camhub.providers.nest.sign_in import sign_in
from simulators.nest_sdm import NestSimulator, OAuthClient
from simulators.nest_sdm.pubsub import PUBLISHER, Subscription
from simulators.nest_sdm.server import CLOUD_PROJECT, PROJECT
from tests.conftest import MakeContext
from tests.fake_clock import FakeClock

from .conftest import SECRET, Stop, User


async def test_an_account_with_a_way_for_events(
    user: User, service: NestSimulator, account: Account, clock: FakeClock
) -> None:
    assert (account.title, account.unique_id, account.match) == ("Example House", PROJECT, PROJECT)
    assert [form.page for form in user.forms] == ["project", "topic", "console"]
    topic, subscription = (str(account.credentials[key]) for key in ("topic", "subscription"))
    assert service.pubsub.topics == {topic: {PUBLISHER}}
    assert service.pubsub.subscriptions[subscription].topic == topic
    assert account.credentials["subscription_made"] is True
    console = user.forms[-1].placeholders
    assert console["topic"] == topic
    assert PROJECT in console["console"]
    assert account.credentials["signed_in_at"] == clock.now().isoformat()
    page = URL(user.consents[0].url)
    assert page.path == f"/partnerconnections/{PROJECT}/auth"
    assert dict(page.query) == {"client_id": service.client.id, "access_type": "offline", "prompt": "consent"}
    # Devices, events and an address for the title: nothing else of whoever signs in.
    asked = tuple(f"https://www.googleapis.com/auth/{scope}" for scope in ("sdm.service", "pubsub", "userinfo.email"))
    assert user.consents[0].scopes == SCOPES == asked
    assert SECRET not in repr(account)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"project_id": ""}, "project_id_malformed"),
        ({"project_id": "a/b"}, "project_id_malformed"),
        ({"project_id": CLOUD_PROJECT}, "project_is_cloud_project"),
        ({"cloud_project_id": "No Project"}, "cloud_project_malformed"),
        ({"client_id": "123"}, "client_id_malformed"),
        ({"client_secret": ""}, "client_secret_missing"),
        ({"client_secret": "wrong"}, "client_refused"),
        ({"client_id": "9-other.apps.googleusercontent.com"}, "client_refused"),
    ],
)
async def test_wrong_answers_are_said_before_the_user_is_sent_away(
    user: User, make_context: MakeContext, changes: dict[str, str], reason: str
) -> None:
    user.answers["project"] |= changes
    assert await refused(user, make_context) == reason
    assert user.consents == []


async def refused(user: User, make_context: MakeContext) -> str:
    """Return the reason that the page shows."""
    with pytest.raises(Stop):
        await sign_in(make_context(), user)
    return user.forms[-1].errors["base"]


def no_cameras(user: User) -> None:
    user.shared = lambda device: "thermostat" in device


def no_devices(user: User) -> None:
    user.shared = lambda _: False


def one_scope(user: User) -> None:
    user.scopes = (DEVICES_SCOPE,)


def other_scope(user: User) -> None:
    user.scopes = (EVENTS_SCOPE,)


def cancelled(user: User) -> None:
    user.error = "access_denied"


def wrong_code(user: User) -> None:
    user.code = "4/wrong"


def wrong_redirect(user: User) -> None:
    user.redirect = "https://elsewhere.example"


def clients_project(user: User) -> None:
    user.service.client.enterprise = "another"


def api_off(user: User) -> None:
    told = "Smart Device Management API has not been used in project 1 before or it is disabled."
    answer = json.dumps({"error": {"code": 403, "message": told, "status": "PERMISSION_DENIED"}})
    user.service.faults.answers[f"/v1/enterprises/{PROJECT}/devices"] = (403, answer)


def throttled(user: User) -> None:
    user.service.faults.throttled = True


@pytest.mark.parametrize(
    ("turn", "reason"),
    [
        (cancelled, "consent_refused"),
        (wrong_code, "code_refused"),
        (wrong_redirect, "redirect_refused"),
        (one_scope, "consent_incomplete"),
        (other_scope, "consent_incomplete"),
        (clients_project, "enterprise_not_found"),
        (no_devices, "no_devices_shared"),
        (no_cameras, "no_cameras_shared"),
        (api_off, "api_disabled"),
        (throttled, "quota_used_up"),
    ],
)
async def test_each_wrong_turn_has_its_own_reason(
    user: User, make_context: MakeContext, turn: Callable[[User], None], reason: str
) -> None:
    turn(user)
    assert await refused(user, make_context) == reason
    assert user.forms[-1].page == "project"
    assert len(user.consents) == 1


async def test_a_token_that_does_not_last_is_said(user: User, make_context: MakeContext) -> None:
    """Google leaves the refresh token out where the user allowed the same before (no `prompt=consent`)."""
    whole = {"access_token": "a", "expires_in": 3599, "scope": " ".join(SCOPES), "token_type": "Bearer"}
    user.service.faults.answers["/oauth2/v4/token"] = (200, json.dumps(whole))
    assert await refused(user, make_context) == "no_lasting_login"


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ((200, "[]"), "malformed"),
        ((503, "<html>"), "service_unavailable"),
        ((429, "{}"), "login_throttled"),
        ((400, '{"error": "invalid_request"}'), "malformed"),
    ],
)
async def test_a_token_service_in_trouble(
    user: User, make_context: MakeContext, answer: tuple[int, str], reason: str
) -> None:
    user.service.faults.answers["/oauth2/v4/token"] = answer
    assert await refused(user, make_context) == reason
    # Only what is no word on the client leads to Google's page all the same.
    assert bool(user.consents) == (reason == "malformed")


async def test_the_secret_stays_with_the_client_only(
    user: User, make_context: MakeContext, account: Account, service: NestSimulator
) -> None:
    service.tokens.clients["2-other.apps.googleusercontent.com"] = OAuthClient(
        id="2-other.apps.googleusercontent.com",
        secret=SECRET,
        enterprise=PROJECT,
        cloud_project=CLOUD_PROJECT,
        redirects=service.client.redirects,
    )
    user.answers["project"] |= {"client_secret": "", "client_id": "2-other.apps.googleusercontent.com"}
    with pytest.raises(Stop):
        await sign_in(make_context(account.credentials), user)
    assert user.forms[-1].errors == {"base": "client_secret_missing"}


async def test_signing_in_again_keeps_topic_subscription_and_abilities(
    user: User, make_context: MakeContext, account: Account, service: NestSimulator
) -> None:
    user.forms.clear()
    user.answers["project"]["client_secret"] = ""
    known = {"abilities": {"AVPHw-wired-0001": ["rtsp"]}}
    again = await sign_in(make_context({**account.credentials, **known}), user)
    assert [form.page for form in user.forms] == ["project"]
    assert again.credentials == {**account.credentials, **known}
    assert len(service.pubsub.subscriptions) == 1


async def test_a_subscription_that_is_gone_is_chosen_anew(
    user: User, make_context: MakeContext, account: Account, service: NestSimulator
) -> None:
    service.pubsub.subscriptions.clear()
    (topic,) = service.pubsub.topics
    user.forms.clear()
    user.answers["topic"] = {"topic": topic}
    again = await sign_in(make_context(account.credentials), user)
    assert again.credentials["topic"] == topic
    assert again.credentials["subscription"] in service.pubsub.subscriptions
    assert [form.page for form in user.forms] == ["project", "topic", "console"]
    assert user.forms[1].fields[0].options == (topic, "create_new", "no_events")


async def test_a_subscription_that_cannot_be_looked_for_is_chosen_anew(
    user: User, make_context: MakeContext, account: Account, service: NestSimulator
) -> None:
    service.faults.pubsub_disabled = True
    user.forms.clear()
    with pytest.raises(Stop):
        await sign_in(make_context(account.credentials), user)
    assert [form.page for form in user.forms] == ["project", "topic"]


async def test_a_subscription_that_is_there_may_be_chosen(
    user: User, make_context: MakeContext, account: Account, service: NestSimulator
) -> None:
    (topic,), (subscription,) = service.pubsub.topics, service.pubsub.subscriptions
    user.answers |= {"topic": {"topic": topic}, "subscription": {"subscription": subscription}}
    again = await sign_in(make_context(), user)
    assert again.credentials["subscription"] == subscription
    assert again.credentials["subscription_made"] is False
    assert user.forms[-1].fields[0].options == (subscription, "create_new")
    user.answers["subscription"] = {"subscription": "create_new"}
    another = await sign_in(make_context(), user)
    assert another.credentials["subscription"] not in {subscription, ""}


async def test_a_subscription_of_another_program_is_not_proposed(
    user: User, make_context: MakeContext, account: Account, service: NestSimulator
) -> None:
    (topic,), (ours,) = service.pubsub.topics, service.pubsub.subscriptions
    name = f"projects/{service.client.cloud_project}/subscriptions"
    others: dict[str, dict[str, Any]] = {
        "pulled": {},
        "pushed": {"pushConfig": {"pushEndpoint": "https://hook.example.com/"}},
        "written": {"bigqueryConfig": {"table": "p.d.t"}},
        "cut-off": {"detached": True},
    }
    for each, described in others.items():
        service.pubsub.subscriptions[f"{name}/{each}"] = Subscription(topic=topic, described=described)
    service.pubsub.subscriptions[ours] = service.pubsub.subscriptions.pop(ours)
    user.answers |= {"topic": {"topic": topic}, "subscription": {"subscription": "create_new"}}
    await sign_in(make_context(), user)
    (field,) = user.forms[-1].fields
    assert (field.options, field.default) == ((ours, f"{name}/pulled", "create_new"), ours)
    for each in [key for key in service.pubsub.subscriptions if "camhub" in key]:
        del service.pubsub.subscriptions[each]
    await sign_in(make_context(), user)
    (field,) = user.forms[-1].fields
    assert (field.options, field.default) == ((f"{name}/pulled", "create_new"), "create_new")


async def test_the_topic_of_device_access_itself(user: User, make_context: MakeContext, service: NestSimulator) -> None:
    managed = f"projects/sdm-prod/topics/enterprise-{PROJECT}"
    service.pubsub.managed.add(managed)
    user.answers["topic"] = {"topic": managed}
    account = await sign_in(make_context(), user)
    assert account.credentials["topic"] == managed
    assert [form.page for form in user.forms] == ["project", "topic"]
    assert user.forms[-1].fields[0].default == managed


async def test_a_topic_that_may_be_looked_at_is_there_too(
    user: User, make_context: MakeContext, service: NestSimulator
) -> None:
    managed = f"projects/sdm-prod/topics/enterprise-{PROJECT}"
    service.faults.answers[f"/v1/{managed}"] = (200, json.dumps({"name": managed}))
    user.answers["topic"] = {"topic": "no_events"}
    account = await sign_in(make_context(), user)
    assert user.forms[-1].fields[0].options == (managed, "create_new", "no_events")
    assert (account.credentials["topic"], account.credentials["subscription"]) == ("", "")


async def test_topics_that_cannot_be_listed(user: User, make_context: MakeContext, service: NestSimulator) -> None:
    service.faults.pubsub_disabled = True
    assert await refused(user, make_context) == "pubsub_disabled"
    assert user.forms[-1].page == "topic"
    service.faults.pubsub_disabled = False
    user.answers["project"]["cloud_project_id"] = "another-cloud-1"
    assert await refused(user, make_context) == "pubsub_forbidden"
    service.faults.answers["/v1/projects/another-cloud-1/topics"] = (404, '{"error": {"message": "Requested project"}}')
    assert await refused(user, make_context) == "cloud_project_not_found"
    service.faults.answers["/v1/projects/another-cloud-1/topics"] = (200, '{"topics": [{}]}')
    assert await refused(user, make_context) == "malformed"


async def test_a_push_line_that_does_not_come_about(
    user: User, make_context: MakeContext, service: NestSimulator
) -> None:
    await service.push.stop()
    assert await refused(user, make_context) == "event_line_closed"
    assert user.forms[-1].page == "topic"


async def test_a_title_is_not_worth_an_error(user: User, make_context: MakeContext, service: NestSimulator) -> None:
    user.answers["topic"] = {"topic": "no_events"}
    service.structure = ""
    assert (await sign_in(make_context(), user)).title == "robin@example.com"
    structures = f"/v1/enterprises/{PROJECT}/structures"
    service.faults.answers[structures] = (200, '{"structures": {}}')
    service.faults.answers["/oauth2/v3/userinfo"] = (200, "{}")
    assert (await sign_in(make_context(), user)).title == "Google Nest"
    service.faults.answers[structures] = (500, "")
    assert (await sign_in(make_context(), user)).title == "Google Nest"


async def test_a_service_that_cannot_be_reached(user: User, make_context: MakeContext, service: NestSimulator) -> None:
    await service.stop()
    assert await refused(user, make_context) == "service_unreachable"


async def test_a_certificate_of_somebody_else(
    user: User, make_context: MakeContext, service: NestSimulator, names: dict[str, tuple[str, int]]
) -> None:
    names["www.googleapis.com"] = ("127.0.0.1", service.streams.rtsp.port)
    assert await refused(user, make_context) == "service_untrusted"
