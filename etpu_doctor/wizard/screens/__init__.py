"""The screens, one a file. They show the session and pass on what the user does; nothing is judged here."""
