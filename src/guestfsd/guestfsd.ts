import { packageVersion } from '../actions/version.ts';
import { Daemon, type Implementations } from '../daemon/daemon.ts';
import { GuestfsError } from '../errors/index.ts';
import type { Attachment } from '../platform/attachment.ts';
import type { Platform } from '../platform/contract.ts';
import { DaemonChannel } from '../rpc/daemon-channel.ts';
import { DaemonServer } from '../rpc/serve.ts';
import type { Transport } from '../rpc/transport.ts';
import { openChannel } from './channel.ts';
import { listen } from './listen.ts';
import { HELP, parseOptions, type DaemonOptions } from './options.ts';

/** What the program gets from its surroundings. */
export interface DaemonWorld {
  /** Make what is served. */
  createPlatform(options: DaemonOptions, warn: (message: string) => void): ServedPlatform;
  /** Take over other disks, where this is an appliance. */
  attach(attachment: Attachment): void;
  /** The actions that are served. */
  readonly actions: Implementations;
  out(text: string): void;
  /** Standard error: what the library shows as messages of the appliance. */
  log(line: string): void;
  /** Hears how a daemon that listens is stopped. */
  stop?(end: () => void): void;
}

/** A platform that may want to hear that a call is over. */
export interface ServedPlatform extends Platform {
  release?(): void;
}

/** The program guestfsd: serve a platform until there is nobody left. Returns the exit status. */
export async function guestfsd(args: readonly string[], world: DaemonWorld): Promise<number> {
  const say = (message: string): void => world.log(`guestfsd: ${message}`);
  try {
    const options = parseOptions(args);
    if (options === 'help') world.out(HELP);
    else if (options === 'version') world.out(`guestfsd ${packageVersion}\n`);
    else await run(options, world, say);
    return 0;
  } catch (error) {
    if (!(error instanceof GuestfsError)) throw error;
    say(error.message);
    return 1;
  }
}

async function run(
  options: DaemonOptions,
  world: DaemonWorld,
  say: (message: string) => void,
): Promise<void> {
  if (options.listen === undefined) {
    serve(openChannel(options.channel), options, world, say);
    return;
  }
  const serveOne = (transport: Transport): void => {
    try {
      // Each library finds the machine as it is: nothing that another one mounted or opened.
      serve(transport, options, world, say);
    } catch (error) {
      if (!(error instanceof GuestfsError)) throw error;
      say(error.message);
    }
  };
  if (options.verbose) say(`waiting at ${options.listen}`);
  await listen(options.listen, serveOne, world.stop ?? (() => undefined));
}

function serve(
  transport: Transport,
  options: DaemonOptions,
  { actions, attach, createPlatform }: DaemonWorld,
  say: (message: string) => void,
): void {
  const server = new DaemonServer(new DaemonChannel(transport), {
    log: say,
    answered: () => platform.release?.(),
    ...(options.machine ? { attach } : {}),
    ...(options.verbose ? { trace: say } : {}),
  });
  const platform = createPlatform(options, (message) => server.hooks.warn(message));
  try {
    const reason = server.serve(new Daemon(platform, server.hooks, actions));
    if (options.verbose) say(reason);
    platform.sync();
  } finally {
    platform.close();
  }
}
