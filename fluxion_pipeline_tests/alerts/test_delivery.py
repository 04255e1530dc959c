"""Messages reach their channels once, in order, and a channel that doesn't take them is noticed."""

from __future__ import annotations

import socket
from datetime import datetime, time, timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr

from fluxion_pipeline.alerts import policy
from fluxion_pipeline.alerts.channels import Channel, channels, hidden, send
from fluxion_pipeline.alerts.desk import Desk
from fluxion_pipeline.alerts.evidence import RunSeen, steps_of
from fluxion_pipeline.alerts.message import Message
from fluxion_pipeline.alerts.problem import Family, Kind, Severity
from fluxion_pipeline.contracts.clock import UTC, ZONE
from fluxion_pipeline.errors import SettingsError
from fluxion_pipeline.locations import registry
from fluxion_pipeline.settings import load
from fluxion_pipeline_tests.support.webhook import webhook

NOON = datetime(2026, 3, 2, 16, 0, tzinfo=UTC)


class Post:
    """A clock and channels of the test's own: what each was sent, and what it answers."""

    def __init__(self) -> None:
        self.now, self.sent, self.broken = NOON, [], set()  # type: ignore[var-annotated]

    def send(self, channel: Channel, message: Message) -> str | None:
        if channel.name in self.broken:
            return "no"
        self.sent.append((channel.name, message.id, message.title))
        return None


@pytest.fixture
def post() -> Post:
    return Post()


def desk(post: Post, home: Path, urls: str = "uno=json://h dos=json://h") -> Desk:
    return Desk(load({"FLUXION_HOME": str(home), "FLUXION_ALERT_URLS": urls}), registry.load(), lambda: post.now, post.send)


def fail(at: Desk, run: str, job: str = "ventas", failed: bool = True) -> None:
    at.take(steps_of([], [RunSeen(run, job, at.clock(), failed)], []))


def test_each_channel_is_sent_a_message_once(post: Post, tmp_path: Path) -> None:
    here = desk(post, tmp_path)
    fail(here, "r1")
    assert [here.deliver() for _ in range(3)] == [2, 0, 0]
    assert [name for name, _, _ in post.sent] == ["uno", "dos"]


def test_a_process_killed_before_the_record_sends_again_with_the_same_id(post: Post, tmp_path: Path) -> None:
    here = desk(post, tmp_path, "uno=json://h")
    fail(here, "r1")

    def killed(channel: Channel, message: Message) -> str | None:
        post.send(channel, message)
        raise KeyboardInterrupt

    here.sender = killed
    with pytest.raises(KeyboardInterrupt):
        here.deliver()
    assert desk(post, tmp_path, "uno=json://h").deliver() == 1
    assert len(post.sent) == 2
    assert len({identity for _, identity, _ in post.sent}) == 1


def test_the_same_steps_after_a_lost_transaction_are_the_same_message(post: Post, tmp_path: Path) -> None:
    here = desk(post, tmp_path)
    fail(here, "r1")
    with here.store.open(write=True) as db:
        db.execute("DELETE FROM fuentes")
        db.execute("DELETE FROM incidentes")
    fail(here, "r1")
    assert here.deliver() == 2


def test_a_channel_that_fails_holds_up_nobody_rests_longer_each_time_and_keeps_its_order(post: Post, tmp_path: Path) -> None:
    here = desk(post, tmp_path)
    post.broken = {"uno"}
    tried = 0
    for n in range(120):
        fail(here, f"r{n}", f"job{n}") if n < 3 else None
        before = {h.name: h.failures for h in here.health()}
        here.deliver()
        tried += {h.name: h.failures for h in here.health()}["uno"] - before["uno"]
        post.now += timedelta(seconds=30)
    assert 5 <= tried <= 9
    assert len([s for s in post.sent if s[0] == "dos" and "job" in s[2]]) == 3
    health = {h.name: h for h in here.health()}
    assert (health["uno"].well, health["uno"].error, health["uno"].waiting, health["uno"].since) == (False, "no", 3, NOON)
    post.broken = set()
    post.now += timedelta(hours=1)
    here.deliver()
    assert [t for name, _, t in post.sent if name == "uno"] == [t for name, _, t in post.sent if name == "dos" and "job" in t]


def test_the_other_channels_are_told_of_one_that_does_not_deliver_and_it_is_not(post: Post, tmp_path: Path) -> None:
    here = desk(post, tmp_path)
    post.broken = {"uno"}
    fail(here, "r1")
    for _ in range(6):
        here.deliver()
        post.now += timedelta(minutes=10)
        here.take([])
    post.broken = set()
    post.now += timedelta(hours=1)
    here.deliver()
    here.take([])
    here.deliver()
    about = [(name, title.split("]")[0]) for name, _, title in post.sent if "canal" in title]
    assert about[0] == ("dos", "[ERROR")
    assert ("uno", "[ERROR") not in about
    assert ("dos", "[RECUPERADO") in about


def test_a_channel_that_is_removed_is_waited_for_no_longer(post: Post, tmp_path: Path) -> None:
    post.broken = {"uno"}
    here = desk(post, tmp_path)
    fail(here, "r1")
    here.deliver()
    without = desk(post, tmp_path, "dos=json://h")
    without.deliver()
    assert [(h.name, h.waiting, h.well) for h in without.health()] == [("dos", 0, True)]
    assert without.told(1)[0]["delivery"] == "dos: entregada (1), uno: retirada (1)"


def test_nothing_is_made_by_looking(post: Post, tmp_path: Path) -> None:
    here = desk(post, tmp_path / "home")
    assert (here.open(), here.told(5), len(here.health())) == ([], [], 2)
    assert not (tmp_path / "home").exists()


def test_quiet_hours_hold_back_what_is_milder_and_the_rest_goes_out(post: Post, tmp_path: Path) -> None:
    (tmp_path / "alertas.yaml").write_text("silencio: {desde: 22:30, hasta: '06:00', salvo: critico}\n", "utf-8")
    here = desk(post, tmp_path, "uno=json://h")
    post.now = datetime(2026, 3, 2, 23, 0, tzinfo=ZONE)
    fail(here, "r1")
    assert here.deliver() == 0
    assert here.health()[0].well
    post.now = datetime(2026, 3, 3, 5, 59, tzinfo=ZONE)
    assert here.deliver() == 0
    post.now = datetime(2026, 3, 3, 6, 0, tzinfo=ZONE)
    assert here.deliver() >= 1


@pytest.mark.parametrize(
    ("begin", "end", "now", "until"),
    [("22:30", "06:00", "21:00", None), ("22:30", "06:00", "22:30", "06:00"), ("22:30", "06:00", "03:00", "06:00"), ("13:00", "15:00", "14:00", "15:00")],
)
def test_quiet_hours_over_midnight_and_within_a_day(begin: str, end: str, now: str, until: str | None) -> None:
    rules = policy.parse({"silencio": {"desde": begin, "hasta": end}})
    instant = datetime.combine(datetime(2026, 3, 2, tzinfo=ZONE), time.fromisoformat(now), ZONE)
    found = rules.not_before(Severity.ERROR, instant)
    assert (found.astimezone(ZONE).strftime("%H:%M") if found != instant else None) == until
    assert timedelta() <= found - instant < timedelta(days=1)
    assert rules.not_before(Severity.CRITICO, instant) == instant


def test_a_severity_goes_where_its_route_leads(post: Post, tmp_path: Path) -> None:
    (tmp_path / "alertas.yaml").write_text("rutas: {error: [dos], aviso: [nadie]}\n", "utf-8")
    here = desk(post, tmp_path)
    fail(here, "r1")
    here.deliver()
    assert [name for name, _, _ in post.sent] == ["dos"]
    rules = policy.load(tmp_path)
    assert rules.channels(Severity.AVISO, ("uno", "dos")) == ("uno", "dos"), "a route that leads nowhere loses nothing"


@pytest.mark.parametrize(
    "text", ["silencio: 5", "rutas: {grave: [uno]}", "otra: 1", "silencio: {desde: '25:00', hasta: '06:00'}", "a: [", "rutas: {error: uno}"]
)
def test_a_file_that_is_wrong_is_named_with_what_may_stand_in_it(text: str, tmp_path: Path) -> None:
    (tmp_path / "alertas.yaml").write_text(text, "utf-8")
    with pytest.raises(SettingsError, match=r"alertas\.yaml"):
        policy.load(tmp_path)


def test_addresses_are_taken_apart_and_named() -> None:
    found = channels(SecretStr("correo=mailto://u:p,w@h.example json://a?x=1,2,json://b\nroto"))
    assert [(c.name, c.url.get_secret_value()) for c in found] == [
        ("correo", "mailto://u:p,w@h.example"),
        ("json", "json://a?x=1,2"),
        ("json-2", "json://b"),
        ("ilegible", "roto"),
    ]
    assert channels(None) == ()
    assert "p,w" not in repr(found)


def message() -> Message:
    return Message("i1", Kind.ABIERTO, Family.DATOS, Severity.ERROR, NOON, "título ñ", "texto\ncon renglones")


def test_a_webhook_is_sent_what_was_written() -> None:
    with webhook() as hook:
        assert send(Channel("x", SecretStr(hook.url)), message()) is None
        assert [(m["title"], m["message"], m["type"]) for m in hook.messages] == [("título ñ", "texto\ncon renglones", "failure")]


def test_an_error_tells_nothing_of_the_address(caplog: pytest.LogCaptureFixture) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    for address in (f"json://usuario:clave-secreta@127.0.0.1:{port}/camino-secreto", "bogus://clave-secreta", "clave-secreta"):
        error = send(Channel("x", SecretStr(address)), message())
        assert error
        assert not [part for part in ("secret", "usuario", str(port)) if part in error + repr(error)]
    assert "secret" not in hidden("no route to json://a:secret@h/secret2 for secret2", "json://a:secret@h/secret2")
