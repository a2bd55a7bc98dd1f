"""One training step, written as a good user of each framework would; `task.py` says what it is."""
