"""ClickHouse's HTTP interface in front of ClickHouse's engine as a library (chDB).

# Layout
- `bootstrap`: the deployment's configuration made ready for the library; runs as root, once, before the server.
- `accounts`: who may come in, from where, with which profile.
- `engine`: the library itself: connections, statements, streams in and out.
- `sql`: the little that must be known of a statement before the engine sees it.
- `codecs`: compression of bodies, HTTP's and ClickHouse's own.
- `sessions`: connections that outlive a request.
- `exchange`: one request, from its parameters to its last byte; no HTTP library is known here.
- `server`: sockets, start and stop.
"""
