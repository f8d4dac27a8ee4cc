"""What an audit says: one line for each broken rule."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum


class Rule(StrEnum):
    """The rules by the names they are reported under; those with a number are the ledger's."""

    SUM = "rule-1"
    AVAILABLE = "rule-2"
    ONE_RESOLUTION = "rule-3"
    CHARGED = "rule-4"
    PAYMENT = "rule-5"
    CAP = "rule-6"
    PRICE = "rule-7"
    CAUSE = "rule-8"
    UNPAID_GRANT = "unpaid-grant"
    UNGRANTED = "ungranted-payment"
    ORPHAN_HOLD = "orphan-hold"
    FORGOTTEN = "forgotten-generation"
    NO_EXPIRY = "no-expiry"
    OVERDUE_ROW = "overdue-row"
    UNKNOWN_ROW = "unknown-row"
    STRAY_OBJECT = "stray-object"
    OVERDUE_OBJECT = "overdue-object"
    UNREADABLE = "unreadable-row"
    BUSY = "not-checked"


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """`where` names the thing by ids only, `what` says what is wrong with it in figures."""

    rule: Rule
    where: str
    what: str

    def __str__(self) -> str:
        return f"{self.rule} {self.where} {self.what}"


@contextmanager
def readable(findings: list[Finding], where: str) -> Iterator[None]:
    """Turns a row that is not of its kind's shape into a finding: an audit goes on past whatever it meets."""
    try:
        yield
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        findings.append(Finding(Rule.UNREADABLE, where, f"{type(error).__name__}"))


def recurring(first: Iterable[Finding], second: Iterable[Finding]) -> list[Finding]:
    """Those of the second look whose rule was broken at the same place in the first: the rest was in motion."""
    seen = {(finding.rule, finding.where) for finding in first}
    return [finding for finding in second if (finding.rule, finding.where) in seen]
