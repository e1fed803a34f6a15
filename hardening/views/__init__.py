"""Pages. A view reads the request, calls one flow and says what came of it."""
