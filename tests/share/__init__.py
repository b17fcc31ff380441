"""What is installed beside the program: a man page, and completion scripts for shells."""
