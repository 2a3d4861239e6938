"""What goes on between turns: deaths noticed, idle agents sent to rest, the leftovers of crashes cleared up."""
