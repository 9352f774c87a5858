"""Objects as the answers of web frameworks. A framework is imported by its own module alone."""
