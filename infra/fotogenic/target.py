"""Which deployment a command is for: a CloudFormation stack by AWS credentials, or a laptop's data folder."""

import json
import os
from pathlib import Path
from typing import Any

import botocore.session
from botocore.exceptions import BotoCoreError, ClientError

from infra.local.datadir import HOST, REGION, DataDir, LaptopError
from infra.local.deploy import STACK

PROJECT = Path(__file__).resolve().parents[2]
USUAL_DATA = PROJECT / ".local" / "data"
#: The function whose variables name everything that is deployed.
FUNCTION = "APIHandler"
#: What must not shine through from the shell when the laptop is meant.
FOREIGN = ("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_SESSION_TOKEN")


class NoTarget(Exception):
    """There is no such deployment; the message is one line that says what to do."""


def choose(stack: str | None, laptop: Path | None) -> None:
    """Sets this process's environment to that of the deployed functions. Raises NoTarget.

    The laptop's usual folder is meant when nothing is said and it exists.
    """
    if stack is None and laptop is None:
        if not USUAL_DATA.exists():
            raise NoTarget("say which deployment: --stack NAME (with AWS credentials), or --laptop DATA")
        laptop = USUAL_DATA
    if laptop is not None:
        for name in FOREIGN:
            os.environ.pop(name, None)
        os.environ |= _emulator(laptop)
        stack, hint = STACK, f"nothing answers for {laptop}: start it with `make run DATA={laptop}`"
    else:
        hint = f"stack {stack} cannot be read with these AWS credentials"
    os.environ |= _variables(stack or STACK, hint)


def _emulator(data: Path) -> dict[str, str]:
    """The root credentials of a laptop's AWS, and where it is."""
    marker = data / "laptop.json"
    if not marker.exists():
        raise NoTarget(f"{data} is not a Fotogenic data folder")
    try:
        root = DataDir(data).secrets
        port = int(json.loads(marker.read_text())["ports"]["emulator"])
    except LaptopError as error:
        raise NoTarget(str(error)) from None
    except (OSError, ValueError, KeyError, TypeError):
        raise NoTarget(f"{marker} names no emulator: start the laptop once with `make run`") from None
    return {
        "AWS_ACCESS_KEY_ID": root.root_key_id,
        "AWS_SECRET_ACCESS_KEY": root.root_secret,
        "AWS_ENDPOINT_URL": f"http://{HOST}:{port}",
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
    }


def _variables(stack: str, hint: str) -> dict[str, str]:
    session: Any = botocore.session.Session()
    region = os.environ.get("AWS_REGION") or session.get_config_variable("region")
    if not region:
        raise NoTarget("set AWS_REGION to the region of the deployment")
    try:
        resource = session.create_client("cloudformation", region_name=region).describe_stack_resource(
            StackName=stack, LogicalResourceId=FUNCTION
        )
        name = resource["StackResourceDetail"]["PhysicalResourceId"]
        found = session.create_client("lambda", region_name=region).get_function_configuration(FunctionName=name)
    except ClientError as error:
        raise NoTarget(f"{hint} ({error.response['Error']['Code']})") from None
    except BotoCoreError as error:
        raise NoTarget(f"{hint} ({type(error).__name__})") from None
    return {**found.get("Environment", {}).get("Variables", {}), "AWS_REGION": region}
