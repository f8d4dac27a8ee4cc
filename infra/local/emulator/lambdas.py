"""Lambda in the emulator: invocations go to the function runner, under the function's own role session."""

import hashlib
import hmac
import http.client
import json
import time
from typing import Any

from ministack.services import lambda_svc, sts

from infra.local.datadir import ACCOUNT, WARM_ROLE

_RETRY_SECONDS = 0.1


def run_in(runner_port: int, token: str) -> None:
    """Sends every invocation, zip or image alike, to the runner on `runner_port`."""

    def execute(function: dict[str, Any], event: Any, url: str, request_id: str) -> dict[str, Any]:
        configuration = function.get("config") or function
        return invoke(runner_port, token, configuration, event, request_id)

    lambda_svc._proxy_url_for = lambda configuration: f"http://127.0.0.1:{runner_port}"
    lambda_svc._execute_function_proxy = execute
    # The runner keeps the functions' logs; the emulator's copy would grow in memory without end.
    lambda_svc._emit_lambda_logs = lambda *arguments, **options: None


def keep_idle() -> None:
    """Nothing is invoked: for tests of what the functions are made of."""
    lambda_svc._poll_sqs = lambda: False
    lambda_svc._execute_function_proxy = lambda *arguments: {"body": None}


def invoke(port: int, token: str, configuration: dict[str, Any], event: Any, request_id: str) -> dict[str, Any]:
    """One invocation, in the form the emulator's executors return: `body`, and `error` when the function failed.

    Keeps the Python exception's name as `errorType`, so that `Catch` in a state machine sees it. A runner that is being
    restarted is waited for, within the function's own timeout; one that dies half way is an error, as on AWS.
    """
    timeout_seconds = int(configuration.get("Timeout") or 3)
    deadline = time.time() + timeout_seconds
    call = {
        "function": configuration["FunctionName"],
        "arn": configuration["FunctionArn"],
        "request_id": request_id,
        "deadline_ms": int(deadline * 1000),
        "event": event,
    }
    body = json.dumps(call).encode()
    while True:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=max(0.1, deadline - time.time()))
        try:
            connection.connect()
        except OSError as error:
            connection.close()
            if time.time() + _RETRY_SECONDS >= deadline:
                return _failed("Runtime.ExitError", f"the function runner does not answer: {error}")
            time.sleep(_RETRY_SECONDS)
            continue
        try:
            connection.request("POST", "/invoke", body, {"Content-Type": "application/json", "X-Laptop-Token": token})
            answer = json.loads(connection.getresponse().read())
        except TimeoutError:
            return _failed("Sandbox.Timedout", f"Task timed out after {timeout_seconds}.00 seconds")
        except (OSError, http.client.HTTPException, ValueError):
            return _failed("Runtime.ExitError", "RequestId: " + request_id + " Error: Runtime exited")
        finally:
            connection.close()
        return {"body": answer["error"], "error": True} if "error" in answer else {"body": answer["result"]}


def _failed(kind: str, message: str) -> dict[str, Any]:
    return {"body": {"errorType": kind, "errorMessage": message}, "error": True}


def register_sessions(secret: str) -> dict[str, dict[str, str]]:
    """Gives each deployed function a session of its role; returns the AWS_* variables by function name.

    `*` is a session of the laptop's own role, for one process that runs all functions. The same secret gives the same
    credentials, so processes that outlive the emulator keep working after its restart.
    """
    credentials = {}
    for function in list(lambda_svc._functions._data.values()):
        configuration = function.get("config") or function
        name, arn = configuration["FunctionName"], configuration["FunctionArn"]
        credentials[name] = _session(secret, arn, configuration["Role"].rsplit("/", 1)[-1], name[:64])
    credentials["*"] = _session(secret, "*", WARM_ROLE, "all")
    return credentials


def _session(secret: str, purpose: str, role_name: str, session_name: str) -> dict[str, str]:
    digest = hmac.new(secret.encode(), f"{purpose} {role_name}".encode(), hashlib.sha512).hexdigest()
    key = {
        "AWS_ACCESS_KEY_ID": "ASIA" + digest[:16].upper(),
        "AWS_SECRET_ACCESS_KEY": digest[16:56],
        "AWS_SESSION_TOKEN": digest[56:],
    }
    session = {
        "Arn": f"arn:aws:sts::{ACCOUNT}:assumed-role/{role_name}/{session_name}",
        "UserId": f"{role_name}:{session_name}",
        "SecretAccessKey": key["AWS_SECRET_ACCESS_KEY"],
        "SessionToken": key["AWS_SESSION_TOKEN"],
    }
    sts.register_session(key["AWS_ACCESS_KEY_ID"], session)
    return key
