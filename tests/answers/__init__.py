"""Right answers written in other ways than the reference: every exam must accept all of them.

Each file holds `ANSWERS`, a dictionary from the name of an exercise to a list of answers.
"""
