"""POSTGRES_IAM_AUTH: whose token it is, when there is none, and what it may not be used for."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from fluxion_pipeline.errors import SettingsError, SinkAway
from fluxion_pipeline.settings import Settings, load
from fluxion_pipeline.sinks.postgresql import iam
from fluxion_pipeline.sinks.postgresql.connect import parameters

HOST = "chain.c1a2b3c4d5e6.sa-east-1.rds.amazonaws.com"


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    """The environment, in which AWS's chain finds none of this machine's own credentials."""
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    return monkeypatch


def asked(tmp_path: Path, **more: str) -> Settings:
    given = {"FLUXION_HOME": str(tmp_path), "POSTGRES_HOST": HOST, "POSTGRES_USER": "cadena", "POSTGRES_SSLMODE": "verify-full", "POSTGRES_IAM_AUTH": "true"}
    return load({**given, **more})


def test_the_password_is_a_token_for_this_server_and_role(aws: pytest.MonkeyPatch, tmp_path: Path) -> None:
    aws.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    aws.setenv("AWS_SECRET_ACCESS_KEY", "a harmless secret")
    said = parameters(asked(tmp_path, POSTGRES_PASSWORD="not this one", POSTGRES_PORT="6000"))
    signed = urlsplit("https://" + said["password"])
    query = {name: values[0] for name, values in parse_qs(signed.query).items()}
    assert (signed.hostname, signed.port, query["DBUser"], query["Action"]) == (HOST, 6000, "cadena", "connect")
    assert query["X-Amz-Credential"].split("/")[0] == "AKIDEXAMPLE"
    assert query["X-Amz-Credential"].split("/")[2:4] == ["sa-east-1", "rds-db"]
    assert query["X-Amz-Expires"] == "900"
    assert "a harmless secret" not in said["password"]
    assert (said["sslmode"], said["user"]) == ("verify-full", "cadena")


@pytest.mark.usefixtures("aws")
def test_no_credentials_are_a_sink_that_is_away_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(SinkAway) as caught:
        parameters(asked(tmp_path))
    assert "no token could be made" in caught.value.what
    assert "AWS_ACCESS_KEY_ID" in caught.value.remedy


def test_a_region_is_that_of_the_endpoint_or_else_the_environments(aws: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert iam.region(HOST) == "sa-east-1"
    assert iam.region("CHAIN.x.us-gov-west-1.RDS.amazonaws.com") == "us-gov-west-1"
    assert iam.region("db.internal") is None
    with pytest.raises(SinkAway, match=r"region of db\.internal"):
        iam.token(asked(tmp_path, POSTGRES_HOST="db.internal"))
    aws.setenv("AWS_REGION", "eu-west-1")
    assert iam.region("db.internal") == "eu-west-1"


@pytest.mark.parametrize(
    ("wrong", "word"),
    [({"POSTGRES_SSLMODE": "prefer"}, "POSTGRES_SSLMODE"), ({"POSTGRES_HOST": ""}, "POSTGRES_HOST"), ({"POSTGRES_IAM_AUTH": "perhaps"}, "true or false")],
)
def test_a_token_goes_to_no_server_without_tls(tmp_path: Path, wrong: dict[str, str], word: str) -> None:
    with pytest.raises(SettingsError) as caught:
        asked(tmp_path, **wrong)
    assert "POSTGRES_IAM_AUTH" in caught.value.what
    assert word in caught.value.remedy
