"""The API as data: message classes, the method table, the error table. No behaviour."""
