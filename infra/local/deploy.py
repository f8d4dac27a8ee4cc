"""Deploys the packaged template into the emulator: the same template, the same steps as on AWS."""

import hashlib
import json
import time
from email.utils import parseaddr
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from infra.build.package import PROJECT, SOURCES, PackageError, build
from infra.local.datadir import ACCOUNT, HOST, REGION, WARM_ROLE, DataDir, LaptopError
from infra.local.functions import Deployment, Function
from infra.local.reconcile import reconcile

STACK = "fotogenic"
ARTIFACTS = "fotogenic-artifacts"
WAIT_SECONDS = 180.0
_FUNCTION_TYPES = ("AWS::Serverless::Function", "AWS::Lambda::Function")


def laptop_parameters(base_url: str, stripe_url: str) -> dict[str, str]:
    """What the laptop chooses where the template leaves a choice; unknown ones are not passed."""
    return {
        "BrowserOrigin": base_url,
        "MailIdentity": "no-reply@fotogenic.invalid",
        "CodesPerSource": "100000",  # everybody comes from 127.0.0.1
        "EngineImage": f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/fotogenic-engines:laptop",
        "KeyMode": "test",
        "MailSender": "Fotogenic <no-reply@fotogenic.invalid>",
        "SignupBonusAssets": "100",
        "StripeBaseUrl": stripe_url,
        "Transport": "http",
        "WebhooksAllowLoopback": "true",
    }


def root_client(data: DataDir, service: str, port: int) -> Any:
    """A client of the emulator on `port`, with the root credentials of this data folder."""
    secrets = data.secrets
    session = boto3.session.Session(secrets.root_key_id, secrets.root_secret, region_name=REGION)
    config = Config(connect_timeout=2, read_timeout=60, signature_version="s3v4" if service == "s3" else None)
    return session.client(service, endpoint_url=f"http://{HOST}:{port}", config=config)


def fingerprint(parameters: dict[str, str]) -> str:
    """Changes when anything does that the deployed template or zip is made of."""
    roots = [*(PROJECT / source for source in SOURCES), PROJECT / "infra" / "stack", PROJECT / "infra" / "build"]
    roots += [PROJECT / "infra" / "local" / name for name in ("deploy.py", "reconcile.py")]
    return _digest(json.dumps(parameters, sort_keys=True), roots)


def catalog_version(account: str) -> str:
    """Changes when anything does that says what is sold and how Stripe is told, or the Stripe account does."""
    return _digest(account, [PROJECT / "chalicelib" / "billing"])


def _digest(beginning: str, roots: list[Path]) -> str:
    digest = hashlib.sha256(beginning.encode())
    for root in roots:
        for path in sorted(p for p in ([root] if root.is_file() else root.rglob("*")) if p.is_file()):
            if "__pycache__" not in path.parts:
                digest.update(f"{path.relative_to(PROJECT)}\0".encode() + path.read_bytes())
    return digest.hexdigest()


def package(data: DataDir) -> None:
    """Writes template and zip into the data folder. Raises LaptopError."""
    try:
        build(data.build, thin=True)
    except PackageError as error:
        raise LaptopError(str(error)) from None


class Deployer:
    """Deploys what `package` wrote."""

    def __init__(self, data: DataDir, port: int, parameters: dict[str, str]) -> None:
        self._data = data
        self._parameters = parameters
        self._make = lambda service: root_client(data, service, port)
        self._s3 = self._make("s3")
        self._cloudformation = self._make("cloudformation")
        self._iam = self._make("iam")

    def deploy(self) -> None:
        """Creates or updates the stack, and repairs what the emulator drops. Raises LaptopError naming the resource."""
        template = json.loads((self._data.build / "sam.json").read_text())
        url = self._upload(template)
        arguments = {
            "StackName": STACK,
            "TemplateURL": url,
            "Capabilities": ["CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"],
            "Parameters": [
                {"ParameterKey": name, "ParameterValue": value}
                for name, value in self._parameters.items()
                if name in template.get("Parameters", {})
            ],
        }
        try:
            if self._status() is None:
                self._cloudformation.create_stack(**arguments)
            else:
                self._cloudformation.update_stack(**arguments)
        except ClientError as error:
            if "No updates are to be performed" not in str(error):
                raise LaptopError(f"the template is refused: {error}") from None
        self._wait()
        self._make_warm_role()
        self._verify_sender()
        reconcile(template, self.resources(), self._make, self._parameters)

    def _upload(self, template: dict[str, Any]) -> str:
        try:
            self._s3.create_bucket(Bucket=ARTIFACTS)
        except (self._s3.exceptions.BucketAlreadyOwnedByYou, self._s3.exceptions.BucketAlreadyExists):
            pass  # left by an earlier deployment, which is what we want
        archive = (self._data.build / "deployment.zip").read_bytes()
        key = hashlib.sha256(archive).hexdigest() + ".zip"
        for resource in template["Resources"].values():
            if resource["Type"] == "AWS::Serverless::Function" and "CodeUri" in resource["Properties"]:
                resource["Properties"]["CodeUri"] = f"s3://{ARTIFACTS}/{key}"
        self._s3.put_object(Bucket=ARTIFACTS, Key=key, Body=archive)
        self._s3.put_object(Bucket=ARTIFACTS, Key="template.json", Body=json.dumps(template).encode())
        return f"{self._s3.meta.endpoint_url}/{ARTIFACTS}/template.json"

    def _status(self) -> str | None:
        try:
            status: str = self._cloudformation.describe_stacks(StackName=STACK)["Stacks"][0]["StackStatus"]
            return status
        except ClientError as error:
            if "does not exist" in str(error):
                return None
            raise

    def _wait(self) -> None:
        deadline = time.monotonic() + WAIT_SECONDS
        while (status := self._status() or "DELETED").endswith("_IN_PROGRESS") and time.monotonic() < deadline:
            time.sleep(0.1)
        if status not in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
            events = self._cloudformation.describe_stack_events(StackName=STACK)["StackEvents"]
            failed = [e for e in events if e["ResourceStatus"].endswith("FAILED")]
            why = "; ".join(f"{e['LogicalResourceId']}: {e.get('ResourceStatusReason', '')}" for e in failed[-3:])
            raise LaptopError(f"the deployment ended as {status}: {why}")

    def _make_warm_role(self) -> None:
        """The role of the one process that runs all functions: it may do everything, as it stands for all of them."""
        trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
        everything = {"Effect": "Allow", "Action": "*", "Resource": "*"}
        try:
            self._iam.create_role(RoleName=WARM_ROLE, AssumeRolePolicyDocument=_policy(trust))
        except self._iam.exceptions.EntityAlreadyExistsException:
            pass  # from an earlier deployment; the policy below is put again
        self._iam.put_role_policy(RoleName=WARM_ROLE, PolicyName="everything", PolicyDocument=_policy(everything))

    def _verify_sender(self) -> None:
        """The operator's part at SES: mail is only taken from a verified address."""
        address = parseaddr(self._parameters["MailSender"])[1]
        ses = self._make("sesv2")
        try:
            ses.create_email_identity(EmailIdentity=address)
        except ses.exceptions.AlreadyExistsException:
            pass  # verified by an earlier deployment

    def put_secret(self, logical_id: str, value: str) -> None:
        """The operator's part at Secrets Manager: the value of a secret that the template only declares."""
        name = self.resources()[logical_id][1]
        secrets = self._make("secretsmanager")
        if secrets.get_secret_value(SecretId=name)["SecretString"] != value:
            secrets.put_secret_value(SecretId=name, SecretString=value)

    def resources(self) -> dict[str, tuple[str, str]]:
        """Logical id → (type, physical id) of everything in the stack."""
        pages = self._cloudformation.get_paginator("list_stack_resources").paginate(StackName=STACK)
        found = [summary for page in pages for summary in page["StackResourceSummaries"]]
        return {r["LogicalResourceId"]: (r["ResourceType"], r["PhysicalResourceId"]) for r in found}

    def deployment(self, credentials: dict[str, dict[str, str]], *, isolated: bool) -> Deployment:
        """The functions as deployed, with the sessions of their roles."""
        declared = json.loads((self._data.build / "sam.json").read_text())["Resources"]
        lambdas = self._make("lambda")
        functions = {}
        for logical_id, (kind, name) in self.resources().items():
            if kind not in _FUNCTION_TYPES:
                continue
            configuration = lambdas.get_function_configuration(FunctionName=name)
            image = declared[logical_id]["Properties"].get("ImageConfig", {})
            functions[name] = Function(
                name=name,
                logical_id=logical_id,
                handler=image["Command"][0] if image else configuration["Handler"],
                timeout_seconds=configuration["Timeout"],
                memory_mb=configuration["MemorySize"],
                variables=configuration.get("Environment", {}).get("Variables", {}),
                credentials=credentials[name],
            )
        return Deployment(functions, lambdas.meta.endpoint_url, credentials["*"], isolated)


def _policy(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": statements})
