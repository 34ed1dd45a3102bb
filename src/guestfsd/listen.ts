import { existsSync, lstatSync, unlinkSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { dirname } from 'node:path';
import { GuestfsError, isErrorCode, type ErrorCode } from '../errors/index.ts';
import { checkSocketPath } from '../rpc/socket-path.ts';
import { DescriptorTransport } from '../rpc/transport.ts';
import type { StopRequest } from './stop-request.ts';

/**
 * Wait at a Unix socket and serve who connects, one after the other. Resolves when the end was asked for and who was being
 * served has gone; the socket is gone then too.
 */
export async function listen(
  path: string,
  serve: (transport: DescriptorTransport) => Promise<void>,
  stop: StopRequest,
): Promise<void> {
  let turn = Promise.resolve();
  const waiting = new Set<Socket>();
  const serveInTurn = async (socket: Socket): Promise<void> => {
    waiting.delete(socket);
    try {
      if (!stop.requested) await serve(new DescriptorTransport(descriptorOf(socket), { nonBlocking: true }));
    } finally {
      socket.destroy();
    }
  };
  checkSocketPath(path);
  await removeStale(path);
  const server = createServer({ pauseOnConnect: true });
  const ended = new Promise<void>((resolve, reject) => {
    server.on('close', () => turn.then(resolve, reject));
    server.on('connection', (socket) => {
      waiting.add(socket);
      turn = turn.then(() => serveInTurn(socket));
      turn.catch(reject);
    });
  });
  await begin(server, path);
  stop.onRequest(() => {
    server.close();
    for (const socket of waiting) socket.destroy();
  });
  await ended;
}

/** The descriptor of a connection: nothing was read from it yet, and Node leaves it alone while it is paused. */
function descriptorOf(socket: Socket): number {
  const { _handle: handle } = socket as unknown as { _handle?: { fd?: number } };
  if (handle?.fd === undefined || handle.fd < 0) {
    throw new GuestfsError('ENOTSUP', 'this system gives no descriptor for the connection');
  }
  return handle.fd;
}

/** Remove a socket at which nobody listens any more; anything else stays. */
async function removeStale(path: string): Promise<void> {
  if (!isSocket(path)) return;
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

function isSocket(path: string): boolean {
  try {
    return lstatSync(path).isSocket();
  } catch {
    // Nothing is there, or nothing can be: waiting there says why.
    return false;
  }
}

function whyNot({ code, message }: NodeJS.ErrnoException, path: string): [ErrorCode, string] {
  if (code === 'EADDRINUSE') return ['EBUSY', 'another program, or a file, is there'];
  // Node says EACCES of both.
  if (code === 'EACCES' && !existsSync(dirname(path))) return ['ENOENT', 'its folder is not there'];
  return [isErrorCode(code) ? code : 'EIO', message];
}

function begin(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const [code, reason] = whyNot(error, path);
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
