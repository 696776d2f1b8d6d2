"""The networks: each takes hearts as points, ECGs as samples, and answers zones."""
