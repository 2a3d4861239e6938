"""What every process has, whatever it does: fail points for tests, metrics, traces. Knows nothing of the apps."""
