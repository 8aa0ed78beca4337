"""The pages: server-rendered, with ES modules served by us."""
