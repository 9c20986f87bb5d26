"""Typed settings from a TOML file and the environment, read once.

An unknown key is an error that names itself and the nearest known one. Tokens never stand in the
file: they come from the environment or from the file that a `*_file` key names.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from core.config_diagnosis import DiagnosisConfig, SubjectDiagnosisConfig
from core.config_secrets import in_headers, read_secret
from core.config_section import Section
from core.config_words import in_words
from core.durations import Delay, Duration
from core.errors import Invalid

DEFAULT_DB = ".state/tocsin.db"
DEFAULT_FILE = "tocsin.toml"


class SlackConfig(Section):
    """How to reach Slack, or anything that speaks its API."""

    base_url: str = "https://slack.com/api/"
    mode: Literal["socket", "http"] = "socket"
    connections: int = Field(default=2, ge=1, le=10)
    proxy: str | None = None
    ca_file: Path | None = None
    bot_token_file: Path | None = None
    app_token_file: Path | None = None
    signing_secret_file: Path | None = None
    fallback_channel: str | None = None
    settle: Delay = 1.5
    timeout: Duration = 10.0


class RouteConfig(Section):
    """Which tickets go to which channel, and whom a page there mentions."""

    channel: str
    mention: str | None = None
    subjects: tuple[str, ...] = ()
    severities: tuple[Literal["info", "warning", "critical"], ...] = ()


class RolesConfig(Section):
    """Who may do what: Slack user ids (U...) or user group ids (S...)."""

    viewer: tuple[str, ...] = ()
    responder: tuple[str, ...] = ()
    admin: tuple[str, ...] = ()


class LinksConfig(Section):
    """URL templates on cards; {subject}, {invariant}, {entity} and {store} are filled in."""

    grafana: str | None = None
    runbooks: Mapping[str, str] = Field(default_factory=dict)


class HttpConfig(Section):
    """Where /healthz and /metrics (and, in HTTP mode, Slack's requests) are served."""

    host: str = "127.0.0.1"
    port: int = Field(default=9477, ge=0, le=65535)


class HeartbeatConfig(Section):
    """An outside watcher that is pinged after each completed watch-and-deliver cycle."""

    url: str | None = None
    every: Duration = 30.0


class FallbackConfig(Section):
    """Where a critical goes that Slack could not take for a minute (PagerDuty Events v2 form)."""

    url: str = "https://events.pagerduty.com/v2/enqueue"
    routing_key_file: Path | None = None
    after: Duration = 60.0


class RetentionConfig(Section):
    """How long what is over is kept."""

    tickets: Duration = 90 * 86400.0
    events: Duration = 30 * 86400.0
    requests: Duration = 90 * 86400.0


class ChaosConfig(Section):
    """Experiments: how far they may go, where more of them are, where their healers keep files."""

    max_duration: Duration = 600.0
    max_targets: int = Field(default=9, ge=1, le=100)
    files: tuple[Path, ...] = ()
    state: Path | None = None


class LogConfig(Section):
    """What the log says."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["text", "json"] = "text"


class SubjectConfig(BaseModel):
    """One thing to watch: its name, its kind, and whatever that kind understands."""

    model_config = ConfigDict(extra="allow", frozen=True)

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$")
    kind: str
    diagnosis: SubjectDiagnosisConfig = SubjectDiagnosisConfig()

    @property
    def own(self) -> dict[str, Any]:
        """The keys that belong to the kind."""
        return dict(self.__pydantic_extra__ or {})


class FileConfig(Section):
    """The whole file."""

    database: str | None = None
    slack: SlackConfig = SlackConfig()
    routes: tuple[RouteConfig, ...] = ()
    roles: RolesConfig | None = None
    links: LinksConfig = LinksConfig()
    http: HttpConfig = HttpConfig()
    heartbeat: HeartbeatConfig = HeartbeatConfig()
    fallback: FallbackConfig = FallbackConfig()
    retention: RetentionConfig = RetentionConfig()
    diagnosis: DiagnosisConfig = DiagnosisConfig()
    log: LogConfig = LogConfig()
    chaos: ChaosConfig = ChaosConfig()
    experiments: tuple[dict[str, Any], ...] = ()
    subjects: tuple[SubjectConfig, ...] = ()


class Environment(BaseSettings):
    """What is read from the environment. Empty variables count as not set."""

    model_config = SettingsConfigDict(env_ignore_empty=True, extra="ignore", frozen=True)

    tocsin_db: str | None = None
    tocsin_config: Path | None = None
    pd_endpoint: str | None = None
    prometheus_url: str | None = None
    slack_bot_token: SecretStr | None = None
    slack_app_token: SecretStr | None = None
    slack_signing_secret: SecretStr | None = None
    anthropic_api_key: SecretStr | None = None
    pagerduty_routing_key: SecretStr | None = None
    no_color: str | None = None


class Config(Section):
    """Everything that the program was told: the file, the environment, and the secrets in both."""

    file: FileConfig
    path: Path | None
    database: str
    bot_token: SecretStr | None = None
    app_token: SecretStr | None = None
    signing_secret: SecretStr | None = None
    anthropic_key: SecretStr | None = None
    pagerduty_key: SecretStr | None = None

    def secrets(self) -> tuple[str, ...]:
        """Every secret in plain, for the redactor."""
        held = (
            self.bot_token,
            self.app_token,
            self.signing_secret,
            self.anthropic_key,
            self.pagerduty_key,
        )
        plain = [s.get_secret_value() for s in held if s is not None]
        return (*plain, *in_headers(one.own for one in self.file.subjects))


def environment() -> Environment:
    """The environment of this process, as settings."""
    return Environment()


def environ() -> dict[str, str]:
    """A copy of the whole environment, for child processes."""
    return dict(os.environ)


def forget_slack_environment() -> None:
    """Bolt reads SLACK_* by itself, and two of them switch it to many workspaces: take them away."""
    for name in [n for n in os.environ if n.startswith("SLACK_")]:
        del os.environ[name]


def load(
    path: Path | None = None,
    *,
    env: Environment | None = None,
    database: str | None = None,
    pd: str | None = None,
    prometheus: str | None = None,
) -> Config:
    """The configuration from `path` (else $TOCSIN_CONFIG, else ./tocsin.toml if it is there).

    `database`, `pd` and `prometheus` are what the command line said; each wins over the
    environment, which wins over the file. Invalid names the key and what is wrong with it.
    """
    env = env or environment()
    chosen = path or env.tocsin_config or _default_file()
    file = _file_config(_read(chosen) if chosen else {}, chosen)
    file = _with_endpoints(file, pd or env.pd_endpoint, prometheus or env.prometheus_url)
    slack = file.slack
    return Config(
        file=file,
        path=chosen,
        database=database or env.tocsin_db or file.database or DEFAULT_DB,
        bot_token=read_secret(env.slack_bot_token, slack.bot_token_file, "slack.bot_token_file"),
        app_token=read_secret(env.slack_app_token, slack.app_token_file, "slack.app_token_file"),
        signing_secret=read_secret(
            env.slack_signing_secret, slack.signing_secret_file, "slack.signing_secret_file"
        ),
        anthropic_key=read_secret(
            env.anthropic_api_key, file.diagnosis.api_key_file, "diagnosis.api_key_file"
        ),
        pagerduty_key=read_secret(
            env.pagerduty_routing_key, file.fallback.routing_key_file, "fallback.routing_key_file"
        ),
    )


def _default_file() -> Path | None:
    path = Path(DEFAULT_FILE)
    return path if path.exists() else None


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise Invalid(f"There is no configuration file {path}.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise Invalid(f"{path} cannot be read: {error}.") from None
    except tomllib.TOMLDecodeError as error:
        raise Invalid(f"{path} is not valid TOML: {error}.") from None


def _file_config(data: Mapping[str, Any], path: Path | None) -> FileConfig:
    try:
        config = FileConfig.model_validate(data)
    except ValidationError as error:
        raise Invalid(in_words(error, FileConfig, _where(path))) from None
    names = [s.name for s in config.subjects]
    for name in names:
        if names.count(name) > 1:
            raise Invalid(f"{_where(path)}two subjects are called {name!r}; names must differ.")
    return config


def _where(path: Path | None) -> str:
    return f"{path}: " if path else ""


def _with_endpoints(file: FileConfig, pd: str | None, prometheus: str | None) -> FileConfig:
    """PD and Prometheus from the command line or the environment, for the first TiKV subject."""
    if not pd and not prometheus:
        return file
    first = next((s for s in file.subjects if s.kind == "tikv"), None)
    values: dict[str, Any] = first.model_dump() if first else {"name": "tikv", "kind": "tikv"}
    if pd:
        values["pd"] = [e.strip() for e in pd.split(",") if e.strip()]
    if prometheus:
        values["prometheus"] = prometheus
    if "pd" not in values:
        raise Invalid("A Prometheus alone is not enough to watch TiKV: give --pd too.")
    changed = SubjectConfig.model_validate(values)
    others = tuple(s for s in file.subjects if s is not first)
    return file.model_copy(update={"subjects": (changed, *others)})
