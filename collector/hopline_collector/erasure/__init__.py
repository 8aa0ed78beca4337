"""Erasure of a user or of one trace: from every table, the parts behind them, and the journal."""
