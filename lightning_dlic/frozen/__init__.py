"""Networks of others, as they trained them: losses, discriminators and metrics look through them; none moves them."""
