"""Users, roles and tokens: what the Auth service answers, and what each may do elsewhere."""
