"""Sequence models of one example, as a person would write them; np is torch or jax.numpy.

`w` is a dict of weights. Names say what a strategy has to get right.
"""


def cell(np, x, h, w):
    """A GRU with one matrix for each gate."""
    z = 1 / (1 + np.exp(-(x @ w["zx"] + h @ w["zh"])))
    r = 1 / (1 + np.exp(-(x @ w["rx"] + h @ w["rh"])))
    n = np.tanh(x @ w["nx"] + (r * h) @ w["nh"])
    return n + z * (h - n)


def start(np, w):
    return w["nx"][0] * 0


def last_state(np, x, w):
    h = start(np, w)
    for v in x:
        h = cell(np, v, h, w)
    return h


def walk(np, x, w):
    h, out = start(np, w), []
    for v in x:
        h = cell(np, v, h, w)
        out.append(h)
    return out


def tagger(np, x, w):
    """A state for each entry from both sides, and a score for each."""
    there, back = walk(np, x, w), []
    h = start(np, w)
    for t in range(len(x) - 1, -1, -1):
        h = cell(np, x[t], h, w)
        back.append(h)
    both = np.stack(there) + np.stack(back[::-1])
    return np.tanh(both @ w["nh"]) @ w["zx"] + x


def early_exit(np, x, w):
    h, steps = start(np, w), 0
    for v in x:
        h = cell(np, v, h, w)
        steps += 1
        if h.sum() > 0.3:
            break
    return h * steps


def characters_in_words(np, words, w):
    h = start(np, w)
    for word in words:
        c = start(np, w)
        for letter in word:
            c = cell(np, letter, c, w)
        h = cell(np, c, h, w)
    return h


def greedy_decoding(np, x, w):
    """A state for each entry; then words one by one, each looks back, until the end is said."""
    seen = np.stack(walk(np, x, w))
    h, said, total, word = seen[-1], [], 0.0, 0
    while word != 2 and len(said) < 6:
        weights = np.exp(seen @ h)
        h = cell(np, (weights[:, None] * seen).sum(0) / weights.sum(), h, w)
        scores = h @ w["zx"]
        word = scores.argmax()
        total = total + scores.max()
        said.append(scores[0])
    return total + sum(said) * len(said)


def edit_distance(np, x, w):
    """Of a sequence to its own mirror image, the costs learnt (Wagner and Fischer 1974)."""
    row = [0.0 * w["zx"][0, 0]]
    for _ in x:
        row.append(row[-1] + 1.0)
    for a in x:
        new = [row[0] + 1.0]
        for j in range(len(x)):
            cost = ((a - x[len(x) - 1 - j]) @ w["zx"][0]) ** 2
            best = row[j] + cost
            if row[j + 1] + 1.0 < best:
                best = row[j + 1] + 1.0
            if new[j] + 1.0 < best:
                best = new[j] + 1.0
            new.append(best)
        row = new
    return row[-1]


def attention(np, x, w):
    scores = (x @ w["zx"]) @ (x @ w["nx"]).T
    e = np.exp(scores)
    y = (e / e.sum(1)[:, None]) @ x
    return (np.tanh(y + x) @ w["nh"]).mean(0)


def features(np, x, w):
    """No loop: each entry on its own, and a mean of them."""
    h = np.tanh(x @ w["zx"]) * w["rx"][0]
    h = h - h.mean(0)
    return (h @ w["nx"] + x) / (1 + (h * h).sum()) * len(x)


MODELS = [last_state, tagger, early_exit, greedy_decoding, edit_distance, attention, features]
