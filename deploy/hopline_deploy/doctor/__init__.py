"""``hopline doctor``: looks at each part and says in one line how it is and what would help. It creates nothing."""
