"""The environment, read once into typed settings; secrets never show.

Real environment variables win over ``$FLUXION_HOME/fluxion.env``. Nothing here connects or writes.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from fluxion_pipeline.contracts.outcomes import Mode
from fluxion_pipeline.errors import SettingsError

ENV_FILE = "fluxion.env"
SslMode = Literal["disable", "allow", "prefer", "require", "verify-ca", "verify-full"]
SourceName = Literal["auto", "archivos", "klk", "stellar"]


class Settings(BaseSettings):
    """Everything that the environment can say; the fields' names are the variables' names in lower case."""

    model_config = SettingsConfigDict(extra="ignore", frozen=True, env_ignore_empty=True)

    db_mode: Mode = Field(Mode.DUCKDB, description="duckdb, dual or postgresql")
    fluxion_home: Path = Field(Path(".fluxion"), description="everything that the program writes lies below it")
    duckdb_path: Path | None = Field(None, description="the DuckDB file")
    postgres_host: str | None = Field(None, description="host of a server; unset: the embedded one")
    postgres_port: int = Field(5432, ge=1, le=65535)
    postgres_db: str = Field("fluxion_production", min_length=1)
    postgres_user: str = Field("fluxion", min_length=1)
    postgres_password: SecretStr | None = None
    postgres_sslmode: SslMode = "prefer"
    postgres_sslrootcert: Path | None = None
    postgres_iam_auth: bool = Field(False, description="a token of AWS IAM in place of the password")
    fluxion_source: SourceName = "auto"
    fluxion_source_path: Path | None = Field(None, description="folder of archivos; unset: the shipped sample")
    klk_base_url: str | None = None
    klk_connect_timeout: float = Field(5, gt=0, description="seconds until a connection to the stores' server stands")
    klk_read_timeout: float = Field(40, gt=0, description="seconds of its silence")
    klk_total_timeout: float = Field(300, gt=0, description="seconds for one answer")
    stellar_url: SecretStr | None = None
    stellar_connect_timeout: float = Field(15, gt=0, description="seconds until a login to Stellar's server stands")
    stellar_read_timeout: float = Field(120, gt=0, description="seconds of its silence")
    stellar_total_timeout: float = Field(600, gt=0, description="seconds for one answer")
    fluxion_alert_urls: SecretStr | None = None
    fluxion_ui_url: str = Field("http://127.0.0.1:3000", pattern=r"^https?://\S+$", description="address of the UI, for links in alerts")
    fluxion_keep_runs: int = Field(30, ge=1, description="days that Dagster's runs and events are kept")
    fluxion_keep_lotes: int = Field(14, ge=1, description="days that superseded images are kept")
    fluxion_keep_rejects: int = Field(180, ge=1, description="days that rejected rows are kept")
    fluxion_keep_history: int = Field(400, ge=2, description="days for which the stock of any instant can be asked for")
    fluxion_keep_logs: int = Field(50, ge=1, description="megabytes that a log may have")
    fluxion_copy_rows: int = Field(250_000, ge=1, description="rows of one transaction of a sink's rebuild")
    fluxion_extra_defs: str | None = Field(None, description="a Python file or module with definitions of your own")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Only what ``load`` hands over: it has merged the environment and the home's file already."""
        return (init_settings,)

    @field_validator("db_mode", "postgres_sslmode", "fluxion_source", mode="before")
    @classmethod
    def _lower(cls, value: Any) -> Any:
        return value.strip().lower() if isinstance(value, str) else value

    @field_validator("fluxion_home", mode="after")
    @classmethod
    def _absolute(cls, value: Path) -> Path:
        return value.expanduser().absolute()

    @field_validator("postgres_iam_auth", mode="after")
    @classmethod
    def _encrypted(cls, value: bool, info: ValidationInfo) -> bool:
        """A token is a password: it goes to a named server, and over TLS only."""
        if value and info.data.get("postgres_host") is None:
            raise ValueError("false, or with POSTGRES_HOST set: the embedded server has a password of its own")
        if value and info.data.get("postgres_sslmode") not in {"require", "verify-ca", "verify-full"}:
            raise ValueError("false, or with POSTGRES_SSLMODE verify-full (or verify-ca, require): RDS takes a token over TLS only")
        return value

    @property
    def home(self) -> Path:
        """``FLUXION_HOME``, absolute."""
        return self.fluxion_home

    @property
    def duckdb_file(self) -> Path:
        """The DuckDB file, absolute."""
        return (self.duckdb_path or self.home / "fluxion.duckdb").expanduser().absolute()

    @property
    def embedded(self) -> bool:
        """Whether PostgreSQL is the embedded server below the home."""
        return self.postgres_host is None


def load(environment: Mapping[str, str] | None = None) -> Settings:
    """Read the settings from an environment (by default the process's) and the home's ``fluxion.env``.

    Raises:
        SettingsError: naming each wrong variable, what was given and what is allowed.
    """
    real = dict(os.environ if environment is None else environment)
    home = Path(real.get("FLUXION_HOME") or ".fluxion").expanduser().absolute()
    merged = {**_env_file(home / ENV_FILE), **{k: v for k, v in real.items() if v != ""}}
    merged["FLUXION_HOME"] = str(home)
    values = {name: merged[name.upper()] for name in Settings.model_fields if merged.get(name.upper())}
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        raise SettingsError(*_explain(error, values)) from None


def _env_file(path: Path) -> dict[str, str]:
    """``NAME=value`` lines, read by python-dotenv; relative source paths stay as they are written."""
    from dotenv import dotenv_values

    if not path.is_file():
        return {}
    try:
        return {k: v for k, v in dotenv_values(path).items() if v}
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} can't be read: {error}", "write it anew as UTF-8 text of NAME=value lines (.env.example has the names)") from None


def _explain(error: ValidationError, values: Mapping[str, str]) -> tuple[str, str]:
    wrong, allowed = [], []
    for item in error.errors(include_url=False):
        field = str(item["loc"][0])
        secret = "Secret" in str(Settings.model_fields[field].annotation)
        given = "a secret" if secret else f"«{values.get(field)}»"
        wrong.append(f"{field.upper()} is {given}")
        allowed.append(f"{field.upper()}: {_allowed(field, item['msg'])}")
    return "; ".join(wrong), "; ".join(allowed)


def _allowed(field: str, message: str) -> str:
    choices = {
        "db_mode": "duckdb, dual or postgresql",
        "fluxion_source": "auto, archivos, klk or stellar",
        "postgres_sslmode": "disable, allow, prefer, require, verify-ca or verify-full",
        "postgres_iam_auth": message.removeprefix("Value error, ") if message.startswith("Value error, ") else "true or false",
        "postgres_port": "a number from 1 to 65535",
        "fluxion_ui_url": "an address such as http://127.0.0.1:3000",
    }
    return choices.get(field) or _number(field) or message


def _number(field: str) -> str | None:
    """What a setting that is a number may be; None: it is none."""
    info = Settings.model_fields[field]
    if info.annotation is float:
        return "a number of seconds above 0"
    if info.annotation is int:
        return f"a whole number, {next(limit.ge for limit in info.metadata if hasattr(limit, 'ge'))} or more"
    return None
