"""From a query's tree to DuckDB's SQL. Nothing of the user's text reaches it but as an escaped constant.

A record is either columns of text (CSV) or one JSON value. Values of records have no type of their own: what
they are compared with, or what is done to them, says what they are taken for, as in S3.
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple

from query.select.dates import add, difference, extract, written
from query.select.syntax import (
    Aggregate,
    Between,
    Binary,
    Call,
    Case,
    Cast,
    Constant,
    Expression,
    In,
    Is,
    Like,
    Path,
    Query,
    Step,
    Unary,
)
from schemas.errors import SelectRefused

# any: of a record; the other kinds are DuckDB's DOUBLE or BIGINT, VARCHAR, BOOLEAN, TIMESTAMP
Kind = Literal["any", "number", "string", "bool", "timestamp", "null"]

RECORD = "r"  # the column that is a record in JSON
COLUMN = "c"  # how columns of CSV are called, with their numbers from 1
_TYPES: dict[str, tuple[str, Kind]] = {
    "BOOL": ("BOOLEAN", "bool"), "INT": ("BIGINT", "number"), "STRING": ("VARCHAR", "string"),
    "FLOAT": ("DOUBLE", "number"), "DECIMAL": ("DECIMAL(38,9)", "number"),
    "TIMESTAMP": ("TIMESTAMP", "timestamp"),
}  # fmt: skip


class Sql(NamedTuple):
    text: str
    kind: Kind


class Result(NamedTuple):
    """A column of the answer. json: its values are JSON texts."""

    sql: str
    name: str
    json: bool


class Translation:
    """Of one query, over records with those columns (None: JSON).

    columns  how many CSV has
    headers  the columns' names, where the first line gives them
    now      what UTCNOW() is, as `2026-01-02 03:04:05.678`
    """

    def __init__(self, query: Query, columns: int | None, headers: Sequence[str] | None, now: str) -> None:
        self._query, self._columns, self._headers, self._now = query, columns, headers, now
        self._aggregating = False

    def results(self) -> list[Result] | None:
        """The columns of the answer; None for whole records. Raises SelectRefused."""
        if self._query.columns is None:
            return None
        found = []
        for place, column in enumerate(self._query.columns, 1):
            expression = column.expression
            json = self._columns is None and isinstance(expression, Path)
            sql = self._json(expression) if json else self.sql(expression).text  # type: ignore[arg-type]
            found.append(Result(sql, column.name or self._named(expression, place), json))
        self._check_aggregates()
        return found

    def where(self) -> str:
        """The condition; "" where there is none."""
        if self._query.where is None:
            return ""
        if _has_aggregate(self._query.where):
            raise SelectRefused("UnsupportedSqlStructure", "An aggregation cannot stand in a WHERE clause.")
        return self._truth(self._query.where)

    def _named(self, expression: Expression, place: int) -> str:
        if isinstance(expression, Path):
            last = self._steps(expression)[-1:]
            if last and isinstance(last[0], str):
                return last[0]
        return f"_{place}"

    def _check_aggregates(self) -> None:
        columns = self._query.columns or ()
        with_them = [_has_aggregate(column.expression) for column in columns]
        if any(with_them) and not all(
            found or not _has_path(column.expression)
            for found, column in zip(with_them, columns, strict=True)
        ):
            raise SelectRefused(
                "UnsupportedSqlStructure", "Columns and aggregations cannot be selected together."
            )

    # --- values of records ---------------------------------------------------------------------------
    def _steps(self, path: Path) -> tuple[Step, ...]:
        """The path within the record: without what the records are called."""
        first = path.steps[0]
        names = {self._query.alias.lower()} if self._query.alias else set()
        if isinstance(first, str) and first.lower() in names | {"s3object"}:
            return path.steps[1:]
        return path.steps

    def _path(self, path: Path) -> Sql:
        steps = self._steps(path)
        if self._columns is None:
            return Sql(f"json_extract_string({RECORD}, {json_path(steps)})", "any")
        if len(steps) != 1 or not isinstance(steps[0], str):
            raise SelectRefused("InvalidKeyPath", "A CSV record has columns only, and no deeper paths.")
        return Sql(f"{COLUMN}{self._column(steps[0], path.quoted)}", "any")

    def _column(self, name: str, quoted: bool) -> int:
        """The number of a column."""
        if self._headers is not None:
            for number, header in enumerate(self._headers, 1):
                if header == name or (not quoted and header.lower() == name.lower()):
                    return number
        place = column_number(name)
        if place is None or place > (self._columns or 0):
            raise SelectRefused(
                "MissingHeaders",
                f"There is no column {name!r}: some names in the query are missing from the file.",
            )
        return place

    def _json(self, path: Path) -> str:
        return f"json_extract({RECORD}, {json_path(self._steps(path))})"

    # --- kinds ---------------------------------------------------------------------------------------
    def _number(self, expression: Expression) -> str:
        text, kind = self.sql(expression)
        return text if kind == "number" else f"TRY_CAST({text} AS DOUBLE)"

    def _string(self, expression: Expression) -> str:
        text, kind = self.sql(expression)
        return text if kind in ("string", "any") else f"CAST({text} AS VARCHAR)"

    def _timestamp(self, expression: Expression) -> str:
        text, kind = self.sql(expression)
        return text if kind == "timestamp" else f"CAST({text} AS TIMESTAMP)"

    def _truth(self, expression: Expression) -> str:
        text, kind = self.sql(expression)
        return text if kind == "bool" else f"TRY_CAST({text} AS BOOLEAN)"

    def _alike(self, expressions: Sequence[Expression]) -> tuple[list[str], Kind]:
        """All of them as one kind: the one that some of them have, else text."""
        found = [self.sql(one) for one in expressions]
        kinds = {one.kind for one in found} - {"any", "null"}
        kind: Kind = kinds.pop() if len(kinds) == 1 else "string"
        return [self._as(one, kind) for one in found], kind

    def _as(self, one: Sql, kind: Kind) -> str:
        if one.kind in (kind, "null") or (kind == "string" and one.kind == "any"):
            return one.text
        types = {"number": "DOUBLE", "string": "VARCHAR", "bool": "BOOLEAN", "timestamp": "TIMESTAMP"}
        return f"TRY_CAST({one.text} AS {types[kind]})"

    # --- expressions ---------------------------------------------------------------------------------
    def sql(self, expression: Expression) -> Sql:
        """Raises SelectRefused."""
        match expression:
            case Path():
                return self._path(expression)
            case Constant(kind, value):
                return _constant(kind, value)
            case Unary("NOT", operand):
                return Sql(f"(NOT {self._truth(operand)})", "bool")
            case Unary(operator, operand):
                return Sql(f"({operator}{self._number(operand)})", "number")
            case Binary("AND" | "OR" as operator, left, right):
                return Sql(f"({self._truth(left)} {operator} {self._truth(right)})", "bool")
            case Binary("||", left, right):
                return Sql(f"({self._string(left)} || {self._string(right)})", "string")
            case Binary("+" | "-" | "*" | "/" | "%" as operator, left, right):
                return Sql(f"({self._number(left)} {operator} {self._number(right)})", "number")
            case Binary(operator, left, right):
                return Sql(self._compared(operator, left, right), "bool")
            case Is(operand, what, negated):
                return Sql(self._is(operand, what, negated), "bool")
            case In(operand, values, negated):
                found = " OR ".join(self._compared("=", operand, value) for value in values) or "FALSE"
                return Sql(f"({'NOT ' if negated else ''}({found}))", "bool")
            case Between(operand, low, high, negated):
                inside = f"{self._compared('>=', operand, low)} AND {self._compared('<=', operand, high)}"
                return Sql(f"({'NOT ' if negated else ''}({inside}))", "bool")
            case Like(operand, pattern, escape, negated):
                return Sql(self._like(operand, pattern, escape, negated), "bool")
            case Case():
                return self._case(expression)
            case Cast(operand, kind):
                into, made = _TYPES[kind]
                return Sql(f"CAST({self.sql(operand).text} AS {into})", made)
            case Aggregate():
                return self._aggregate(expression)
            case Call():
                return self._call(expression)

    def _compared(self, operator: str, left: Expression, right: Expression) -> str:
        a, b = self.sql(left), self.sql(right)
        if self._columns is None and a.kind == b.kind == "any":
            first, second = self._number(left), self._number(right)
            numbers = f"{first} IS NOT NULL AND {second} IS NOT NULL"
            as_numbers, as_texts = f"{first} {operator} {second}", f"{a.text} {operator} {b.text}"
            return f"(CASE WHEN {numbers} THEN {as_numbers} ELSE {as_texts} END)"
        (first, second), _ = self._alike((left, right))
        return f"({first} {operator} {second})"

    def _is(self, operand: Expression, what: str, negated: bool) -> str:
        no = "NOT " if negated else ""
        if what == "MISSING" and self._columns is None and isinstance(operand, Path):
            return f"(json_type({RECORD}, {json_path(self._steps(operand))}) IS {no}NULL)"
        return f"({self.sql(operand).text} IS {no}NULL)"

    def _like(
        self, operand: Expression, pattern: Expression, escape: Expression | None, negated: bool
    ) -> str:
        by = ""
        if escape is not None:
            if not isinstance(escape, Constant) or len(escape.value) != 1:
                raise SelectRefused("LikeInvalidInputs", "ESCAPE takes a string of one character.")
            by = f" ESCAPE {string(escape.value)}"
        return f"({self._string(operand)} {'NOT ' if negated else ''}LIKE {self._string(pattern)}{by})"

    def _case(self, case: Case) -> Sql:
        outcomes = [then for _, then in case.branches]
        if case.otherwise is not None:
            outcomes.append(case.otherwise)
        texts, kind = self._alike(outcomes)
        branches = []
        for (when, _), text in zip(case.branches, texts, strict=False):
            condition = self._truth(when) if case.operand is None else self._compared("=", case.operand, when)
            branches.append(f"WHEN {condition} THEN {text}")
        otherwise = f" ELSE {texts[-1]}" if case.otherwise is not None else ""
        return Sql(f"(CASE {' '.join(branches)}{otherwise} END)", kind)

    def _aggregate(self, aggregate: Aggregate) -> Sql:
        if self._aggregating:
            raise SelectRefused("UnsupportedSqlStructure", "Aggregations cannot be nested.")
        if aggregate.operand is None:
            return Sql("count(*)", "number")
        self._aggregating = True
        try:
            if aggregate.name == "COUNT":
                return Sql(f"count({self.sql(aggregate.operand).text})", "number")
            text, kind = self.sql(aggregate.operand)
            if aggregate.name in ("MIN", "MAX") and kind in ("timestamp", "string"):
                return Sql(f"{aggregate.name.lower()}({text})", kind)
            return Sql(f"{aggregate.name.lower()}({self._number(aggregate.operand)})", "number")
        finally:
            self._aggregating = False

    def _call(self, call: Call) -> Sql:
        arguments = call.arguments
        match call.name:
            case "CHAR_LENGTH" | "CHARACTER_LENGTH":
                return Sql(f"length({self._string(arguments[0])})", "number")
            case "LOWER" | "UPPER":
                return Sql(f"{call.name.lower()}({self._string(arguments[0])})", "string")
            case "COALESCE":
                texts, kind = self._alike(arguments)
                return Sql(f"coalesce({', '.join(texts)})", kind)
            case "NULLIF":
                equal = self._compared("=", *arguments)
                text, kind = self.sql(arguments[0])
                return Sql(f"(CASE WHEN {equal} THEN NULL ELSE {text} END)", kind)
            case "SUBSTRING":
                return Sql(self._substring(arguments), "string")
            case "TRIM":
                name = {"LEADING": "ltrim", "TRAILING": "rtrim"}.get(call.part, "trim")
                return Sql(f"{name}({', '.join(map(self._string, arguments))})", "string")
            case "UTCNOW":
                return Sql(f"TIMESTAMP {string(self._now)}", "timestamp")
            case "TO_TIMESTAMP":
                return Sql(self._timestamp(arguments[0]), "timestamp")
            case "EXTRACT":
                return Sql(extract(call.part, self._timestamp(arguments[0])), "number")
            case "DATE_ADD":
                return Sql(
                    add(call.part, self._number(arguments[0]), self._timestamp(arguments[1])), "timestamp"
                )
            case "DATE_DIFF":
                first, second = map(self._timestamp, arguments)
                return Sql(difference(call.part, first, second), "number")
            case "TO_STRING":
                pattern = arguments[1]
                if not isinstance(pattern, Constant):
                    raise SelectRefused(
                        "EvaluatorInvalidTimestampFormatPattern", "The pattern must be a string."
                    )
                return Sql(
                    f"strftime({self._timestamp(arguments[0])}, {string(written(pattern.value))})", "string"
                )
        raise SelectRefused("UnsupportedFunction", f"The function {call.name} is not supported.")

    def _substring(self, arguments: Sequence[Expression]) -> str:
        """From the first character, counted from 1; what begins before it is shorter by that much."""
        text, start = self._string(arguments[0]), f"CAST({self._number(arguments[1])} AS BIGINT)"
        begin = f"greatest({start}, 1)"
        if len(arguments) == 2:
            return f"substring({text}, {begin})"
        length = f"CAST({self._number(arguments[2])} AS BIGINT)"
        return f"substring({text}, {begin}, greatest({length} + least({start} - 1, 0), 0))"


def column_number(name: str) -> int | None:
    """Of a column that is named by its place: `_3`."""
    digits = name[1:]
    if name[:1] == "_" and digits.isascii() and digits.isdigit() and len(digits) <= 5 and int(digits):
        return int(digits)
    return None


def most_columns(query: Query) -> int:
    """The greatest number of a column that the query names by its place."""
    found = [0]

    def visit(node: object) -> None:
        if isinstance(node, Path):
            found.extend(column_number(step) or 0 for step in node.steps if isinstance(step, str))
        for child in _children(node):
            visit(child)

    visit(query)
    return max(found)


def string(text: str) -> str:
    """A constant of DuckDB's SQL."""
    if "\0" in text:
        raise SelectRefused("LexerInvalidLiteral", "A string cannot contain the character U+0000.")
    return "'" + text.replace("'", "''") + "'"


def json_path(steps: Sequence[Step]) -> str:
    """A path into a JSON value, as a constant."""
    path = "$"
    for step in steps:
        if isinstance(step, int):
            path += f"[{step}]"
            continue
        if '"' in step or "\\" in step:
            raise SelectRefused(
                "InvalidKeyPath", f"The name {step!r} cannot be looked up: it has a quote in it."
            )
        path += f'."{step}"'
    return string(path)


def _constant(kind: str, value: str) -> Sql:
    match kind:
        case "number":
            whole = value.isdigit() and len(value) <= 18
            return Sql(value if whole else f"CAST({string(value)} AS DOUBLE)", "number")
        case "string":
            return Sql(string(value), "string")
        case "bool":
            return Sql(value, "bool")
    return Sql("NULL", "null")


def _has_aggregate(node: object) -> bool:
    return isinstance(node, Aggregate) or any(map(_has_aggregate, _children(node)))


def _has_path(node: object) -> bool:
    return isinstance(node, Path) or any(map(_has_path, _children(node)))


def _children(node: object) -> list[object]:
    if isinstance(node, tuple):
        return list(node)
    return [getattr(node, name) for name in getattr(node, "__slots__", ())]
