import { createConnection, type Socket } from 'node:net';
import { GuestfsError, isErrorCode } from '../../errors/index.ts';
import type { Backend, BackendEvents, LaunchConfig } from '../backend.ts';
import { checkSocketPath } from '../../rpc/socket-path.ts';
import { RemoteBackend } from '../remote/backend.ts';
import { RemoteSession } from '../remote/session.ts';

/** Milliseconds that a daemon has to say that it is ready. */
const READY_WITHIN = 60_000;
/** Milliseconds after which one that has said nothing is asked. */
const ASK_AFTER = 3000;

/**
 * A daemon that runs already, behind a Unix socket: a `guestfsd` of this package or of libguestfs. It has the disks
 * that it has; the handle adds none.
 */
export class SocketBackend extends RemoteBackend implements Backend {
  readonly name: string;
  protected readonly absence = 'there is no connection to a daemon';
  readonly #path: string;
  readonly #events: BackendEvents;
  readonly #readyWithin: number;
  readonly #askAfter: number;
  #socket: Socket | undefined;

  constructor(
    path: string,
    events: BackendEvents,
    options: { readyWithin?: number; askAfter?: number } = {},
  ) {
    super();
    this.name = `unix:${path}`;
    this.#path = path;
    this.#events = events;
    this.#readyWithin = options.readyWithin ?? READY_WITHIN;
    this.#askAfter = options.askAfter ?? ASK_AFTER;
  }

  async launch(config: LaunchConfig): Promise<void> {
    if (config.drives.length > 0) {
      throw new GuestfsError(
        'EINVAL',
        `the backend ${this.name} attaches to a daemon that has its disks already: drives cannot be added`,
      );
    }
    const socket = await connect(this.#path);
    this.#socket = socket;
    const session = new RemoteSession(socket, this.#events, () => {
      // While it is being launched the launch fails, which says enough.
      if (this.session === undefined) return;
      this.session = undefined;
      this.#events.quit(false);
    });
    const timer = setTimeout(() => {
      socket.destroy(
        new GuestfsError(
          'ETIMEDOUT',
          `nothing was heard of a daemon within ${this.#readyWithin / 1000} s: guestfsd must run there, and serves one library at a time`,
        ),
      );
    }, this.#readyWithin);
    try {
      await session.start({ askAfter: this.#askAfter });
    } catch (error) {
      throw about(this.#path, error);
    } finally {
      clearTimeout(timer);
    }
    this.session = session;
    if (config.verbose) {
      const whose = session.isOwn ? 'of this package' : 'of libguestfs';
      this.#events.library(`launch: attached to a daemon ${whose} at ${this.#path}`);
    }
    this.idle(true);
  }

  protected idle(idle: boolean): void {
    if (idle) this.#socket?.unref();
    else this.#socket?.ref();
  }

  async close(): Promise<void> {
    const session = this.session;
    this.session = undefined;
    this.idle(false);
    await session?.close();
    this.#socket?.destroy();
  }

  async kill(): Promise<void> {
    this.session?.kill();
    this.session = undefined;
    this.#socket?.destroy();
  }
}

async function connect(path: string): Promise<Socket> {
  checkSocketPath(path);
  return new Promise((resolve, reject) => {
    const socket = createConnection({ path });
    const refused = (error: NodeJS.ErrnoException): void => {
      const { code, message } = error;
      reject(
        new GuestfsError(
          isErrorCode(code) ? code : 'EIO',
          `${path}: cannot connect to the daemon: ${message}`,
          {
            path,
            cause: error,
          },
        ),
      );
    };
    socket.once('error', refused);
    socket.once('connect', () => {
      socket.off('error', refused);
      resolve(socket);
    });
  });
}

/** An error of the connection with what it is about. */
function about(path: string, error: unknown): unknown {
  if (!(error instanceof GuestfsError)) return error;
  const { cause } = error;
  const reason = cause instanceof GuestfsError ? cause : error;
  return new GuestfsError(reason.code, `${path}: ${reason.message}`, { path, cause: error });
}
