"""Forms: what each changes."""
