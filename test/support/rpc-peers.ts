import { spawn, type ChildProcess } from 'node:child_process';
import { createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const PROGRAM = fileURLToPath(new URL('./rpc-daemon.ts', import.meta.url));

/** A daemon over the engine in a process of its own, with the other end of its socket. */
export interface SpawnedDaemon {
  socket: Socket;
  process: ChildProcess;
  /** Resolves when the process has ended, with what it wrote to stderr. */
  ended: Promise<string>;
}

/** Start a daemon over the engine with these raw images, writable. */
export function spawnDaemon(...images: readonly string[]): SpawnedDaemon {
  const child = spawn(process.execPath, ['--import', 'tsx', PROGRAM, ...images], {
    stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
  });
  let said = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (said += text));
  const ended = new Promise<string>((resolve) => {
    child.on('close', () => resolve(said));
  });
  return { socket: child.stdio[3] as unknown as Socket, process: child, ended };
}

/** A Unix socket in a folder; each connection is joined to a daemon of its own. */
export async function listenForDaemons(
  folder: string,
  ...images: readonly string[]
): Promise<{ path: string; daemons: SpawnedDaemon[]; close: () => Promise<void> }> {
  const path = join(folder, 'sock');
  const daemons: SpawnedDaemon[] = [];
  const server: Server = createServer((connection) => {
    const daemon = spawnDaemon(...images);
    daemons.push(daemon);
    connection.pipe(daemon.socket).pipe(connection);
    connection.on('error', () => daemon.socket.destroy());
    daemon.socket.on('error', () => connection.destroy());
    connection.on('close', () => daemon.socket.destroy());
  });
  await new Promise<void>((resolve) => {
    server.listen(path, resolve);
  });
  return {
    path,
    daemons,
    close: async () => {
      for (const daemon of daemons) daemon.socket.destroy();
      await Promise.all(daemons.map(({ ended }) => ended));
      await new Promise((resolve) => {
        server.close(resolve);
      });
    },
  };
}
