"""The command line, the demo shop and the set-up."""
