/** A Unix socket on which the library waits for its machine: one connection, then none. */
import { chmodSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';

/** Waits for one connection. */
export class Listener {
  readonly path: string;
  readonly #server: Server;
  readonly #connection: Promise<Socket>;

  private constructor(path: string, server: Server) {
    this.path = path;
    this.#server = server;
    this.#connection = new Promise((resolve) => {
      server.once('connection', (socket) => {
        server.close();
        // Errors show as the end of the connection.
        socket.on('error', () => {});
        resolve(socket);
      });
    });
  }

  /** Begin to listen; the socket is there when it resolves, for the user alone. */
  static async at(path: string): Promise<Listener> {
    const server = createServer({ pauseOnConnect: true });
    const listener = new Listener(path, server);
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(path, resolve);
    });
    chmodSync(path, 0o600);
    server.unref();
    return listener;
  }

  /** The connection, when it comes. */
  connection(): Promise<Socket> {
    return this.#connection;
  }

  /** Wait no longer; a connection that is there stays. */
  close(): void {
    this.#server.close();
  }
}
