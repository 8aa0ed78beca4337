"""The query APIs of other systems as adapters over the one query service: its limits, its names, its store."""
