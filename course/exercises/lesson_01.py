"""Storage, strides, offsets: where an entry lies."""

import numpy as np

from .exercise import exercise, guess


def _strides(shape):
    """NumPy's own, in entries instead of bytes."""
    made = np.empty(shape, np.int8)
    return tuple(np.array(s) for s in made.strides)


exercise(
    "01.strides",
    stub="""
    def row_major(shape): ...  # fill in: the strides of a fresh tensor of this shape, as a tuple
    """,
    cases=lambda random: [((3, 4),), ((2, 3, 4),), ((5,),), ((2, 5, 3, 2),)],
    ask=lambda answer, inputs, xp: answer(*inputs),
    expected=lambda shape: _strides(shape),
    frameworks=("torch",),
    hints=(
        "The last dim lies side by side: its stride is 1. What is one step along the dim before?",
        "One step along dim d passes over everything that the dims after d hold.",
        "Go from the last dim to the first, and multiply up the sizes that you have passed.",
    ),
    solution="""
    def row_major(shape):
        # one step along a dim passes over all that the later dims hold
        strides, step = [], 1
        for size in reversed(shape):
            strides.append(step)
            step = step * size
        return tuple(reversed(strides))
    """,
    slips={
        "these are bytes, as NumPy counts them; PyTorch's strides count entries.": """
        def row_major(shape):
            return np.empty(shape).strides
        """,
        "these are bytes of float32; PyTorch's strides count entries.": """
        def row_major(shape):
            return tuple(4 * s for s in torch.empty(shape).stride())
        """,
        "right for a matrix; another shape has more strides, or fewer.": """
        def row_major(shape):
            return (shape[-1], 1)
        """,
        "the last stride is 1: a step of 0 would stay where it is.": """
        def row_major(shape):
            return (*torch.empty(shape).stride()[:-1], 0)
        """,
        "every dim has a stride, also the last one: there it is 1.": """
        def row_major(shape):
            return torch.empty(shape).stride()[:-1]
        """,
        "these are the sizes; a stride says how far apart two neighbours lie.": """
        def row_major(shape):
            return shape
        """,
        "only along the last dim is the neighbour the next entry.": """
        def row_major(shape):
            return (1,) * len(shape)
        """,
        "the sizes of the later dims are multiplied, not added.": """
        def row_major(shape):
            return tuple(sum(shape[d + 1 :]) or 1 for d in range(len(shape)))
        """,
        "that begins with the number of all entries; the first stride passes over one row only.": """
        def row_major(shape):
            strides = [1]
            for size in reversed(shape):
                strides.insert(0, strides[0] * size)
            return tuple(strides)
        """,
        "these are right, but the wrong way round: the last dim has stride 1.": """
        def row_major(shape):
            strides, step = [], 1
            for size in reversed(shape):
                strides.append(step)
                step = step * size
            return tuple(strides)
        """,
        "you multiplied the sizes of the dims before; it is those after that a step passes over.": """
        def row_major(shape):
            strides, step = [], 1
            for size in shape:
                strides.append(step)
                step = step * size
            return tuple(strides[::-1])
        """,
        "a dim's own size is in its stride: a step along it passes over the *later* dims alone.": """
        def row_major(shape):
            strides, step = [], 1
            for size in reversed(shape):
                step = step * size
                strides.append(step)
            return tuple(reversed(strides))
        """,
        "that is Fortran's order, the first dim side by side; PyTorch puts the last side by side.": """
        def row_major(shape):
            strides, step = [], 1
            for size in shape:
                strides.append(step)
                step = step * size
            return tuple(strides)
        """,
        "these are the sizes one dim further, and not yet multiplied up.": """
        def row_major(shape):
            return tuple(shape[1:]) + (1,)
        """,
    },
)

exercise(
    "01.windows",
    stub="""
    def windows(n, k, step): ...  # fill in: return (shape, strides) of the view
    """,
    cases=lambda random: [(6, 3, 1), (7, 3, 2), (10, 2, 3), (5, 5, 1), (9, 1, 4)],
    ask=lambda answer, inputs, xp: answer(*inputs),
    expected=lambda n, k, step: _windows(n, k, step),
    frameworks=("torch",),
    hints=(
        "The view is a matrix: a row for each window. Along a row, how far apart are two entries?",
        "One row further down, the window begins `step` entries later.",
        "The last window must end within n: how many times does `step` fit into n - k?",
    ),
    solution="""
    def windows(n, k, step):
        # windows start at 0, step, 2 * step, ... as long as k entries are left
        return ((n - k) // step + 1, k), (step, 1)
    """,
    slips={
        "so many windows there are if step is 1; longer steps make fewer.": """
        def windows(n, k, step):
            return (n - k + 1, k), (step, 1)
        """,
        "the window begins `step` entries later in each row: that is the first stride.": """
        def windows(n, k, step):
            return ((n - k) // step + 1, k), (1, 1)
        """,
        "the last windows run out of the storage: k entries must be left where one begins.": """
        def windows(n, k, step):
            return (n // step, k), (step, 1)
        """,
        "so many windows fit side by side; these may lie over one another.": """
        def windows(n, k, step):
            return (n // k, k), (step, 1)
        """,
        "the shape comes first, then the strides.": """
        def windows(n, k, step):
            return (step, 1), ((n - k) // step + 1, k)
        """,
        "a window that does not fit any more is left out: round down, not up.": """
        def windows(n, k, step):
            return (-(-(n - k) // step) + 1, k), (step, 1)
        """,
        "that many windows are not always whole: round down with //.": """
        def windows(n, k, step):
            return ((n - k) / step + 1, k), (step, 1)
        """,
        "round down first, then add the first window: (n - k) // step + 1.": """
        def windows(n, k, step):
            return ((n - k + 1) // step, k), (step, 1)
        """,
        "the strides are missing: return (shape, strides).": """
        def windows(n, k, step):
            return ((n - k) // step + 1, k)
        """,
        "strides count entries, not bytes.": """
        def windows(n, k, step):
            return ((n - k) // step + 1, k), (4 * step, 4)
        """,
        "one window is missing: the first starts at 0, so there is one more than there are steps.": """
        def windows(n, k, step):
            return ((n - k) // step, k), (step, 1)
        """,
        "these windows lie side by side: the next one begins after `step` entries, not after k.": """
        def windows(n, k, step):
            return ((n - k) // step + 1, k), (k, 1)
        """,
        "the strides are those of the transposed matrix: along a row the entries are neighbours.": """
        def windows(n, k, step):
            return ((n - k) // step + 1, k), (1, step)
        """,
        "the last windows run out of the storage: a window needs k entries, not one.": """
        def windows(n, k, step):
            return ((n - 1) // step + 1, k), (step, 1)
        """,
        "the shape is the wrong way round: a row for each window.": """
        def windows(n, k, step):
            return (k, (n - k) // step + 1), (step, 1)
        """,
    },
)


def _windows(n, k, step):
    found = np.lib.stride_tricks.sliding_window_view(np.zeros(n, np.int8), k)[::step]
    return tuple(map(np.array, found.shape)), tuple(map(np.array, (step, 1)))


guess(
    "01.sharing",
    "sharing",
    say="Fill in True or False: does it share its storage with x?",
    answers={
        "x.T": True,
        "x[1]": True,
        "x[[0, 1]]": False,
        "x.T.reshape(-1)": False,
        "x.expand(2, 3, 4)": True,
        "x + 0": False,
    },
    why="views: what one offset and one stride for each dim can say",
    hints=(
        "A view is possible when one offset and one stride for each dim say where all entries lie.",
        "A list of indices may name any rows; no stride says that in general, so it is a copy.",
        "Try it: write into one of them and look at x.",
    ),
    slips={
        "a row is a view: its reading begins further on.": {"x[1]": False},
        "a list of indices copies, even where a slice would have done: `x[[0, 1]]` is no view.": {
            "x[[0, 1]]": True
        },
        "reading a transposed matrix row by row jumps back and forth: no one stride does that.": {
            "x.T.reshape(-1)": True
        },
        "expand copies nothing: the new dim has stride 0.": {"x.expand(2, 3, 4)": False},
        "arithmetic always makes a new tensor, also when it adds nothing.": {"x + 0": True},
        "a transposed matrix is a view: its two strides have changed places.": {"x.T": False},
    },
)
