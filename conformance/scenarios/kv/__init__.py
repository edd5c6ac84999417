"""Range, Put and DeleteRange."""
