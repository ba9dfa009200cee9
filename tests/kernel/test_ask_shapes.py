"""Questions by shape: signatures, what trying finds out, and the search."""

import importlib
import math

import numpy as np
import pytest

from kernel.ask import probe
from kernel.ask.shapes import ORDER, SPECIAL, Shapes, as_einsum, as_layer, as_moves
from kernel.ask.signatures import NotShapes, canonical, is_query, matches, parse, variants

SAMPLES = {
    "torch": ("bmm", "matmul", "mm", "mv", "outer", "t", "transpose", "sum", "cat", "stack",
              "unsqueeze", "flatten", "exp", "add", "where"),
    "jax.numpy": ("matmul", "outer", "transpose", "swapaxes", "sum", "concatenate", "stack",
                  "expand_dims", "ravel", "exp", "add", "where"),
    "torch.linalg": ("inv", "solve"),
    "jax.numpy.linalg": ("inv", "solve"),
}  # fmt: skip
HOME = {"torch": "torch", "jax": "jax.numpy"}


# ----- signatures -----
@pytest.mark.parametrize(
    "text",
    ["(A,B)->(B,A)", "(a, b) -> (b, a)", "[B,T]->[T,B]", "(x,y)=>(y,x)", "(n,m)→(m,n)",
     "what goes (batch, time) -> (time, batch)"],
)  # fmt: skip
def test_a_query_is_read_whatever_its_letters(text):
    assert is_query(text) and str(canonical(parse(text))) == "(A,B)->(B,A)"


@pytest.mark.parametrize("text", ["(A,B", "(a,b->c", "->", "(A)->", "(A;B)->(A)", "(A,B)->(A-)!"])
def test_what_is_no_query_is_said_so_or_left_to_words(text):
    if is_query(text):
        with pytest.raises(NotShapes):
            parse(text)


@pytest.mark.parametrize(
    "general, asked, how",
    [
        ("(A,B)->(B,A)", "(A,B)->(B,A)", "exact"),
        ("(A,B)->(B,A)", "(A,A)->(A,A)", "special"),
        ("(A,B)->(B,A)", "(A,1)->(1,A)", "special"),
        ("(A,A)->(A,A)", "(A,B)->(A,B)", ""),
        ("(A,B)->(A*B)", "(B,A)->(A*B)", "exact"),
        ("(A),(A)->()", "(A),(B)->()", ""),
        ("(A)->(A)", "(A),(A)->(A)", ""),
        ("(1,A)->(A)", "(A,B)->(B)", ""),
    ],
)
def test_a_signature_matches_what_it_promises(general, asked, how):
    assert matches(parse(general), parse(asked)) == how


def test_sizes_and_dots_stand_for_letters():
    asked = [str(canonical(v)) for v in variants(parse("(3,4)->(12)"))]
    assert asked == ["(3,4)->(12)", "(A,B)->(A*B)"]
    asked = {str(canonical(v)) for v in variants(parse("(...,A,B)->(...,A)"))}
    assert asked == {"(A,B,C)->(A,B)", "(A,B)->(A)"}


@pytest.mark.parametrize(
    "asked, spelled",
    [
        ("(A,B,C),(A,C,D)->(A,B,D)", "abc,acd->abd"),
        ("(A,A)->(A)", "aa->a"),
        ("(A,B)->(A,B,C)", None),
        ("(A,B)->(A*B)", None),
        ("(A,1)->(A)", None),
    ],
)
def test_einsum_is_offered_where_it_can_say_it(asked, spelled):
    found = as_einsum(parse(asked))
    assert (found and found[0].split('"')[1]) == spelled


# ----- trying, and the search -----
@pytest.fixture(scope="module")
def shapes():
    table: dict = {}
    for home, leaves in SAMPLES.items():
        try:
            place = importlib.import_module(home)
        except ImportError:
            continue
        for leaf in leaves:
            for signature, call in probe._typed(home, leaf, getattr(place, leaf)):
                table.setdefault(str(signature), []).append((f"{home}.{leaf}", call, leaf))
    return Shapes(table)


def found(shapes, text, framework):
    place = ("torch", "jax").index(framework)
    return [str(pair[place]) for pair in shapes.find(parse(text)) if pair[place]]


EXPECTED = {
    "(A,B,C),(A,C,D)->(A,B,D)": ("torch.matmul(a, b)", "jnp.matmul(a, b)"),
    "(A,B),(B)->(A)": ("torch.matmul(a, b)", "jnp.matmul(a, b)"),
    "(n),(m)->(n,m)": ("torch.outer(a, b)", "jnp.outer(a, b)"),
    "(A,B,C)->(A,C,B)": ("torch.transpose(x, 1, 2)", "jnp.swapaxes(x, 1, 2)"),
    "(A,B,C)->(A,C)": ("torch.sum(x, dim=1)", "jnp.sum(x, axis=1)"),
    "(A,B),(A,C)->(A,B+C)": ("torch.cat([a, b], dim=1)", "jnp.concatenate([a, b], axis=1)"),
    "(A),(A)->(2,A)": ("torch.stack([a, b])", "jnp.stack([a, b])"),
    "(A),(A)->(3,A)": None,
    "(A,B)->(A,1,B)": ("torch.unsqueeze(x, dim=1)", "jnp.expand_dims(x, axis=1)"),
    "(A,B,C)->(A*B*C)": ("torch.flatten(x)", "jnp.ravel(x)"),
    "(5,5)->(5,5)": ("torch.linalg.inv(x)", "jnp.linalg.inv(x)"),
    "(A,A),(A,B)->(A,B)": ("torch.linalg.solve(a, b)", "jnp.linalg.solve(a, b)"),
    "(A,B),(A,B),(A,B)->(A,B)": ("torch.where(a, b, c)", "jnp.where(a, b, c)"),
}


@pytest.mark.parametrize("framework", HOME)
@pytest.mark.parametrize("asked", EXPECTED)
def test_functions_are_found_by_shape(shapes, asked, framework):
    calls = found(shapes, asked, framework)
    wanted = EXPECTED[asked]
    assert (wanted[framework == "jax"] in calls) if wanted else not calls, calls


@pytest.mark.parametrize("framework", HOME)
def test_an_order_of_arguments_is_told_and_put_right(shapes, framework):
    pairs = shapes.find(parse("(A,C,D),(A,B,C)->(A,B,D)"))
    calls = [pair[framework == "jax"] for pair in pairs if pair[framework == "jax"]]
    assert calls and all(call.how == ORDER for call in calls)
    assert any(str(call).endswith("matmul(b, a)") for call in calls)


@pytest.mark.parametrize("framework", HOME)
def test_a_special_case_comes_after_what_is_exactly_meant(shapes, framework):
    hows = [(pair[0] or pair[1]).how for pair in shapes.find(parse("(A,A),(A,B)->(A,B)"))]
    assert hows == sorted(hows) and hows[0] < SPECIAL


@pytest.mark.parametrize("framework", HOME)
def test_every_call_that_is_offered_runs_and_has_this_shape(shapes, framework):
    """The oracle: real arrays of other sizes, through the call as it is written."""
    lib = pytest.importorskip(framework)
    numbers = pytest.importorskip("numpy").ones
    array = lib.tensor if framework == "torch" else pytest.importorskip("jax.numpy").asarray
    names = {"torch": lib} if framework == "torch" else {"jnp": lib.numpy, "jax": lib}
    sizes = {"A": 2, "B": 3, "C": 4, "D": 6}
    for asked in [a for a in EXPECTED if "5" not in a and "n" not in a and EXPECTED[a]]:
        query = parse(asked)
        values = [array(numbers([sizes.get(d, d) for d in shape])) for shape in query.inputs]
        arrays = dict(zip("abc", values, strict=False)) | {"x": values[0]}
        wanted = tuple(eval("".join(map(str, [d])), dict(sizes)) for d in query.outputs[0])
        for call in found(shapes, asked, framework)[:4]:
            if not any(w in call for w in ("inv", "solve", "where")):
                assert tuple(eval(call, names | arrays).shape) == wanted, call


# ----- what no single function does -----
@pytest.mark.parametrize(
    "asked, moves",
    [
        ("(B,C,H,W)->(B,C*H*W)", ".reshape(B, C * H * W)"),
        ("(B,T,H*D)->(B,H,T,D)", ".reshape(B, T, H, D).permute(0, 2, 1, 3)"),
        ("(B,H,T,D)->(B,T,H*D)", ".permute(0, 2, 1, 3).reshape(B, T, H * D)"),
        ("(A,B,C)->(C,A,B)", ".permute(2, 0, 1)"),
        ("(A,B)->(A,1,B)", ".reshape(A, 1, B)"),
        ("(2,6)->(3,4)", ".reshape(3, 4)"),
        ("(N,3,32,32)->(N,3072)", ".reshape(N, 3072)"),
        ("(A,A)->(A*A)", ".reshape(A * A)"),
    ],
)
def test_entries_are_moved_by_reshapes_and_a_permutation(asked, moves):
    told = as_moves(parse(asked))
    assert told == (f"x{moves}", f"x{moves}".replace("permute", "transpose"))
    before, after = parse(asked).inputs[0], parse(asked).outputs[0]
    sizes = {"A": 2, "B": 3, "C": 4, "H": 5, "W": 6, "T": 7, "D": 8, "N": 2}
    x = np.arange(math.prod(eval(str(d), {}, sizes) for d in before))
    x = x.reshape([eval(str(d), {}, sizes) for d in before])
    made = eval(told[1], {"x": x}, sizes)
    assert made.shape == tuple(eval(str(d), {}, sizes) for d in after)


@pytest.mark.parametrize("asked", ["(A,B)->(A,B)", "(2,6)->(3,5)", "(A,B)->(A)", "(A,B),(B)->(A)"])
def test_what_is_no_move_is_not_called_one(asked):
    assert as_moves(parse(asked)) is None


def test_another_last_size_takes_a_layer():
    assert "torch.nn.Linear(D, 3 * D)" in as_layer(parse("(B,T,D)->(B,T,3*D)"))
    assert as_layer(parse("(A,B)->(C,D)")) == as_layer(parse("()->()")) == ""


@pytest.mark.parametrize("asked", ["(-1)->(1)", "(A-1)->(A)", "(A;B)->(B)"])
def test_what_is_no_dim_is_refused(asked):
    with pytest.raises(NotShapes, match="is no dim"):
        parse(asked)
