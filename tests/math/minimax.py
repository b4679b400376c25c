# SPDX-License-Identifier: Apache-2.0
"""Prints the polynomial coefficients of include/cellvae/math: weighted minimax fits (Remez' exchange, 50 digits).

Each line of `fits` names a function g, its interval, the weight w and the degree: the polynomial p makes the largest
|w (p - g)| smallest. The weight turns the fit's error into the error of the whole function relative to its size.
Needs mpmath.
"""
import sys
import mpmath as mp

mp.mp.dps = 50
ln2 = mp.log(2)
root = mp.findroot(mp.digamma, 1.4616)


def remez(g, lo, hi, w, degree, rounds=12):
    n = degree + 2
    nodes = [(lo + hi) / 2 - (hi - lo) / 2 * mp.cos(mp.pi * (2 * i + 1) / (2 * n)) for i in range(n)]
    grid = [lo + (hi - lo) * (1 - mp.cos(mp.pi * i / 800)) / 2 for i in range(1, 800)]
    values = [(x, g(x), w(x)) for x in grid]
    for _ in range(rounds):
        matrix = mp.matrix(n, n)
        right = mp.matrix(n, 1)
        for i, x in enumerate(nodes):
            for j in range(degree + 1):
                matrix[i, j] = x**j
            matrix[i, degree + 1] = (-1) ** i / w(x)
            right[i] = g(x)
        c = mp.lu_solve(matrix, right)
        poly = [c[j] for j in range(degree, -1, -1)]
        errors = [(x, wx * (mp.polyval(poly, x) - gx)) for x, gx, wx in values]
        # one extremum for each run of equal sign
        extrema = []
        for x, e in errors:
            if not extrema or (e > 0) != (extrema[-1][1] > 0):
                extrema.append((x, e))
            elif abs(e) > abs(extrema[-1][1]):
                extrema[-1] = (x, e)
        while len(extrema) > n:
            extrema.pop(0 if abs(extrema[0][1]) < abs(extrema[-1][1]) else -1)
        if len(extrema) < n:
            break
        nodes = [x for x, _ in extrema]
        big, small = max(abs(e) for _, e in extrema), min(abs(e) for _, e in extrema)
        if big / small < 1.001:
            break
    return poly[::-1], max(abs(e) for _, e in errors)


def expm1_tail(r):
    return (mp.expm1(r) - r) / r**2 if abs(r) > 1e-12 else mp.mpf(1) / 2 + r / 6


def log1p_tail(f):
    return (mp.log1p(f) - f + f * f / 2) / f**3 if abs(f) > 1e-12 else mp.mpf(1) / 3 - f / 4


def log_ratio_tail(z):
    s = mp.sqrt(z)
    return (mp.log((1 + s) / (1 - s)) / s - 2) / z if z > 1e-14 else mp.mpf(2) / 3 + z * 2 / 5


def binet(v):  # v = 1 / z^2
    t = mp.sqrt(v)
    z = 1 / t
    mp.mp.dps = 80
    r = (mp.loggamma(z) - (z - 0.5) * mp.log(z) + z - mp.log(2 * mp.pi) / 2) * z
    mp.mp.dps = 50
    return +r


def digamma_tail(v):
    z = 1 / mp.sqrt(v)
    mp.mp.dps = 80
    r = (mp.log(z) - 1 / (2 * z) - mp.digamma(z)) * z * z
    mp.mp.dps = 50
    return +r


def lgamma_ratio(y):
    if abs(y) < 1e-20:  # lgamma(2 + y) has zeros at y = 0 and -1
        return 1 - mp.euler
    return mp.loggamma(2 + y) / (y * (y + 1)) if abs(y + 1) > 1e-20 else mp.euler


def digamma_ratio(y):  # times x = 2 + y, which removes the pole at 0
    x = 2 + y
    return x * (mp.digamma(x) / (x - root) if abs(x - root) > 1e-20 else mp.psi(1, root))


half = ln2 / 2 * mp.mpf("1.0001")
low, high = 1 / mp.sqrt(2) - 1 - mp.mpf("1e-6"), mp.sqrt(2) - 1 + mp.mpf("1e-6")
s2 = (high / (2 + high)) ** 2
z0 = mp.mpf(1) / 64
tiny = mp.mpf("1e-12")
one = lambda x: mp.mpf(1)
fits = {
    "expm1_tail float": (expm1_tail, -half, half, lambda r: max(abs(r), mp.mpf("1e-3")), 4),
    "expm1_tail double": (expm1_tail, -half, half, lambda r: max(abs(r), mp.mpf("1e-3")), 9),
    "log1p_tail float": (log1p_tail, low, high, lambda f: f * f + mp.mpf("1e-4"), 7),
    "log_ratio_tail double": (log_ratio_tail, tiny, s2, lambda z: z + mp.mpf("1e-5"), 6),
    "binet float": (binet, tiny, z0, one, 1),
    "binet double": (binet, tiny, z0, one, 7),
    "digamma_tail float": (digamma_tail, tiny, z0, one, 2),
    "digamma_tail double": (digamma_tail, tiny, z0, one, 8),
    "lgamma_ratio float": (lgamma_ratio, mp.mpf(-1), mp.mpf(0.5), one, 11),
    "lgamma_ratio double": (lgamma_ratio, mp.mpf(-1), mp.mpf(0.5), one, 25),
    "digamma_ratio float": (digamma_ratio, mp.mpf(-1), mp.mpf(1), one, 10),
    "digamma_ratio double": (digamma_ratio, mp.mpf(-1), mp.mpf(1), one, 22),
}

if __name__ == "__main__":
    wanted = sys.argv[1:]
    for name, (g, lo, hi, w, degree) in fits.items():
        if wanted and not any(x in name for x in wanted):
            continue
        c, error = remez(g, lo, hi, w, degree)
        digits = 10 if "float" in name else 18
        print(f"// {name}: weighted error {mp.nstr(error, 3)} = 2^{mp.nstr(mp.log(error, 2), 4)}")
        print("    " + ", ".join(mp.nstr(x, digits, min_fixed=0, max_fixed=0) for x in c))
    print("// digamma's root", mp.nstr(root, 45))
