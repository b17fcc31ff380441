"""The rules of the chat. Pure: requests and clock readings in, effects out."""
