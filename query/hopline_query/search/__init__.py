"""What people ask for: the filter grammar, pasted ids, matching."""
