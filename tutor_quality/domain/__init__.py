"""The rules of tutoring sessions, windows and risk. Pure: no input, output, time or chance."""
