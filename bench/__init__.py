"""One script per promise about speed, on a real service of its own. `python -m bench` runs them all."""
