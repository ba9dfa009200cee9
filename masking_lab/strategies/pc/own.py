"""What is each example's own in a piece of code: a comprehension's names, and new things."""

import ast

from ...lifting.canonical import flow_call


class Renamed(ast.NodeTransformer):
    """Names as those of a comprehension's own; what it goes through first is outside of it."""

    def __init__(self, own, outside):
        self.own, self.outside = own, outside

    def visit(self, node):
        return node if node is self.outside else super().visit(node)

    def visit_Name(self, node):
        node.id = self.own.get(node.id, node.id)
        return node

    def visit_Lambda(self, node):
        before, hidden = self.own, {a.arg for a in ast.walk(node.args) if isinstance(a, ast.arg)}
        self.own = {k: v for k, v in before.items() if k not in hidden}
        self.generic_visit(node)
        self.own = before
        return node


class Finish(ast.NodeTransformer):
    """Functions, lists and dicts that are made in a block become each example's own."""

    def __init__(self, define):
        self.define = define

    def visit_Lambda(self, node):
        return self.define(node)

    def visit_List(self, node):
        self.generic_visit(node)
        return flow_call("list_", node, at=node) if isinstance(node.ctx, ast.Load) else node

    def visit_Dict(self, node):
        return flow_call("fresh", self.generic_visit(node), at=node)

    def visit_Call(self, node):
        node = self.generic_visit(node)
        return flow_call("fresh", node, at=node) if self.define.makes(node) else node

    def visit_With(self, node):
        return node
