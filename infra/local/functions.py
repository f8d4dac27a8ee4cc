"""The deployed functions as the laptop runs them: their configuration, handlers, and the context they are given."""

import importlib
import json
import threading
import time
import traceback
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from infra.local.datadir import ACCOUNT, REGION, write_private

API_FUNCTION = "APIHandler"


class ConfigurationError(Exception):
    """The functions cannot run together as configured; the message names variable and functions."""


@dataclass(frozen=True)
class Function:
    """One deployed function: `handler` is `module.attribute`; `credentials` are its role's AWS_* variables."""

    name: str
    logical_id: str
    handler: str
    timeout_seconds: int
    memory_mb: int
    variables: dict[str, str]
    credentials: dict[str, str]


@dataclass(frozen=True)
class Deployment:
    """All functions, and where their AWS is. `warm_credentials` are for one process that runs them all."""

    functions: dict[str, Function]
    endpoint_url: str
    warm_credentials: dict[str, str]
    isolated: bool

    @property
    def api(self) -> Function:
        """The function behind the HTTP API."""
        return next(f for f in self.functions.values() if f.logical_id == API_FUNCTION)

    def environment(self, function: Function) -> dict[str, str]:
        """The variables of a process that runs this function alone."""
        own = {"AWS_LAMBDA_FUNCTION_NAME": function.name, "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory_mb)}
        return self._aws() | own | function.variables | function.credentials

    def warm_environment(self) -> dict[str, str]:
        """The variables of a process that runs all functions. Raises ConfigurationError when two disagree."""
        return self._aws() | union(self.functions.values()) | self.warm_credentials

    def _aws(self) -> dict[str, str]:
        return {"AWS_ENDPOINT_URL": self.endpoint_url, "AWS_REGION": REGION, "AWS_DEFAULT_REGION": REGION}

    def write(self, path: Path) -> None:
        """Writes it for the function processes, readable by the owner only."""
        write_private(path, json.dumps(asdict(self)))

    @staticmethod
    def read(path: Path) -> "Deployment":
        """What `write` wrote."""
        stored = json.loads(path.read_text())
        stored["functions"] = {name: Function(**function) for name, function in stored["functions"].items()}
        return Deployment(**stored)


def union(functions: Iterable[Function]) -> dict[str, str]:
    """Every variable of every function. Raises ConfigurationError when one has two values."""
    joined: dict[str, str] = {}
    owner: dict[str, str] = {}
    for function in functions:
        for name, value in function.variables.items():
            if joined.setdefault(name, value) != value:
                raise ConfigurationError(
                    f"{name} differs between {owner[name]} and {function.logical_id}: use --isolated"
                )
            owner.setdefault(name, function.logical_id)
    return joined


@dataclass(frozen=True)
class Context:
    """What a handler gets as its second argument.

    https://docs.aws.amazon.com/lambda/latest/dg/python-context.html
    """

    function_name: str
    invoked_function_arn: str
    memory_limit_in_mb: int
    aws_request_id: str
    deadline_seconds: float
    function_version: str = "$LATEST"
    identity: None = None
    client_context: None = None

    @property
    def log_group_name(self) -> str:
        """As on AWS; the laptop's log is a file."""
        return f"/aws/lambda/{self.function_name}"

    @property
    def log_stream_name(self) -> str:
        """As `log_group_name`."""
        return "laptop"

    def get_remaining_time_in_millis(self) -> int:
        """Until the function is ended."""
        return max(0, int((self.deadline_seconds - time.time()) * 1000))


def arn(name: str) -> str:
    """A function's ARN on the emulator."""
    return f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}"


def resolve(handler: str) -> Callable[[Any, Any], Any]:
    """The handler object of `module.attribute`. Raises ImportError or AttributeError, as Lambda's runtime would."""
    module, _, attribute = handler.rpartition(".")
    found: Callable[[Any, Any], Any] = getattr(importlib.import_module(module), attribute)
    return _for_threads(found)


def _for_threads(handler: Any) -> Any:
    """Chalice keeps the current request on the application object, as a Lambda has one at a time; we have threads."""
    from chalice import Chalice

    if isinstance(handler, Chalice) and not isinstance(handler, _PerThread):
        handler.__class__ = type(handler.__class__.__name__, (_PerThread, handler.__class__), {})
    return handler


class _PerThread:
    _local = threading.local()

    @property
    def current_request(self) -> Any:
        return getattr(self._local, "current_request", None)

    @current_request.setter
    def current_request(self, value: Any) -> None:
        self._local.current_request = value

    @property
    def lambda_context(self) -> Any:
        return getattr(self._local, "lambda_context", None)

    @lambda_context.setter
    def lambda_context(self, value: Any) -> None:
        self._local.lambda_context = value


def call(handler: Callable[[Any, Any], Any], event: Any, context: Context) -> dict[str, Any]:
    """Runs a handler as Lambda does: `{"result": …}`, or `{"error": {errorType, errorMessage, stackTrace}}`."""
    try:
        # Lambda sends results as JSON: what does not survive that fails here as it would there.
        return {"result": json.loads(json.dumps(handler(event, context)))}
    except Exception as error:
        traceback.print_exc()
        trace = traceback.format_tb(error.__traceback__)
        return {"error": {"errorType": type(error).__name__, "errorMessage": str(error), "stackTrace": trace}}
