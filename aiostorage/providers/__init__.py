"""The providers: one folder for each, none knows another."""
