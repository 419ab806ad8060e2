"""Machine-learning models: datasets, training, calibration, evaluation."""
