"""The body's surfaces and the electrodes on them."""
