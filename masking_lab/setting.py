"""A context variable that holds a value for a while."""


class setting:  # noqa: N801 (it is used like contextlib's own, and made for each turn of a machine)
    __slots__ = ("token", "value", "variable")

    def __init__(self, variable, value):
        self.variable, self.value = variable, value

    def __enter__(self):
        self.token = self.variable.set(self.value)

    def __exit__(self, *error):
        self.variable.reset(self.token)
