"""One module per page: an answer of the query service in, a template's values out."""
