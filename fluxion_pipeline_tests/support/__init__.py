"""What tests build on: servers, folders of drops, small readings."""
