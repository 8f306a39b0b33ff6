"""The names of the metrics, and which way they go."""

# How often classes are predicted rightly; and what goes by the class that is predicted, and so by the threshold.
RATES = ("balanced_accuracy", "f1", "precision", "recall")
BY_CLASS = ("accuracy", *RATES)
# The metrics of each task, with their labels. Models are ranked by the first if nothing else is said.
METRICS = {
    "regression": {"mae": "MAE", "rmse": "RMSE", "r2": "R squared"},
    "classification": {
        "accuracy": "accuracy",
        "log_loss": "log loss",
        "brier": "Brier score",
        "auc": "AUC",
        "balanced_accuracy": "balanced accuracy",
        "f1": "F1",
        "precision": "precision",
        "recall": "recall",
    },
}
HIGHER_IS_BETTER = {"r2", "accuracy", "auc", *RATES}
DEFINITIONS = {
    "mae": "Mean absolute error on the test rows, lower is better",
    "rmse": "Root of the mean squared error on the test rows, lower is better",
    "r2": "1 minus the squared errors over those of the mean of the test rows, 1 is best",
    "accuracy": "Share of the test rows whose predicted class is the right one, higher is better",
    "log_loss": "Mean of minus the logarithm of the probability of the right class, lower is better",
    "brier": "Mean squared error of the probabilities, of two classes that of the one, of more the sum over all, lower is better",
    "auc": "Area under the ROC curve: how often a row of a class has a higher probability of it than another row, 0.5 by chance, 1 is best",
    "balanced_accuracy": "Mean over the classes of the share of their test rows that are classed rightly, higher is better",
    "f1": "Harmonic mean of precision and recall, higher is better",
    "precision": "Share of the rows predicted to be of a class that are, higher is better",
    "recall": "Share of the rows of a class that are predicted to be, higher is better",
}

# Under this name the null model stands in the tables, beside the models of the config.
NULL_MODEL = "null_model"

LABELS = {metric: label for labels in METRICS.values() for metric, label in labels.items()}


def metrics_of(task: str, first: str) -> dict[str, str]:
    """Gives the metrics of a task with their labels, that which models are ranked by first."""
    return {first: METRICS[task][first]} | METRICS[task]
