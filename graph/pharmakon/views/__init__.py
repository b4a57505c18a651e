"""Views: the graph as something to be read, one module a form."""
