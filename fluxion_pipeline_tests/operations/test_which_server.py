"""What a server or libpq answers to a login, in plain words and with one thing to do; the rarer answers, beside those of ``test_doctor``."""

from __future__ import annotations

import pytest
from pydantic import SecretStr

from fluxion_pipeline.contracts.outcomes import SinkName
from fluxion_pipeline.errors import SinkAway
from fluxion_pipeline.operations.doctor import State
from fluxion_pipeline.operations.which_server import explain
from fluxion_pipeline.settings import Settings, load
from fluxion_pipeline_tests.support.home import Home
from fluxion_pipeline_tests.support.patient import doctor

THERE = load({"POSTGRES_HOST": "db.example", "POSTGRES_SSLMODE": "verify-full"})


@pytest.mark.parametrize(
    ("answer", "said", "cure"),
    [
        ('root certificate file "/x/root.crt" does not exist', "no file /x/root.crt", "name it in POSTGRES_SSLROOTCERT"),
        ("SSL error: certificate verify failed", "isn't signed by one of those in POSTGRES_SSLROOTCERT", "POSTGRES_SSLROOTCERT is the file of"),
        ('server certificate for "vm" does not match host name "db.example"', "is of another name", "the name that stands in the certificate"),
        ('FATAL:  no pg_hba.conf entry for host "::1", user "u", database "d", no encryption', "nobody in without TLS", "export POSTGRES_SSLMODE=require"),
        (
            'FATAL:  no pg_hba.conf entry for host "::1", user "u", database "d", SSL encryption\n'
            'FATAL:  no pg_hba.conf entry for host "::1", user "u", database "d", no encryption',
            "doesn't let this machine or user in",
            "pg_hba.conf",
        ),
        ("FATAL:  the database system is starting up", "on its way up or down", "wait a minute"),
        ("FATAL:  something nobody has seen", "something nobody has seen", "that server's own log says more"),
    ],
)
def test_an_answer_has_one_thing_to_do_that_is_not_the_doctor_itself(answer: str, said: str, cure: str) -> None:
    """The texts are those of PostgreSQL 15 with TLS, which the embedded server has not."""
    what, remedy = explain(SinkAway("postgresql", f"PostgreSQL is away: {answer}", "see fluxion doctor"), THERE)
    assert said in what
    assert cure in remedy
    assert "fluxion doctor" not in remedy


def test_a_role_that_may_not_log_in_and_one_that_may_not_connect_are_mended_as_printed(pg_settings: Settings) -> None:
    home, role = Home(pg_settings).ready(), f"portero_{pg_settings.postgres_db[-6:]}"
    other = {"postgres_user": role, "postgres_password": SecretStr("abre")}
    database = pg_settings.postgres_db
    home.run(SinkName.POSTGRESQL, f"CREATE ROLE {role} NOLOGIN PASSWORD 'abre'; REVOKE CONNECT ON DATABASE {database} FROM public")
    try:
        for said in ("may not log in", f"may not connect to the database «{database}»"):
            found = doctor(pg_settings, **other)["postgresql opens"]
            assert (found.state, said in found.found) == (State.FAILED, True), found
            home.run(SinkName.POSTGRESQL, found.remedy.rpartition(": ")[2])
        assert doctor(pg_settings, **other)["postgresql opens"].state is State.OK
    finally:
        home.run(SinkName.POSTGRESQL, f"DROP OWNED BY {role}; DROP ROLE {role}")
