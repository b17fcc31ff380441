"""The IRC door, examined from outside: by irctest and by real clients."""
