"""The evaluation of a train.py: the only place where a submission is judged."""
