"""Fits least squares on every split."""

import logging

import numpy as np

from lineup.comparison.scores import write_evaluation
from lineup.data.design import read_design
from lineup.data.tables import read_splits, write_coefficients


def least_squares(
    X: np.ndarray, y: np.ndarray, weights: np.ndarray | None = None
) -> tuple[np.ndarray, float]:
    """Fits least squares with an intercept to features (n, p) and a target (n,): p coefficients, and the intercept.

    Rows may have weights (n,). Of linearly dependent features, the coefficients are those of smallest norm.
    """
    centre, mean = np.average(X, axis=0, weights=weights), np.average(y, weights=weights)
    Z, centred = X - centre, y - mean
    if weights is not None:
        Z, centred = Z * np.sqrt(weights)[:, None], centred * np.sqrt(weights)
    coefficients = np.linalg.lstsq(Z, centred, rcond=None)[0]
    return coefficients, float(mean - centre @ coefficients)


def fit_linear(
    table: str, splits: str, predictions: str, scores: str, coefficients: str, logger: logging.Logger
) -> None:
    """Fits least squares on the training rows of a block of splits and writes what it gives.

    Args:
        table: The prepared table.
        splits: The block of splits.
        predictions: Parquet file to write, see ``write_evaluation``.
        scores: Parquet file to write, see ``write_evaluation``.
        coefficients: Parquet file to write, see ``write_coefficients``.
        logger: Where to report.
    """
    design, drawn = read_design(table), read_splits([splits])
    fits, predicted = [], []
    for chunk in drawn.chunks(int(drawn.sizes()[0].max()) * len(design.features)):
        X, X_test = design.coded(chunk.train, chunk.train, chunk.test)
        seen = [X, design.y[chunk.train]]
        if design.weights is not None:
            seen.append(design.weights[chunk.train])
        found = [least_squares(*rows) for rows in zip(*seen, strict=True)]
        slopes, intercepts = (np.array(part) for part in zip(*found, strict=True))
        predicted.append(((X_test @ slopes[:, :, None])[:, :, 0] + intercepts[:, None]).ravel())
        fits += found
    slopes, intercepts = (np.array(part) for part in zip(*fits, strict=True))
    predicted = np.concatenate(predicted)
    write_evaluation(design, drawn, predicted, predictions, scores)
    write_coefficients(drawn, design.features, slopes, intercepts, coefficients)
    logger.info("Least squares fitted on %d splits.", len(drawn))
