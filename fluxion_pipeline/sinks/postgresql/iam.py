"""``POSTGRES_IAM_AUTH``: a short-lived token of AWS in place of the password.

The token is signed on this machine with the credentials that AWS's own chain finds (environment,
profile, role of the container or machine); nothing is asked over the network for it but a role's
credentials. RDS takes it for 15 minutes, at login only: each connection gets its own.
"""

from __future__ import annotations

import os
import re

from pydantic import SecretStr

from fluxion_pipeline.errors import SinkAway
from fluxion_pipeline.settings import Settings

_ENDPOINT = re.compile(r"\.(?P<region>[a-z]{2}(?:-[a-z]+)+-\d)\.rds\.amazonaws\.com(?:\.cn)?$")


def region(host: str) -> str | None:
    """The region of an RDS endpoint's name; for another name ``AWS_REGION`` or ``AWS_DEFAULT_REGION``, or None."""
    found = _ENDPOINT.search(host.lower())
    return found["region"] if found else os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")


def token(settings: Settings) -> SecretStr:
    """A login token for the server and role of the settings.

    Raises:
        SinkAway: if the AWS library isn't installed, the region isn't known, or no credentials are found.
    """
    try:
        import botocore.exceptions  # type: ignore[import-untyped]
        import botocore.session  # type: ignore[import-untyped]
    except ImportError as error:
        what = "POSTGRES_IAM_AUTH needs the package botocore, which isn't installed"
        raise SinkAway("postgresql", what, "pip install --require-hashes -r requirements/rds.txt") from error
    host = settings.postgres_host or ""
    where = region(host)
    if where is None:
        raise SinkAway(
            "postgresql", f"POSTGRES_IAM_AUTH: the region of {host} isn't known", "set POSTGRES_HOST to the RDS endpoint's own name, or set AWS_REGION"
        )
    try:
        client = botocore.session.get_session().create_client("rds", region_name=where)
        made: str = client.generate_db_auth_token(DBHostname=host, Port=settings.postgres_port, DBUsername=settings.postgres_user)
    except botocore.exceptions.BotoCoreError as error:
        remedy = "give this process AWS credentials that may rds-db:connect: a role, a profile, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
        raise SinkAway("postgresql", f"POSTGRES_IAM_AUTH: no token could be made: {error}", remedy) from error
    return SecretStr(made)
