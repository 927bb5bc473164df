"""What the runtime leans on beside the API server: logs, metrics, probes, inputs and outputs, resource tokens."""
