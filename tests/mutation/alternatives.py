# SPDX-License-Identifier: Apache-2.0
"""What a piece of code could say instead: small changes, of which a test should notice each."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator

__all__ = ["alternatives", "is_left_alone"]

_COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
_OPERATORS: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
    ast.BitOr: ast.BitAnd,
    ast.BitAnd: ast.BitOr,
    ast.BitXor: ast.BitOr,
}
_FUNCTIONS = {"any": "all", "all": "any", "min": "max", "max": "min", "sorted": "list"}
_LOGGERS = {"logger", "_log"}
_UNDECIDED = (ast.Name, ast.Call, ast.Attribute, ast.Subscript, ast.NamedExpr, ast.Await)


def alternatives(node: ast.AST) -> Iterator[ast.AST]:
    """Yield what could stand in the place of a node; none is valid as it stands for the other."""
    make = _MAKERS.get(type(node))
    if make is not None:
        yield from make(node)


def is_left_alone(node: ast.AST) -> bool:
    """Tell whether nothing in a node is changed: logs, imports, types, what is asserted."""
    if isinstance(node, ast.Expr):
        return _is_log(node.value) or isinstance(node.value, ast.Constant)
    if isinstance(node, ast.If):
        return isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
    if isinstance(node, ast.Assign):
        return isinstance(node.targets[0], ast.Name) and _names_a_type(node.targets[0].id)
    return isinstance(node, (ast.Import, ast.ImportFrom, ast.Assert))


def _names_a_type(name: str) -> bool:
    """Tell a type's name, or what Python itself reads, from a constant's and a variable's."""
    return name.startswith("__") or (name[0].isupper() and (len(name) == 1 or not name.isupper()))


def _is_log(node: ast.expr) -> bool:
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
        return False
    return isinstance(node.func.value, ast.Name) and node.func.value.id in _LOGGERS


def _compare(node: ast.Compare) -> Iterator[ast.AST]:
    for index, operator in enumerate(node.ops):
        other = _COMPARISONS[type(operator)]()
        ops = [*node.ops[:index], other, *node.ops[index + 1 :]]
        yield ast.Compare(node.left, ops, node.comparators)


def _bool_op(node: ast.BoolOp) -> Iterator[ast.AST]:
    yield ast.BoolOp(ast.Or() if isinstance(node.op, ast.And) else ast.And(), node.values)
    for index in range(len(node.values)):
        rest = [*node.values[:index], *node.values[index + 1 :]]
        yield ast.BoolOp(node.op, rest) if len(rest) > 1 else rest[0]


def _unary_op(node: ast.UnaryOp) -> Iterator[ast.AST]:
    if isinstance(node.op, (ast.Not, ast.USub)):
        yield node.operand


def _bin_op(node: ast.BinOp) -> Iterator[ast.AST]:
    if type(node.op) in _OPERATORS:
        yield ast.BinOp(node.left, _OPERATORS[type(node.op)](), node.right)


def _aug_assign(node: ast.AugAssign) -> Iterator[ast.AST]:
    if type(node.op) in _OPERATORS:
        yield ast.AugAssign(node.target, _OPERATORS[type(node.op)](), node.value)


def _constant(node: ast.Constant) -> Iterator[ast.AST]:
    value = node.value
    if isinstance(value, bool):
        yield ast.Constant(not value)
    elif isinstance(value, (int, float)):
        yield ast.Constant(value + 1)
    elif isinstance(value, str):
        yield ast.Constant(f"{value}XX")
    elif isinstance(value, bytes):
        yield ast.Constant(value + b"XX")


def _call(node: ast.Call) -> Iterator[ast.AST]:
    for index in range(len(node.keywords)):
        rest = [*node.keywords[:index], *node.keywords[index + 1 :]]
        yield ast.Call(node.func, node.args, rest)
    if isinstance(node.func, ast.Name) and node.func.id in _FUNCTIONS:
        yield ast.Call(ast.Name(_FUNCTIONS[node.func.id], ast.Load()), node.args, [])


def _branch(node: ast.If | ast.While | ast.IfExp) -> Iterator[ast.AST]:
    if not isinstance(node.test, _UNDECIDED):
        return
    test = ast.UnaryOp(ast.Not(), node.test)
    if isinstance(node, ast.IfExp):
        yield ast.IfExp(test, node.body, node.orelse)
    else:
        yield type(node)(test, node.body, node.orelse)


def _comprehension(node: ast.comprehension) -> Iterator[ast.AST]:
    for index in range(len(node.ifs)):
        rest = [*node.ifs[:index], *node.ifs[index + 1 :]]
        yield ast.comprehension(node.target, node.iter, rest, node.is_async)


def _for(node: ast.For) -> Iterator[ast.AST]:
    yield ast.For(node.target, ast.Tuple([], ast.Load()), node.body, node.orelse)


def _return(node: ast.Return) -> Iterator[ast.AST]:
    if node.value is None:
        yield ast.Pass()
    elif not _is_false(node.value):
        yield ast.Return(ast.Constant(None))


def _assign(node: ast.Assign) -> Iterator[ast.AST]:
    if not _is_false(node.value) and not isinstance(node.targets[0], ast.Tuple):
        yield ast.Assign(node.targets, ast.Constant(None))


def _ann_assign(node: ast.AnnAssign) -> Iterator[ast.AST]:
    if node.value is not None and not _is_false(node.value):
        yield ast.AnnAssign(node.target, node.annotation, ast.Constant(None), node.simple)


def _is_false(node: ast.expr) -> bool:
    """Tell whether None in its place would say the same, or nearly: False, 0, an empty text."""
    return isinstance(node, ast.Constant) and not node.value


def _expr(node: ast.Expr) -> Iterator[ast.AST]:
    if not isinstance(node.value, (ast.Yield, ast.YieldFrom)):
        yield ast.Pass()


def _gone(_node: ast.AST) -> Iterator[ast.AST]:
    yield ast.Pass()


def _break(_node: ast.Break) -> Iterator[ast.AST]:
    yield ast.Continue()


def _continue(_node: ast.Continue) -> Iterator[ast.AST]:
    yield ast.Break()


def _yield(node: ast.Yield | ast.YieldFrom) -> Iterator[ast.AST]:
    if isinstance(node, ast.YieldFrom):
        yield ast.YieldFrom(ast.Tuple([], ast.Load()))
    elif node.value is not None:
        yield ast.Yield(ast.Constant(None))


def _lambda(node: ast.Lambda) -> Iterator[ast.AST]:
    yield ast.Lambda(node.args, ast.Constant(None))


_MAKERS: dict[type[ast.AST], Callable[..., Iterator[ast.AST]]] = {
    ast.Compare: _compare,
    ast.BoolOp: _bool_op,
    ast.UnaryOp: _unary_op,
    ast.BinOp: _bin_op,
    ast.AugAssign: _aug_assign,
    ast.Constant: _constant,
    ast.Call: _call,
    ast.If: _branch,
    ast.While: _branch,
    ast.IfExp: _branch,
    ast.comprehension: _comprehension,
    ast.For: _for,
    ast.Return: _return,
    ast.Assign: _assign,
    ast.AnnAssign: _ann_assign,
    ast.Expr: _expr,
    ast.Raise: _gone,
    ast.Delete: _gone,
    ast.Break: _break,
    ast.Continue: _continue,
    ast.Yield: _yield,
    ast.YieldFrom: _yield,
    ast.Lambda: _lambda,
}
