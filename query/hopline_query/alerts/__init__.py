"""Alerts: rules over the figures, judged by one of the processes that share a store, told to receivers once."""
