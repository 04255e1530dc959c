"""What an operator asks for, put together from the stages of a row's way; free of Dagster."""
