"""`healthgate fit`: how an environment differs from the documents, and the lines that say so in its profile."""
