"""From the text of a query to its tree. What is not understood is refused, and never passed on."""

from query.select.expressions import Expressions
from query.select.syntax import Column, Query, Step
from query.select.tokens import tokens
from schemas.errors import SelectRefused

LIMIT = 256 * 1024  # bytes of a query
_NOT_ALIAS = frozenset({"FROM", "WHERE", "LIMIT"})
_UNSUPPORTED = frozenset({"GROUP", "ORDER", "HAVING", "JOIN", "UNION", "OFFSET"})
_AFTER_SOURCE = _UNSUPPORTED | {"WHERE", "LIMIT"}


def parse(text: str) -> Query:
    """Raises SelectRefused, with S3's code."""
    if len(text.encode("utf-8", "surrogatepass")) > LIMIT:
        raise SelectRefused("ExpressionTooLong", "The SQL expression is too long: it may have 256 KB.")
    try:
        return _Parser(list(tokens(text))).query()
    except RecursionError:
        raise SelectRefused("UnsupportedSyntax", "The SQL expression is nested too deeply.") from None


class _Parser(Expressions):
    def query(self) -> Query:
        """SELECT … FROM S3Object… [WHERE …] [LIMIT …]"""
        self.expect("SELECT", "ParseSelectMissing")
        everything = self._everything()
        columns = None if everything else self._columns()
        self.expect("FROM", "ParseSelectMissingFrom")
        source, alias = self._source()
        if everything not in ("", "*", "S3OBJECT", alias.upper()):
            raise SelectRefused(
                "InvalidKeyPath", f"Nothing is called {everything}: only s.* of S3Object s is."
            )
        where = self.expression() if self.take("WHERE") else None
        limit = self._limit() if self.take("LIMIT") else None
        self.take(";")
        if self.token.kind != "end":
            if self.token.upper in _UNSUPPORTED:
                raise SelectRefused("UnsupportedSyntax", f"{self.token.upper} is not supported.")
            raise self.unexpected()
        return Query(columns, source, alias, where, limit)

    def _everything(self) -> str:
        """ "*", or what is before `.*`, in upper case; "": columns are named."""
        if self.take("*"):
            return "*"
        name = self.token.upper
        if self.token.kind not in ("word", "quoted") or self.following(2) != (".", "*"):
            return ""
        for _ in range(3):
            self.advance()
        return name

    def _columns(self) -> tuple[Column, ...]:
        columns = [self._column()]
        while self.take(","):
            columns.append(self._column())
        return tuple(columns)

    def _column(self) -> Column:
        expression = self.expression()
        if self.take("AS") or (self.token.kind in ("word", "quoted") and self.token.upper not in _NOT_ALIAS):
            return Column(expression, self.name())
        return Column(expression)

    def _source(self) -> tuple[tuple[Step, ...], str]:
        """The path below S3Object, and the alias ("": none)."""
        if self.token.upper != "S3OBJECT":
            raise SelectRefused(
                "InvalidDataSource", f"Only S3Object can be queried, not {self.token.text!r}."
            )
        self.advance()
        path: list[Step] = []
        while True:
            if self.take("["):
                path.append("*" if self.take("*") else self.index())
                self.expect("]", "ParseExpectedRightBracketLiteral")
            elif self.take("."):
                path.append("*" if self.take("*") else self.name())
            else:
                break
        named = self.take("AS") or (
            self.token.kind in ("word", "quoted") and self.token.upper not in _AFTER_SOURCE
        )
        return tuple(path), self.name() if named else ""

    def _limit(self) -> int:
        found = self.token
        if found.kind != "number" or not found.text.isdigit() or len(found.text) > 18:
            raise self.unexpected("ParseExpectedNumber")
        self.advance()
        return int(found.text)
