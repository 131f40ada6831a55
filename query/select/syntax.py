"""What a query says: the tree that the parser makes and the translation reads."""

from dataclasses import dataclass
from typing import Literal

Step = str | int  # the name of a member, or an index into a list


@dataclass(frozen=True, slots=True)
class Path:
    """A value of the record: a column, or what lies deeper. quoted: whether the first name was."""

    steps: tuple[Step, ...]
    quoted: bool = False


@dataclass(frozen=True, slots=True)
class Constant:
    """kind: what `value` is written as; a missing value and null have no text."""

    kind: Literal["number", "string", "bool", "null"]
    value: str = ""


@dataclass(frozen=True, slots=True)
class Unary:
    operator: Literal["-", "+", "NOT"]
    operand: "Expression"


@dataclass(frozen=True, slots=True)
class Binary:
    operator: str  # + - * / % || = <> < <= > >= AND OR
    left: "Expression"
    right: "Expression"


@dataclass(frozen=True, slots=True)
class Is:
    operand: "Expression"
    what: Literal["NULL", "MISSING"]
    negated: bool


@dataclass(frozen=True, slots=True)
class In:
    operand: "Expression"
    values: tuple["Expression", ...]
    negated: bool


@dataclass(frozen=True, slots=True)
class Between:
    operand: "Expression"
    low: "Expression"
    high: "Expression"
    negated: bool


@dataclass(frozen=True, slots=True)
class Like:
    operand: "Expression"
    pattern: "Expression"
    escape: "Expression | None"
    negated: bool


@dataclass(frozen=True, slots=True)
class Case:
    """operand: of `CASE x WHEN …`; None where every WHEN is a condition."""

    operand: "Expression | None"
    branches: tuple[tuple["Expression", "Expression"], ...]
    otherwise: "Expression | None"


@dataclass(frozen=True, slots=True)
class Cast:
    operand: "Expression"
    type: str


@dataclass(frozen=True, slots=True)
class Call:
    """A function in upper case; part: of DATE_ADD, DATE_DIFF and EXTRACT, or the side of a TRIM."""

    name: str
    arguments: tuple["Expression", ...]
    part: str = ""


@dataclass(frozen=True, slots=True)
class Aggregate:
    """COUNT, SUM, AVG, MIN or MAX; operand None: COUNT(*)."""

    name: str
    operand: "Expression | None"


Expression = (
    Path | Constant | Unary | Binary | Is | In | Between | Like | Case | Cast | Call | Aggregate
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Column:
    """Of the answer. name: what AS gives it, "" where nothing does."""

    expression: Expression
    name: str = ""


@dataclass(frozen=True, slots=True)
class Query:
    """columns None: SELECT *; source: the path below S3Object, where "*" is every element; alias: what the
    records are called, "" where nothing names them; limit None: no limit."""

    columns: tuple[Column, ...] | None
    source: tuple[Step, ...]
    alias: str
    where: Expression | None
    limit: int | None
