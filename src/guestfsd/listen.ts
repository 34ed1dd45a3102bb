import { unlinkSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { GuestfsError, isErrorCode } from '../errors/index.ts';
import { DescriptorTransport } from '../rpc/transport.ts';

/**
 * Wait at a Unix socket and serve who connects, one after the other; `serve` has the thread while it does. Resolves
 * when the server is closed by `stop`.
 */
export async function listen(
  path: string,
  serve: (transport: DescriptorTransport) => void,
  stop: (end: () => void) => void,
): Promise<void> {
  const server = createServer({ pauseOnConnect: true }, (socket) => {
    try {
      serve(new DescriptorTransport(descriptorOf(socket), { nonBlocking: true }));
    } finally {
      socket.destroy();
    }
  });
  await removeStale(path);
  await begin(server, path);
  await new Promise<void>((resolve) => {
    server.on('close', resolve);
    stop(() => server.close());
  });
}

/** The descriptor of a connection: nothing was read from it yet, and Node leaves it alone while it is paused. */
function descriptorOf(socket: Socket): number {
  const { _handle: handle } = socket as unknown as { _handle?: { fd?: number } };
  if (handle?.fd === undefined || handle.fd < 0) {
    throw new GuestfsError('ENOTSUP', 'this system gives no descriptor for the connection');
  }
  return handle.fd;
}

/** Remove a socket at which nobody listens any more. */
async function removeStale(path: string): Promise<void> {
  const stale = await new Promise<boolean>((resolve) => {
    const socket = connect(path);
    socket.on('connect', () => {
      socket.destroy();
      resolve(false);
    });
    socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code === 'ECONNREFUSED'));
  });
  if (stale) unlinkSync(path);
}

function begin(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const reason = error.code === 'EADDRINUSE' ? 'another program is there' : error.message;
      const code = isErrorCode(error.code) ? error.code : 'EBUSY';
      reject(new GuestfsError(code, `${path}: cannot wait for libraries: ${reason}`, { path, cause: error }));
    });
    // Who may connect may do everything that this user may: the socket is for this user alone.
    const before = process.umask(0o177);
    try {
      server.listen(path, resolve);
    } finally {
      process.umask(before);
    }
  });
}
