"""Paths of penalized logistic regressions by proximal Newton steps, for the folds of a split side by side.

All fits share the features, so that one product of matrices gives the predictions of all of them, and another the slopes of
their losses. The Hessians of one step serve the next ones as long as these bring the fits closer (Lee, Sun and Saunders,
"Proximal Newton-type methods for minimizing composite functions", SIAM Journal on Optimization 24, 2014).
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

# The Hessians are computed anew where a step did not bring the violation down to this share of the last one.
STALE = 0.3
# With so many coefficients or fewer, all of them are in each Hessian.
FEW = 150
# How often the signs of the coefficients of a step are guessed, and how often they are gone through one by one if that fails.
GUESSES, SWEEPS = 30, 100
# A step changes no coefficient, of features of about unit variance, by more: far off a quadratic says nothing.
FAR = 5.0
# With so many columns or fewer, and two classes, a Hessian costs less than a step does.
MOST_PRODUCTS = 16
# Added to the diagonal of a Hessian, as a share of it, for linearly dependent features.
JITTER = 1e-10
# A penalty that no coefficient is worth, for features that are constant.
NEVER = 1e12


@dataclass(frozen=True)
class Fits:
    """F logistic regressions of n rows on the same q columns, the first of which is 1, for M outputs.

    Two classes have one output, the logit of the second; K > 2 classes have K, of which the softmax are the probabilities.
    """

    Z: np.ndarray  # shape (n, q)
    Y: np.ndarray  # 1 where a row is of the class of an output, else 0, shape (M, n)
    shares: np.ndarray  # what each row counts in each fit, which adds up to 1, shape (F, n)
    weights: np.ndarray  # of the penalty on each column, 0 for the first, shape (F, q)

    @cached_property
    def columns(self) -> np.ndarray:
        """The columns one after the other in memory, shape (q, n)."""
        return np.ascontiguousarray(self.Z.T)

    @cached_property
    def products(self) -> np.ndarray | None:
        """The products of each two columns, shape (n, q (q + 1) / 2), where these are few and there is one output; else None."""
        size = self.Z.shape[1]
        if len(self.Y) > 1 or size > MOST_PRODUCTS:
            return None
        first, second = np.triu_indices(size)
        return self.Z[:, first] * self.Z[:, second]

    def probabilities(self, B: np.ndarray) -> np.ndarray:
        """Predicts with coefficients (f, q, M) the probabilities of the outputs, shape (f, M, n)."""
        outputs = B.transpose(0, 2, 1).reshape(-1, B.shape[1]) @ self.columns
        return probabilities_of(outputs.reshape(len(B), B.shape[2], -1), axis=1)

    def slopes(self, P: np.ndarray, some: np.ndarray) -> np.ndarray:
        """Computes the slopes of the losses of some of the fits, shape (f, q, M), from their probabilities (f, M, n)."""
        left = P - self.Y
        left *= self.shares[some][:, None]
        return (left.reshape(-1, P.shape[2]) @ self.Z).reshape(*P.shape[:2], -1).transpose(0, 2, 1)

    def objectives(self, B: np.ndarray, penalty: float, some: np.ndarray) -> np.ndarray:
        """Computes what some of the fits minimize, shape (f,): the mean log loss and the penalty."""
        of_actual = actual_probability(self.probabilities(B), self.Y)
        loss = -(np.log(np.maximum(of_actual, 1e-300)) * self.shares[some]).sum(axis=1)
        return loss + penalty * (self.weights[some][:, :, None] * np.abs(B)).sum(axis=(1, 2))

    def hessians(self, P: np.ndarray, columns: np.ndarray, outputs: np.ndarray) -> np.ndarray:
        """Computes the Hessians of all fits for w coefficients, given by their columns and outputs: shape (F, w, w)."""
        found = np.zeros((len(P), len(columns), len(columns)))
        if self.products is not None:
            first, second = np.triu_indices(len(columns))
            found[:, first, second] = (P[:, 0] * (1 - P[:, 0]) * self.shares) @ self.products
            found[:, second, first] = found[:, first, second]
            return found
        for fit, (p, share) in enumerate(zip(P, self.shares, strict=True)):
            if len(p) == 1:
                A = self.Z[:, columns] * np.sqrt(p[0] * (1 - p[0]) * share)[:, None]
                found[fit] = A.T @ A
                continue
            for output in range(len(p)):
                here = np.flatnonzero(outputs == output)
                A = self.Z[:, columns[here]] * np.sqrt(p[output] * share)[:, None]
                found[fit][np.ix_(here, here)] = A.T @ A
            A = self.Z[:, columns] * p[outputs].T * np.sqrt(share)[:, None]
            found[fit] -= A.T @ A
        return found


def probabilities_of(outputs: np.ndarray, axis: int = -1) -> np.ndarray:
    """Turns outputs, M along an axis, into probabilities, in place: by the logistic function, or of several outputs the softmax."""
    if outputs.shape[axis] == 1:
        np.negative(outputs, out=outputs)
        with np.errstate(over="ignore"):
            np.exp(outputs, out=outputs)
        outputs += 1
        return np.reciprocal(outputs, out=outputs)
    outputs -= outputs.max(axis=axis, keepdims=True)
    np.exp(outputs, out=outputs)
    outputs /= outputs.sum(axis=axis, keepdims=True)
    return outputs


def actual_probability(P: np.ndarray, Y: np.ndarray) -> np.ndarray:
    """Gives the probability of the actual class, shape (..., n), from those of the outputs (..., M, n) and what they should be."""
    if P.shape[-2] == 1:
        return np.where(Y == 1, P, 1 - P)[..., 0, :]
    return (P * Y).sum(axis=-2)


class Path:
    """Fits at one penalty after the other, from the largest down, each from the coefficients at the last.

    Args:
        fits: What to fit.
        tolerance: How far the slopes may be from those of a minimum, as a share of the penalty.
        most: How many steps at a penalty are taken at most.
    """

    def __init__(self, fits: Fits, tolerance: float, most: int) -> None:
        self.fits, self.tolerance, self.most = fits, tolerance, most
        number, self.size, self.outputs = len(fits.shares), fits.Z.shape[1], len(fits.Y)
        self.B = np.zeros((number, self.size, self.outputs))
        frequencies = np.clip(fits.shares @ fits.Y.T, 1e-300, 1 - 1e-16)
        odds = frequencies / (1 - frequencies) if self.outputs == 1 else frequencies
        # ASSUME: of a class that a fit has no row of, the probability is e^-100.
        self.B[:, 0] = np.maximum(np.log(odds), -100.0)
        self.P = fits.probabilities(self.B)
        self.G = fits.slopes(self.P, np.arange(number))
        self.H, self.work = None, np.zeros((self.size, self.outputs), dtype=bool)

    def largest(self, fit: int) -> float:
        """Computes the smallest penalty that sets every coefficient of a fit to zero."""
        return float((np.abs(self.G[fit, 1:]) / self.fits.weights[fit, 1:, None]).max())

    def step_to(self, penalty: float) -> np.ndarray:
        """Takes all fits to a penalty, and returns whether each reached the tolerance, shape (F,)."""
        limits = penalty * self.fits.weights[:, :, None]
        everyone = np.arange(len(self.B))
        before, old = np.full(len(self.B), np.inf), self.B.copy()
        stale = self._choose(limits)
        for step in range(self.most + 1):
            violation = violations(self.G, self.B, limits) / penalty
            todo = everyone[~(violation <= self.tolerance)]
            if not len(todo) or step == self.most:
                break
            slow = todo[violation[todo] > STALE * before[todo]]
            if len(slow) and self._halve(slow, old, penalty):
                stale = True
                continue
            outside = (np.abs(self.G[todo]) > limits[todo]).any(axis=0) & ~self.work
            self.work |= outside
            if stale or self.H is None or outside.any() or len(slow) or self.fits.products is not None:
                self._renew()
                stale = False
            before[todo], old[todo] = violation[todo], self.B[todo]
            self._step(todo, limits)
        return violation <= self.tolerance

    def _choose(self, limits: np.ndarray) -> bool:
        """Chooses the coefficients that may be other than zero, and returns whether some are new, or many are no longer chosen."""
        if self.work.size <= FEW:
            wanted = np.ones_like(self.work)
        else:
            # What is left out wrongly shows when slopes are looked at, and is added then.
            wanted = ((self.B != 0) | (np.abs(self.G) >= limits)).any(axis=0)
        wanted[0] = True
        changed = bool((wanted & ~self.work).any() or self.work.sum() > 2 * wanted.sum())
        if changed:
            self.work = wanted
        return changed

    def _renew(self) -> None:
        """Computes the Hessians for the chosen coefficients."""
        self.columns, self.of = np.nonzero(self.work)
        self.H = self.fits.hessians(self.P, self.columns, self.of)
        diagonal = np.einsum("fii->fi", self.H)
        diagonal += JITTER * diagonal + 1e-14 * diagonal.max(axis=1, keepdims=True)

    def _step(self, todo: np.ndarray, limits: np.ndarray) -> None:
        """Takes fits to the minimum of the quadratic about where they are."""
        b, g = (part[todo][:, self.columns, self.of] for part in (self.B, self.G))
        found = minimum(self.H[todo], g, b, limits[todo][:, self.columns, 0])
        far = np.abs(found - b).max(axis=1, keepdims=True)
        found = np.where(far > FAR, b + (found - b) * (FAR / np.maximum(far, FAR)), found)
        self.B[todo[:, None], self.columns, self.of] = found
        self._look(todo)

    def _look(self, some: np.ndarray) -> None:
        """Computes probabilities and slopes of fits that moved."""
        P = self.fits.probabilities(self.B[some])
        self.P[some], self.G[some] = P, self.fits.slopes(P, some)

    def _halve(self, some: np.ndarray, old: np.ndarray, penalty: float) -> bool:
        """Goes halfway back in fits whose objective has risen, and returns whether there are any."""
        before, now = (self.fits.objectives(B[some], penalty, some) for B in (old, self.B))
        # Not by rounding alone.
        risen = some[~(now <= before + 1e-13 * np.abs(before))]
        if len(risen):
            self.B[risen] = (self.B[risen] + old[risen]) / 2
            self._look(risen)
        return len(risen) > 0


def violations(G: np.ndarray, B: np.ndarray, limits: np.ndarray) -> np.ndarray:
    """Computes for slopes and coefficients (F, q, M) how far off a minimum F fits are: how much too steep at the worst coefficient."""
    apart = np.where(B != 0, np.abs(G + limits * np.sign(B)), np.maximum(np.abs(G) - limits, 0.0))
    return apart.max(axis=(1, 2))


def minimum(H: np.ndarray, g: np.ndarray, b: np.ndarray, limits: np.ndarray) -> np.ndarray:
    """Minimizes ``g'(u - b) + (u - b)'H(u - b) / 2 + limits'|u|`` over u, for f problems of w coefficients.

    The signs of u are guessed, the system that they leave is solved, and they are guessed again until they stand. Where
    they do not, coefficients are gone through one by one.

    Args:
        H: Shape (f, w, w).
        g: Shape (f, w).
        b: Likewise.
        limits: Likewise, 0 for what has no penalty.
    """
    c = (H @ b[:, :, None])[:, :, 0] - g
    free = limits == 0
    sign = np.where(b != 0, np.sign(b), np.where(np.abs(g) > limits, -np.sign(g), 0.0))
    u, todo = b.copy(), np.arange(len(b))
    for _ in range(GUESSES):
        active = (sign[todo] != 0) | free[todo]
        right = np.where(active, c[todo] - limits[todo] * sign[todo], 0.0)
        try:
            tried, slope = _solved(H, c, todo, active, right)
        except np.linalg.LinAlgError:
            break
        flipped = active & ~free[todo] & (tried * sign[todo] <= 0)
        joining = ~active & (np.abs(slope) > limits[todo] * (1 + 1e-9))
        new = np.where(flipped, 0.0, np.where(joining, np.sign(slope), sign[todo]))
        stands = ~(flipped | joining).any(axis=1) & np.isfinite(tried).all(axis=1)
        u[todo[stands]] = tried[stands]
        sign[todo] = new
        todo = todo[~stands]
        if not len(todo):
            return u
    u[todo] = _one_by_one(H[todo], c[todo], b[todo], limits[todo])
    return u


def _solved(
    H: np.ndarray, c: np.ndarray, todo: np.ndarray, active: np.ndarray, right: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Solves the systems of the active coefficients (f, w) of some problems, and gives with them what is left of c, (f, w) both."""
    if H.shape[1] > FEW:  # few of them are active
        tried, slope = np.zeros_like(right), c[todo].copy()
        for place, problem in enumerate(todo):
            (here,) = np.nonzero(active[place])
            of_active = H[problem][:, here]
            tried[place, here] = np.linalg.solve(of_active[here], right[place, here])
            slope[place] -= of_active @ tried[place, here]
        return tried, slope
    A = H[todo] * (active[:, :, None] & active[:, None, :])
    diagonal = np.arange(H.shape[1])
    A[:, diagonal, diagonal] += ~active
    tried = np.linalg.solve(A, right[:, :, None])[:, :, 0]
    return tried, c[todo] - (H[todo] @ tried[:, :, None])[:, :, 0]


def _one_by_one(H: np.ndarray, c: np.ndarray, b: np.ndarray, limits: np.ndarray) -> np.ndarray:
    """Minimizes ``u'Hu / 2 - c'u + limits'|u|`` from b on by coordinate descent."""
    u, left = b.copy(), c - (H @ b[:, :, None])[:, :, 0]
    scale = np.maximum(np.einsum("fii->fi", H), 1e-300)
    for _ in range(SWEEPS):
        moved = 0.0
        for place in range(u.shape[1]):
            goal = left[:, place] + scale[:, place] * u[:, place]
            new = np.sign(goal) * np.maximum(np.abs(goal) - limits[:, place], 0.0) / scale[:, place]
            change = new - u[:, place]
            u[:, place] = new
            left -= H[:, :, place] * change[:, None]
            moved = max(moved, float((scale[:, place] * np.abs(change)).max()))
        if moved <= 1e-9 * float(np.abs(c).max()):
            break
    return u
