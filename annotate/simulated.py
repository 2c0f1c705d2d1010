"""Raters who rate the simulated truth as people do: late, biased, noisy, in whole steps, with gaps.

Lags of 1 to 2.5 s lie within the 1 to 6 s that Mariooryad and Busso (TAFFC 6(2), 2015) observed. The other
figures are guesses that give agreements like those of published corpora.
"""

from __future__ import annotations

from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from ..capture.simulated.truth import Truth
from ..errors import TraceError
from .trace import DIMENSIONS, RATING_LIMIT, Trace

RATE_HZ = 10.0
LAG_S = (1.0, 2.5)
GAIN = (0.75, 1.1)
BIAS_SD = 0.08  # in units of [-1, 1], like the noise
NOISE_SD, NOISE_SCALE_S = 0.10, 1.5
GAP_EVERY_S, GAP_S = 20.0, (0.3, 1.5)


def simulated_traces(truth: Truth, *, session: str, seed: int, n_raters: int = 3) -> tuple[Trace, ...]:
    """Return the traces of `n_raters` simulated raters for valence and arousal, marked simulated.

    The same truth, session and seed give the same traces. A rater has one lag, drawn from 1 to 2.5 s, and
    per dimension a gain, a bias, slow noise and gaps; values are whole numbers in [-10, 10].

    Parameters
    ----------
    truth : of a simulated face
    session : id of the session that is rated
    n_raters : at least 1; they are called sim1, sim2, ...

    Raises
    ------
    TraceError
        The truth is that of a calibration board, which feels nothing.
    """
    if len(truth.tick_s) == 0 or not np.all(np.isfinite(truth.valence)):
        raise TraceError(f"wanted a session with a face to rate, found none in session {session!r}")
    traces = []
    for number in range(1, n_raters + 1):
        random = np.random.default_rng([seed, crc32(session.encode()), number])
        lag_s = random.uniform(*LAG_S)
        for dimension in DIMENSIONS:
            curve = truth.valence if dimension == "valence" else truth.arousal
            time_s, value = _rated(random, truth.tick_s, curve, lag_s)
            traces.append(Trace(session, f"sim{number}", dimension, time_s, value, simulated=True))
    return tuple(traces)


def _rated(
    random: np.random.Generator, tick_s: NDArray[np.float64], curve: NDArray[np.float64], lag_s: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the times and whole-number ratings that one rater gives to one curve."""
    n_samples = int((tick_s[-1] - tick_s[0] + lag_s) * RATE_HZ) + 1
    time_s = tick_s[0] + np.arange(n_samples) / RATE_HZ
    felt = np.interp(time_s - lag_s, tick_s, curve)
    heard = random.uniform(*GAIN) * felt + random.normal(0, BIAS_SD)
    heard += NOISE_SD * _slow_noise(random, n_samples)
    value = np.clip(np.round(heard * RATING_LIMIT), -RATING_LIMIT, RATING_LIMIT)
    for _ in range(random.poisson((time_s[-1] - time_s[0]) / GAP_EVERY_S)):
        start_s = random.uniform(time_s[0], time_s[-1])
        value[(time_s >= start_s) & (time_s < start_s + random.uniform(*GAP_S))] = np.nan
    return time_s, value


def _slow_noise(random: np.random.Generator, n_samples: int) -> NDArray[np.float64]:
    """Return noise of variance 1 that forgets itself within NOISE_SCALE_S (a first-order autoregression)."""
    keep = float(np.exp(-1 / (RATE_HZ * NOISE_SCALE_S)))
    shocks = random.normal(0, np.sqrt(1 - keep**2), n_samples)
    noise = np.empty(n_samples)
    state = random.normal()
    for i, shock in enumerate(shocks):
        state = keep * state + shock
        noise[i] = state
    return noise
