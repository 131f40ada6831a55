"""Expressions of a query, by precedence: OR, AND, NOT, comparisons, + - ||, * / %, signs, values."""

from collections.abc import Callable
from typing import Literal

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
    Step,
    Unary,
)
from query.select.tokens import Token
from schemas.errors import SelectRefused

AGGREGATES = frozenset({"COUNT", "SUM", "AVG", "MIN", "MAX"})
TYPES = {
    "BOOL": "BOOL", "BOOLEAN": "BOOL", "INT": "INT", "INTEGER": "INT", "STRING": "STRING",
    "VARCHAR": "STRING", "CHAR": "STRING", "FLOAT": "FLOAT", "DECIMAL": "DECIMAL", "NUMERIC": "DECIMAL",
    "TIMESTAMP": "TIMESTAMP",
}  # fmt: skip
# How many arguments a function has.
FUNCTIONS = {
    "CHAR_LENGTH": (1, 1), "CHARACTER_LENGTH": (1, 1), "COALESCE": (1, 100), "LOWER": (1, 1),
    "NULLIF": (2, 2), "TO_STRING": (2, 2), "TO_TIMESTAMP": (1, 1), "UPPER": (1, 1), "UTCNOW": (0, 0),
}  # fmt: skip
PARTS = frozenset({"YEAR", "MONTH", "DAY", "HOUR", "MINUTE", "SECOND", "TIMEZONE_HOUR", "TIMEZONE_MINUTE"})
_COMPARISONS = {"=": "=", "<>": "<>", "!=": "<>", "<": "<", "<=": "<=", ">": ">", ">=": ">="}
_RESERVED = frozenset({
    "SELECT", "FROM", "WHERE", "LIMIT", "AND", "OR", "NOT", "AS", "IN", "IS", "LIKE", "BETWEEN", "ESCAPE",
    "CASE", "WHEN", "THEN", "ELSE", "END", "CAST", "GROUP", "ORDER", "BY", "HAVING", "JOIN", "UNION",
})  # fmt: skip


class Expressions:
    """Reads expressions from words; every method leaves `token` at the first word that it did not read."""

    def __init__(self, words: list[Token]) -> None:
        self._words, self._next = words, 1
        self.token = words[0]

    # --- words ---------------------------------------------------------------------------------------
    def advance(self) -> None:
        self.token = self._words[self._next]
        self._next = min(self._next + 1, len(self._words) - 1)

    def following(self, count: int) -> tuple[str, ...]:
        """The words after `token`."""
        return tuple(word.text for word in self._words[self._next : self._next + count])

    def take(self, text: str) -> bool:
        """Read that keyword or symbol, if it comes next."""
        token = self.token
        if token.upper == text or (token.kind == "symbol" and token.text == text):
            self.advance()
            return True
        return False

    def expect(self, text: str, code: str = "ParseUnexpectedToken") -> None:
        if not self.take(text):
            raise self.unexpected(code, f"{text} is expected")

    def unexpected(self, code: str = "ParseUnexpectedToken", more: str = "") -> SelectRefused:
        token = self.token
        what = "The SQL expression ends" if token.kind == "end" else f"Unexpected {token.text!r}"
        return SelectRefused(code, f"{what} at position {token.place}{': ' if more else ''}{more}.")

    def name(self) -> str:
        """A name, in quotes or not. Raises SelectRefused."""
        token = self.token
        if token.kind not in ("word", "quoted"):
            raise self.unexpected("ParseExpectedIdentForAlias", "a name is expected")
        self.advance()
        return token.text

    def index(self) -> Step:
        """What stands in brackets: a number, or a name in single quotes."""
        token = self.token
        if token.kind == "string":
            self.advance()
            return token.text
        if token.kind != "number" or not token.text.isdigit() or len(token.text) > 9:
            raise self.unexpected("ParseExpectedNumber")
        self.advance()
        return int(token.text)

    # --- operators -----------------------------------------------------------------------------------
    def expression(self) -> Expression:
        found = self._conjunction()
        while self.take("OR"):
            found = Binary("OR", found, self._conjunction())
        return found

    def _conjunction(self) -> Expression:
        found = self._negation()
        while self.take("AND"):
            found = Binary("AND", found, self._negation())
        return found

    def _negation(self) -> Expression:
        return Unary("NOT", self._negation()) if self.take("NOT") else self._comparison()

    def _comparison(self) -> Expression:
        found = self._sum()
        while True:
            operator = _COMPARISONS.get(self.token.text) if self.token.kind == "symbol" else None
            if operator is not None:
                self.advance()
                found = Binary(operator, found, self._sum())
            elif self.take("IS"):
                found = self._is(found)
            elif self.token.upper in ("IN", "BETWEEN", "LIKE", "NOT"):
                found = self._membership(found, self.take("NOT"))
            else:
                return found

    def _is(self, operand: Expression) -> Is:
        negated = self.take("NOT")
        what: Literal["NULL", "MISSING"] = "MISSING" if self.token.upper == "MISSING" else "NULL"
        self.expect(what)
        return Is(operand, what, negated)

    def _membership(self, operand: Expression, negated: bool) -> Expression:
        if self.take("IN"):
            self.expect("(")
            return In(operand, self._arguments(), negated)
        if self.take("BETWEEN"):
            low = self._sum()
            self.expect("AND")
            return Between(operand, low, self._sum(), negated)
        self.expect("LIKE")
        pattern = self._sum()
        return Like(operand, pattern, self._sum() if self.take("ESCAPE") else None, negated)

    def _sum(self) -> Expression:
        return self._chain(("+", "-", "||"), self._product)

    def _product(self) -> Expression:
        return self._chain(("*", "/", "%"), self._sign)

    def _chain(self, operators: tuple[str, ...], operand: Callable[[], Expression]) -> Expression:
        """Operands with such operators between them, from the left."""
        found = operand()
        while self.token.kind == "symbol" and self.token.text in operators:
            operator = self.token.text
            self.advance()
            found = Binary(operator, found, operand())
        return found

    def _sign(self) -> Expression:
        if self.take("-"):
            return Unary("-", self._sign())
        return Unary("+", self._sign()) if self.take("+") else self._value()

    # --- values --------------------------------------------------------------------------------------
    def _value(self) -> Expression:
        token = self.token
        if token.kind in ("number", "string"):
            self.advance()
            return Constant("number" if token.kind == "number" else "string", token.text)
        if self.take("("):
            found = self.expression()
            self._close()
            return found
        if token.kind == "quoted":
            return self._path()
        match token.upper:
            case "TRUE" | "FALSE":
                self.advance()
                return Constant("bool", token.upper)
            case "NULL" | "MISSING":
                self.advance()
                return Constant("null")
            case "CASE":
                return self._case()
            case "CAST":
                return self._cast()
        if token.kind != "word" or token.upper in _RESERVED:
            raise self.unexpected()
        return self._call() if self._words[self._next].text == "(" else self._path()

    def _path(self) -> Path:
        quoted = self.token.kind == "quoted"
        steps: list[Step] = [self.name()]
        while True:
            if self.take("."):
                if len(steps) == 1:
                    quoted = self.token.kind == "quoted"
                steps.append(self.name())
            elif self.take("["):
                if self.token.text == "*":
                    raise SelectRefused("UnsupportedSyntax", "[*] is supported after FROM S3Object only.")
                steps.append(self.index())
                self.expect("]", "ParseExpectedRightBracketLiteral")
            else:
                return Path(tuple(steps), quoted)

    def _case(self) -> Case:
        self.advance()
        operand = None if self.token.upper == "WHEN" else self.expression()
        branches = []
        while self.take("WHEN"):
            condition = self.expression()
            self.expect("THEN", "ParseExpectedKeyword")
            branches.append((condition, self.expression()))
        if not branches:
            raise self.unexpected("ParseExpectedWhenClause")
        otherwise = self.expression() if self.take("ELSE") else None
        self.expect("END", "ParseExpectedKeyword")
        return Case(operand, tuple(branches), otherwise)

    def _cast(self) -> Cast:
        self.advance()
        self.expect("(", "ParseExpectedLeftParenAfterCast")
        operand = self.expression()
        self.expect("AS", "ParseExpectedKeyword")
        kind = TYPES.get(self.token.upper)
        if kind is None:
            raise self.unexpected("ParseExpectedTypeName")
        self.advance()
        if self.take("("):  # DECIMAL(10, 2), VARCHAR(5): what it may hold is not bounded by it
            self._arguments()
        self._close()
        return Cast(operand, kind)

    def _close(self) -> None:
        self.expect(")", "ParseExpectedRightParenBuiltinFunctionCall")

    def _arguments(self) -> tuple[Expression, ...]:
        """Up to the closing parenthesis, which is read, too."""
        if self.take(")"):
            return ()
        found = [self.expression()]
        while self.take(","):
            found.append(self.expression())
        self.expect(")", "ParseExpectedArgumentDelimiter")
        return tuple(found)

    def _call(self) -> Expression:
        name = self.token.upper
        self.advance()
        self.advance()
        if name in AGGREGATES:
            return self._aggregate(name)
        match name:
            case "EXTRACT":
                part = self._part()
                self.expect("FROM")
                return self._with(name, part)
            case "DATE_ADD" | "DATE_DIFF":
                part = self._part()
                self.expect(",", "ParseExpectedArgumentDelimiter")
                return self._counted(Call(name, self._arguments(), part), 2, 2)
            case "SUBSTRING":
                return self._substring()
            case "TRIM":
                return self._trim()
        if name not in FUNCTIONS:
            raise SelectRefused("UnsupportedFunction", f"The function {name} is not supported.")
        return self._counted(Call(name, self._arguments()), *FUNCTIONS[name])

    def _with(self, name: str, part: str) -> Call:
        operand = self.expression()
        self._close()
        return Call(name, (operand,), part)

    def _counted(self, call: Call, least: int, most: int) -> Call:
        if not least <= len(call.arguments) <= most:
            raise SelectRefused(
                "EvaluatorInvalidArguments",
                f"{call.name} has {len(call.arguments)} arguments; it takes "
                f"{least if least == most else f'{least} to {most}'}.",
            )
        return call

    def _aggregate(self, name: str) -> Aggregate:
        if self.take("*"):
            if name != "COUNT":
                raise SelectRefused("UnsupportedSqlStructure", f"{name}(*) is not supported.")
            self._close()
            return Aggregate(name, None)
        self.take("ALL")
        if self.token.upper == "DISTINCT":
            raise SelectRefused("UnsupportedSqlStructure", "DISTINCT is not supported.")
        operand = self.expression()
        self._close()
        return Aggregate(name, operand)

    def _part(self) -> str:
        part = self.token.upper
        if part not in PARTS:
            raise self.unexpected("ParseExpectedDatePart")
        self.advance()
        return part

    def _substring(self) -> Call:
        text = self.expression()
        if not self.take("FROM"):
            self.expect(",", "ParseExpectedArgumentDelimiter")
            return self._counted(Call("SUBSTRING", (text, *self._arguments())), 2, 3)
        arguments = [text, self.expression()]
        if self.take("FOR"):
            arguments.append(self.expression())
        self._close()
        return Call("SUBSTRING", tuple(arguments))

    def _trim(self) -> Call:
        side = self.token.upper if self.token.upper in ("LEADING", "TRAILING", "BOTH") else ""
        if side:
            self.advance()
            if self.take("FROM"):
                return self._with("TRIM", side)
        characters = self.expression()
        if self.take("FROM"):
            text = self.expression()
            self._close()
            return Call("TRIM", (text, characters), side)
        self._close()
        return Call("TRIM", (characters,), side)
