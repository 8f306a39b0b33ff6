"""Fits least squares on every split."""

import logging

import numpy as np

from lineup.comparison.scores import write_evaluation
from lineup.data.design import read_design
from lineup.data.tables import read_splits, write_coefficients


def least_squares(X: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, float]:
    """Fits least squares with an intercept to features (n, p) and a target (n,): p coefficients, and the intercept.

    Of linearly dependent features, the coefficients are those of smallest norm.
    """
    centre = X.mean(axis=0)
    coefficients = np.linalg.lstsq(X - centre, y - y.mean(), rcond=None)[0]
    return coefficients, float(y.mean() - centre @ coefficients)


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
        found = [least_squares(*rows) for rows in zip(X, design.y[chunk.train], strict=True)]
        slopes, intercepts = (np.array(part) for part in zip(*found, strict=True))
        predicted.append(((X_test @ slopes[:, :, None])[:, :, 0] + intercepts[:, None]).ravel())
        fits += found
    slopes, intercepts = (np.array(part) for part in zip(*fits, strict=True))
    predicted = np.concatenate(predicted)
    write_evaluation(design, drawn, predicted, predictions, scores)
    write_coefficients(drawn, design.features, slopes, intercepts, coefficients)
    logger.info("Least squares fitted on %d splits.", len(drawn))
