"""Who may do what: users, roles, permissions, and the tokens that users are known by."""
