"""What the checker knows of each exercise: inputs, hints, and the mistakes that people make."""
