"""Label Studio: configuration, tasks, results, client, server."""
