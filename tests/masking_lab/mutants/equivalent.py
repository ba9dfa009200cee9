"""Mutants that change nothing that anybody could see, each with the reason."""

LEADER = "masking_lab/lifting/leader.py"

EQUIVALENT = {
    (LEADER, "verbs.stop_gradient(one)  ->  one"): (
        "what followers compute is selected away, so its cotangents are exactly zero, and the "
        "derivatives they meet are those at the leader's own values"
    ),
    ("masking_lab/rules/__init__.py", "n < ndim  ->  n <= ndim"): "a reshape to the same shape",
}
