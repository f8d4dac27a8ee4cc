"""`fotogenic COMMAND [--stack NAME | --laptop DATA] [--json]`.

Exit status: 0 done, or nothing found; 1 findings, or refused; 2 not understood, or no such deployment.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from infra.fotogenic.target import NoTarget, choose

DONE, REFUSED, MISUNDERSTOOD = 0, 1, 2
#: Exit status, the answer's members for JSON, and its lines for a terminal.
Answer = tuple[int, dict[str, Any], list[str]]


def main(words: Sequence[str] | None = None) -> int:
    """Runs one command; returns its exit status."""
    given = _parser().parse_args(words)
    from chalicelib.aws.settings import SettingsError
    from chalicelib.kernel.errors import Problem
    from infra.fotogenic.files import NotReadable

    try:
        status, members, lines = given.run(_services(given) if given.needs_deployment else None, given)
    except (NoTarget, NotReadable, SettingsError) as error:
        return _failed(given, MISUNDERSTOOD, str(error))
    except Problem as problem:
        return _failed(given, REFUSED, f"{problem.code}: {problem.detail}")
    except ClientError as error:
        return _failed(given, REFUSED, f"AWS refused {error.operation_name}: {error.response['Error']['Code']}")
    except BotoCoreError as error:
        return _failed(given, REFUSED, f"AWS could not be asked: {type(error).__name__}")
    print(json.dumps(members) if given.json else "\n".join(lines))
    return status


def _services(given: argparse.Namespace) -> Any:
    choose(given.stack, given.laptop)
    # Only now: what is wired reads the environment.
    from chalicelib.wiring import services

    return services()


def audit(services: Any, given: argparse.Namespace) -> Answer:
    """Every broken rule, one a line, then a summary."""
    from infra.fotogenic import providers
    from infra.fotogenic.audit import Audit
    from infra.fotogenic.evidence import of_orders, of_stripe
    from infra.fotogenic.reading import Reading

    reading = Reading(services.settings)
    report = Audit(
        reading,
        services.clock,
        paid=of_stripe(services) if given.stripe else of_orders(reading),
        models=providers.declared_prices(),
        grace_hours=given.grace_hours,
    ).run()
    findings = [{"rule": f.rule.value, "where": f.where, "what": f.what} for f in report.findings]
    members = {"clean": report.clean, "findings": findings, "looked_at": dict(report.counts)}
    looked = ", ".join(f"{report.counts[name]} {name}" for name in ("accounts", "rows", "generations", "objects"))
    summary = "clean" if report.clean else f"{len(findings)} findings"
    return DONE if report.clean else REFUSED, members, [*map(str, report.findings), f"{summary}: {looked}"]


def catalog_sync(services: Any, _: argparse.Namespace) -> Answer:
    """What was changed at Stripe."""
    from infra.fotogenic import catalog

    changes = catalog.sync(services)
    members = {"changes": [{"action": action, "what": what} for action, what in changes]}
    return DONE, members, [f"{action} {what}" for action, what in changes] or ["everything is as it should be"]


def catalog_show(_: Any, __: argparse.Namespace) -> Answer:
    """What is sold, from the deployment's own code."""
    from infra.fotogenic import catalog

    offers = catalog.show()
    return DONE, {"offers": offers}, [catalog.line(offer) for offer in offers]


def providers_check(_: Any, given: argparse.Namespace) -> Answer:
    """What a file would offer, and what is wrong with it."""
    from infra.fotogenic import providers

    return _offered(providers.enabled(providers.from_file(given.file)))


def providers_set(services: Any, given: argparse.Namespace) -> Answer:
    """Puts a file in the place of the providers secret, if nothing is wrong with it."""
    from infra.fotogenic import providers

    raw = providers.from_file(given.file)
    found = providers.enabled(raw)
    if not found.faults:
        providers.put(services, raw)
    return _offered(found)


def providers_show(services: Any, _: argparse.Namespace) -> Answer:
    """What the deployment offers, and what is wrong with its secret."""
    from infra.fotogenic import providers

    return _offered(providers.enabled(providers.stored(services)))


def _offered(found: Any) -> Answer:
    from infra.fotogenic import providers

    return REFUSED if found.faults else DONE, providers.members(found), providers.lines(found)


def adjust(services: Any, given: argparse.Namespace) -> Answer:
    """Assets given or taken by hand."""
    from infra.fotogenic import corrections

    made = corrections.adjust(services, given.account, given.assets, ticket=given.ticket, reason=given.reason)
    balance = services.credits.balance(given.account)
    available = balance.available(services.clock.now())
    members = {"made": made, "available": available, "held": balance.held, "debt": balance.debt}
    said = "adjusted" if made else f"nothing done: ticket {given.ticket} was adjusted before"
    return DONE, members, [f"{said}; {available} available, {balance.held} held, {balance.debt} owed"]


def refund(services: Any, given: argparse.Namespace) -> Answer:
    """Money given back through Stripe, whose event then takes the assets back."""
    from infra.fotogenic import corrections

    made = corrections.refund(services, given.account, given.order, given.amount, ticket=given.ticket)
    return DONE, made, [f"{made['status']}: {made['id']} of {made['amount']} {made['currency']}"]


def _parser() -> argparse.ArgumentParser:
    where = argparse.ArgumentParser(add_help=False)
    target = where.add_mutually_exclusive_group()
    target.add_argument("--stack", help="a CloudFormation stack, with the AWS credentials of this shell")
    target.add_argument("--laptop", type=Path, metavar="DATA", help="a laptop's data folder (.local/data if it exists)")
    where.add_argument("--json", action="store_true", help="the answer as JSON")
    parser = argparse.ArgumentParser(prog="fotogenic", description="What the operator of a deployment may do.")
    parser.set_defaults(needs_deployment=True)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    command = commands.add_parser("audit", parents=[where], help="report every broken rule; writes nothing")
    command.add_argument("--stripe", action="store_true", help="ask Stripe what was paid, not our own orders")
    command.add_argument("--grace-hours", type=_whole, default=72, help="how late expiry may be (72)")
    command.set_defaults(run=audit)

    catalog = commands.add_parser("catalog", help="what is sold").add_subparsers(required=True, metavar="WHAT")
    catalog.add_parser("sync", parents=[where], help="make Stripe agree with it").set_defaults(run=catalog_sync)
    show = catalog.add_parser("show", help="list it")
    show.add_argument("--json", action="store_true", help="the answer as JSON")
    show.set_defaults(run=catalog_show, needs_deployment=False)

    offered = commands.add_parser("providers", help="who makes what").add_subparsers(required=True, metavar="WHAT")
    command = offered.add_parser("check", help="what a file would offer; exit status 1 if something is wrong with it")
    command.add_argument("file", type=Path, help="JSON, as docs/PROVIDERS.md says")
    command.add_argument("--json", action="store_true", help="the answer as JSON")
    command.set_defaults(run=providers_check, needs_deployment=False)
    command = offered.add_parser("set", parents=[where], help="put a file that is right in the secret's place")
    command.add_argument("file", type=Path)
    command.set_defaults(run=providers_set)
    offered.add_parser("show", parents=[where], help="what is offered now").set_defaults(run=providers_show)

    command = commands.add_parser("adjust", parents=[where], help="give assets, or take some (a negative number)")
    command.add_argument("account", help="acct_…")
    command.add_argument("assets", type=int)
    command.add_argument("--reason", required=True, help="kept in the ledger for ever")
    command.add_argument("--ticket", required=True, help="names the correction: the same ticket corrects once")
    command.set_defaults(run=adjust)

    command = commands.add_parser("refund", parents=[where], help="give money back through Stripe")
    command.add_argument("account", help="acct_…")
    command.add_argument("order", help="top_…")
    command.add_argument("--amount", type=_positive, help="in the smallest unit of the currency; else everything")
    command.add_argument("--ticket", required=True, help="names the refund: the same ticket refunds once")
    command.set_defaults(run=refund)
    return parser


def _whole(text: str) -> int:
    number = int(text)
    if number < 0:
        raise ValueError(text)
    return number


def _positive(text: str) -> int:
    number = _whole(text)
    if not number:
        raise ValueError(text)
    return number


def _failed(given: argparse.Namespace, status: int, message: str) -> int:
    if given.json:
        print(json.dumps({"error": message}))
    print(f"fotogenic: {message}", file=sys.stderr)
    return status


if __name__ == "__main__":
    sys.exit(main())
