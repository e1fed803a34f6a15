"""A site behind a proxy that ends TLS, below a path of its host."""
