"""What the Maintenance service answers: state, alarms, the quota, hashes, downgrades."""
