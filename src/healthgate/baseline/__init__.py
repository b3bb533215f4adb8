"""What is normal in an environment, as the history that runs keep has it."""
