"""Programs with control flow, as the users of source-to-source tools write them.

Each stands for one that tutorials of Tapenade, Tangent and autograd differentiate. `programs(lib)`
gives `name -> (function, arguments)`; `lib` is torch or jax.numpy, and numbers become its arrays.
"""


def scale_by(x, factor):
    return x * factor


def helper_loop(x, n):
    y = x
    for _ in range(n):
        y = y * 0.5 + x
    return y


def recursive_power(x, n):
    if n == 0:
        return 1.0
    if n % 2 == 1:
        return x * recursive_power(x, n - 1)
    half = recursive_power(x, n // 2)
    return half * half


def sine_and_cosine(lib, x):
    return lib.sin(x), lib.cos(x)


class Layer:
    def __init__(self, weight):
        self.weight = weight

    def apply(self, x):
        y = x
        for _ in range(3):
            y = y * self.weight + x
        return y


def programs(lib):
    scale = 3.0

    def straight(x):
        a = x * x
        b = a + x
        return lib.sin(b) / (a + 1.0)

    def speelpenning(x):
        y = 1.0
        for i in range(len(x)):
            y = y * x[i]
        return y

    def babylonian(a):
        x = a / 2
        n = 0
        while n < 6:
            x = 0.5 * (x + a / x)
            n += 1
        return x

    def newton_with_break(a):
        x = a
        for _ in range(50):
            step = (x * x - a) / (2 * x)
            x = x - step
            if abs(step.item()) < 1e-6:
                break
        return x

    def power_by_squaring(x):
        y, n = 1.0, 13
        while n > 0:
            if n % 2 == 1:
                y = y * x
            x = x * x
            n = n // 2
        return y

    def horner(x, coefficients):
        y = 0.0
        for c in coefficients:
            y = y * x + c
        return y

    def nested_ifs(x):
        if x > 0:
            if x > 1:
                y = x * x
            elif x > 0.5:
                y = lib.sin(x)
            else:
                y = 2 * x
        else:
            y = lib.exp(x)
        return y * x

    def overwritten(x):
        x = x * 2
        y = lib.sin(x)
        x = x * y
        x = lib.tanh(x)
        return x * y

    def fibonacci(x):
        a, b = x, 1.0
        for _ in range(5):
            a, b = b, a + b * x
        return a * b

    def nested_loops(x):
        total = 0.0
        for i in range(3):
            s = 1.0
            for j in range(i + 1):
                s = s * x + j
            total = total + s * s
        return total

    def while_in_for(x):
        y = x
        for i in range(4):
            n = i
            while n > 0:
                y = lib.sin(y) + x
                n = n - 2
        return y

    def continued(x):
        y = x
        for i in range(6):
            if i % 2 == 0:
                continue
            y = y * x
            if i == 3:
                continue
            y = y + lib.cos(y)
        return y

    def early(x):
        if x > 2:
            return x * x
        y = lib.exp(x)
        if y > 3:
            return y * x
        y = y * y
        return y

    def return_in_loop(x):
        y = x
        for i in range(10):
            y = y * x
            if y > 5.0:
                return y * i
            y = y + 0.1
        return y * 100

    def return_in_nested_loop(x):
        y = x
        for i in range(5):
            for _ in range(4):
                y = y * 1.3
                if y > 3.0:
                    return y * (i + 1) + x
            y = y + 0.1 * x
        return -y

    def bubble(x):
        values = [x[0], x[1], x[2], x[3]]
        for i in range(3):
            for j in range(3 - i):
                if values[j] > values[j + 1]:
                    values[j], values[j + 1] = values[j + 1], values[j]
        return values[0] + 2 * values[1] + 3 * values[2] * values[3]

    def rnn(xs, h, w, u):
        for x in xs:
            h = lib.tanh(h @ w + x @ u)
        return (h * h).sum()

    def euler(y, k):
        t = 0.0
        dt = 0.1
        for _ in range(10):
            y = y + dt * (-k * y + lib.sin(t * y))
            t = t + dt
        return y

    def appended(x):
        ys = []
        y = x
        for _ in range(4):
            y = lib.sin(y) * x
            ys.append(y)
        total = 0.0
        for v in ys:
            total = total + v * v
        return total

    def stacked(x):
        ys = []
        for i in range(3):
            ys.append(x * i)
        return lib.stack(ys).sum() * x.sum()

    def zipped(x, w):
        y = 0.0
        for a, b in zip(x, w):  # noqa: B905
            y = y + a * b * y + a
        return y

    def enumerated(x):
        y = 0.0
        for i, v in enumerate(x):
            y = y + v**i
        return y

    def constants(x):
        y = x
        for factor, shift in [(1.0, 2.0), (0.5, 0.1)]:
            y = y * factor + shift
        return y * scale

    def conditional(x):
        y = x if x > 1 else lib.exp(x)
        z = 2 * y if y > 5 else y * x
        return z + y

    def conditional_in_loop(x):
        y = x
        for i in range(4):
            y = y * (x if i % 2 == 0 else 0.5) + (y if y < 2 else 1.0)
        return y

    def calls(x):
        y = scale_by(x, 2.0) + helper_loop(x * x, 3)
        for _ in range(2):
            y = scale_by(y, x)
        return y

    def recursion(x):
        return recursive_power(x, 5) + x

    def several_results(x):
        s, c = sine_and_cosine(lib, x)
        return s * s * x + c

    def method(x):
        return layer.apply(x) * x

    def dictionary(p, x):
        y = x
        for _ in range(2):
            y = lib.tanh(y * p["w"] + p["b"])
        return y * p["w"]

    def layers(params, x):
        for w, b in params:
            x = lib.tanh(x @ w + b)
        return x.sum()

    def broadcast(x, w):
        y = x * w + x.mean()
        return (y / (1 + w * w)).sum()

    def slices(x):
        y = x[1:] - x[:-1]
        return (y * y).sum() + x[0] * x[-1]

    def matrices(a, b):
        c = a @ b
        d = c.T @ a
        return lib.sum(lib.exp(-d)) + lib.max(c * c)

    def softmaxed(x):
        z = lib.log(lib.exp(x).sum())
        p = lib.exp(x - z)
        return (p * x).sum()

    def branch_only_once(x):
        y = x
        for i in range(4):
            if i == 2:
                z = y * y
                y = z * x
            else:
                y = y + 1
        return y

    def dead_branch(x):
        y = x * x
        if x > 100:
            y = lib.exp(y)
        return y

    def overwritten_by_constant(x):
        y = x * x
        z = y
        for _ in range(3):
            y = 0.5
            z = z * x + y
        return z + y * x

    def last_of_loop(x):
        for i in range(3):
            y = x * i
        return y + i * x

    def same_counter_twice(x):
        y = x
        for i in range(3):
            y = y * x + i
        z = y * i
        for i in range(2):
            z = z + y * i * z
        return z

    def negative_power(x):
        return x**-2 + (-x) ** 3 - 2.0**x + x**0.5 + x % 0.7

    def where(x):
        y = lib.where(x > 1.0, x * x, lib.sin(x))
        return y.sum() * 2

    def own_quotient(x):
        y = x + 1
        for _ in range(3):
            y = x / y
            y = lib.tanh(y)
        return y * x

    def own_entries(x):
        for _ in range(2):
            x = x[1:] * x[:-1]
        return x.sum() * x[0]

    def running_sums(x):
        y = [0.0, 0.0, 0.0, 0.0]
        for i in range(4):
            y[i] = x[i] * x[i] + (y[i - 1] if i > 0 else 0.0)
        return y[3] * y[1] + y[2]

    def augmented(x):
        y = x * 1.0
        y += x
        y *= 3.0
        y -= 3
        y /= 2
        return y

    layer, vector, matrix = Layer(0.7), [0.5, 1.5, 2.0, 0.3], [[0.5, 0.1], [-0.3, 0.8]]
    rows = [[1.0, 2.0], [0.5, -1.0], [0.3, 0.2]]
    arguments = {
        speelpenning: [vector], horner: [1.3, vector], bubble: [[3.0, 1.0, 2.0, 0.5]],
        rnn: [rows, [0.1, 0.2], matrix, matrix], euler: [1.0, 0.5], stacked: [vector],
        zipped: [vector, [1.0, 2.0, 0.5, 0.1]], enumerated: [vector],
        dictionary: [{"b": 0.1, "w": 0.3}, 1.2], broadcast: [rows, [0.5, 0.7]],
        layers: [[(matrix, [0.1, 0.2]), (matrix, [0.3, 0.4])], [0.5, -0.5]],
        slices: [vector], matrices: [rows, matrix], softmaxed: [vector], where: [vector],
        running_sums: [vector], own_entries: [vector],
    }  # fmt: skip
    plain = (
        straight, babylonian, power_by_squaring, nested_ifs, overwritten, fibonacci, nested_loops,
        while_in_for, continued, early, return_in_loop, return_in_nested_loop, appended, constants,
        conditional, conditional_in_loop, calls, recursion, several_results, method,
        branch_only_once, dead_branch, overwritten_by_constant, last_of_loop, same_counter_twice,
        negative_power, augmented, own_quotient, newton_with_break,
    )  # fmt: skip
    for f in plain:
        arguments[f] = [1.4]
    return {f.__name__: (f, given) for f, given in arguments.items()}
