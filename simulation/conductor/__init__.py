"""The body as a volume conductor: boundary elements, and finite elements as the reference."""
