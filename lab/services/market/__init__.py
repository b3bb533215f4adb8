"""The market service: ingests prices, keeps the newest in Redis, serves them, diagnoses itself."""
