"""What a student learns from: gold tokens, or a teacher's distribution."""
