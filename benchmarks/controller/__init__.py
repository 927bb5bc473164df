"""What the controller costs on a real API server, held against the project's aims."""
