"""What the double's scan rejects."""

REJECTED_WORD = "rejected_by_the_double"
