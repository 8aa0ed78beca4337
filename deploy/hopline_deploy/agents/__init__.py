"""``hopline mcp``: questions and answers for agents over the Model Context Protocol, from a running server's API."""
